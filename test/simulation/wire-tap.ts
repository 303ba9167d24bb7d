// Watches the frames of a run: every request is answered at most once, and what heartbeat answers grant goes into the history.

import { type ApiRequest, type ApiResponse, decodeFrame } from "@brooklet/protocol";
import type { SimulatedClock } from "../support/simulated-clock.ts";
import type { History } from "./history.ts";

export class WireTap {
  readonly #history: History;
  readonly #clock: SimulatedClock;
  readonly #open = new Map<string, { api: string; header: Record<string, unknown> }>();

  constructor(history: History, clock: SimulatedClock) {
    this.#history = history;
    this.#clock = clock;
  }

  see(message: Uint8Array, direction: "request" | "answer", connection: number): void {
    const { header } = decodeFrame(message, { maxHeaderBytes: 1 << 24 });
    if (typeof header.id !== "number") return;
    const key = `${connection}/${header.id}`;
    if (direction === "request") {
      if (typeof header.api === "string") this.#open.set(key, { api: header.api, header });
      return;
    }
    const request = this.#open.get(key);
    if (request === undefined) {
      this.#history.wireProblems.push(`answered twice or never asked: ${key} ${JSON.stringify(header).slice(0, 200)}`);
      return;
    }
    this.#open.delete(key);
    if (request.api !== "groupHeartbeat" || header.error !== undefined) return;
    const asked = request.header as unknown as ApiRequest<"groupHeartbeat">;
    const answer = header as unknown as ApiResponse<"groupHeartbeat">;
    this.#history.grants.push({
      group: asked.groupId,
      memberId: asked.memberId,
      memberEpoch: answer.memberEpoch,
      assignment: answer.assignment?.map(({ topic, partition }) => `${topic}-${partition}`),
      atMs: this.#clock.wallMs(),
    });
  }
}
