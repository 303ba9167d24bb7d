// Watches the frames of a run: every request is answered at most once, and nothing that comes by an
// older connection of a client once a newer one said hello. What heartbeat answers grant and
// which commits are accepted goes into the history.

import { type ApiRequest, type ApiResponse, decodeFrame, readBatchHeader, splitBatches } from "@brooklet/protocol";
import type { SimulatedClock } from "../support/simulated-clock.ts";
import type { History } from "./history.ts";

export class WireTap {
  readonly #history: History;
  readonly #clock: SimulatedClock;
  readonly #open = new Map<string, { api: string; header: Record<string, unknown>; arrivedMs: number }>();

  /** Of each client instance: the newest connection that was greeted, and its number. */
  readonly #newest = new Map<string, { connection: number; connectionSeq: number }>();
  readonly #instances = new Map<number, string>();

  constructor(history: History, clock: SimulatedClock) {
    this.#history = history;
    this.#clock = clock;
  }

  see(message: Uint8Array, direction: "request" | "answer", connection: number): void {
    const { header, payload } = decodeFrame(message, { maxHeaderBytes: 1 << 24 });
    if (header.api === "produce")
      for (const batch of splitBatches(payload)) this.#history.codecs.push(readBatchHeader(batch).compression);
    if (typeof header.id !== "number") return;
    const key = `${connection}/${header.id}`;
    if (direction === "request") {
      if (header.api === "offsetCommit") this.#asked(header);
      if (typeof header.api === "string")
        this.#open.set(key, { api: header.api, header, arrivedMs: this.#clock.nowMs() });
      return;
    }
    const request = this.#open.get(key);
    if (request === undefined) {
      this.#history.wireProblems.push(`answered twice or never asked: ${key} ${JSON.stringify(header).slice(0, 200)}`);
      return;
    }
    this.#open.delete(key);
    if (request.api === "hello" && header.error === undefined) this.#greeted(connection, request.header);
    const newest = this.#newest.get(this.#instances.get(connection) ?? "");
    if (newest !== undefined && newest.connection !== connection)
      this.#history.wireProblems.push(
        `${request.api} answered on connection ${connection}, which ${newest.connection} superseded`,
      );
    if (header.error !== undefined) return;
    this.#logStarts(request, header);
    if (request.api === "offsetCommit") this.#committed(request, header);
    if (request.api !== "groupHeartbeat") return;
    const asked = request.header as unknown as ApiRequest<"groupHeartbeat">;
    const answer = header as unknown as ApiResponse<"groupHeartbeat">;
    this.#history.grants.push({
      group: asked.groupId,
      memberId: asked.memberId,
      memberEpoch: answer.memberEpoch,
      instanceId: asked.instanceId,
      assignment: answer.assignment?.map(({ topic, topicId, partition }) => `${topic}-${partition} (${topicId})`),
      atMs: this.#clock.wallMs(),
    });
  }

  #greeted(connection: number, header: Record<string, unknown>): void {
    const { clientInstanceId, connectionSeq } = header as unknown as ApiRequest<"hello">;
    const before = this.#newest.get(clientInstanceId);
    if (before !== undefined && connectionSeq <= before.connectionSeq)
      this.#history.wireProblems.push(`hello ${connectionSeq} accepted after ${before.connectionSeq}`);
    this.#newest.set(clientInstanceId, { connection, connectionSeq });
    this.#instances.set(connection, clientInstanceId);
  }

  /** Fetches and deletions tell where the log begins; with the topic's id, when the request says it. */
  #logStarts(request: { api: string; header: Record<string, unknown> }, header: Record<string, unknown>): void {
    const seen = (topic: string, topicId: string | undefined, partition: number, offset: number) =>
      this.#history.logStarts.push({
        partition: `${topic}-${partition} (${topicId ?? "?"})`,
        offset,
        atMs: this.#clock.nowMs(),
        by: request.api,
      });
    if (request.api === "fetch") {
      const { partitions } = request.header as unknown as ApiRequest<"fetch">;
      const { results } = header as unknown as ApiResponse<"fetch">;
      for (const [index, { topic, partition, logStartOffset, error }] of results.entries())
        if (error === undefined) seen(topic, partitions[index]?.topicId, partition, logStartOffset);
    }
    if (request.api === "metadata") {
      const { topics } = header as unknown as ApiResponse<"metadata">;
      for (const { topic, topicId, partitions, error } of topics)
        if (error === undefined)
          for (const { partition, logStartOffset } of partitions) seen(topic, topicId, partition, logStartOffset);
    }
  }

  #asked(header: Record<string, unknown>): void {
    const { groupId, offsets } = header as unknown as ApiRequest<"offsetCommit">;
    for (const { topic, partition, offset } of offsets)
      this.#history.askedCommits.push({ group: groupId, topic, partition, offset, arrivedMs: this.#clock.nowMs() });
  }

  #committed(request: { header: Record<string, unknown>; arrivedMs: number }, header: Record<string, unknown>): void {
    const { groupId } = request.header as unknown as ApiRequest<"offsetCommit">;
    const { results } = header as unknown as ApiResponse<"offsetCommit">;
    for (const { topic, partition, offset, error } of results)
      if (error === undefined)
        this.#history.storedCommits.push({ group: groupId, topic, partition, offset, arrivedMs: request.arrivedMs });
  }
}
