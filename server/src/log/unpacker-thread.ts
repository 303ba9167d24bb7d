// The unpacker of a real broker: one worker, so that no batch, however it is made, holds up heartbeats and polls. It starts
// with the first compressed batch. If it ends, what it was given is refused, and the next batch starts another.
// Invariant: every call is settled; what the worker says comes in the order of the calls.

import { type CheckedBatchHeader, type ErrorCode, ProtocolError } from "@brooklet/protocol";
import { WorkerLine } from "../worker-line.ts";
import type { Logger } from "../world.ts";
import type { Unpacker } from "./unpacker.ts";

// Named once: a build that bundles the worker replaces this line.
const UNPACKER_FILE = new URL("./unpacker.worker.ts", import.meta.url);

/** Batches at the worker; each is a copy, and an unpacked one as large as its bound. The others wait here. */
const MAX_CALLS_IN_FLIGHT = 8;
/** How many may wait in front of a reader's batch; what producers send is bounded by the produce line. */
const MAX_WAITING_BEFORE_READERS = 1_000;

export interface UnpackerStart {
  readonly maxUnpackedBytes: number;
}

export type ToUnpacker =
  | { readonly kind: "check" | "unpack"; readonly batch: Uint8Array }
  /** Exit after the answers to all before. */
  | { readonly kind: "close" };

export type FromUnpacker =
  | { readonly kind: "checked"; readonly header: CheckedBatchHeader }
  | { readonly kind: "unpacked"; readonly batch: Uint8Array }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    };

export interface ThreadUnpackerOptions extends UnpackerStart {
  readonly logger: Logger;
  /** Of the worker; a test gives one that dies. */
  readonly file?: URL;
}

export class ThreadUnpacker implements Unpacker {
  readonly #options: ThreadUnpackerOptions;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #line: WorkerLine<ToUnpacker, FromUnpacker> | undefined;
  #closed = false;

  constructor(options: ThreadUnpackerOptions) {
    this.#options = options;
  }

  async check(batch: Uint8Array): Promise<CheckedBatchHeader> {
    const answer = await this.#ask("check", batch);
    if (answer.kind === "checked") return answer.header;
    throw refusalOf(answer);
  }

  async unpack(batch: Uint8Array): Promise<Uint8Array> {
    if (this.#waiting.length >= MAX_WAITING_BEFORE_READERS)
      throw new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `${this.#waiting.length} compressed batches wait to be unpacked already`,
        { hint: "Ask again a little later, or read with a client: it unpacks by itself." },
      );
    const answer = await this.#ask("unpack", batch);
    if (answer.kind === "unpacked") return answer.batch;
    throw refusalOf(answer);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const proceed of this.#waiting.splice(0)) proceed();
    await this.#line?.end({ kind: "close" });
  }

  async #ask(kind: "check" | "unpack", batch: Uint8Array): Promise<FromUnpacker> {
    if (this.#inFlight >= MAX_CALLS_IN_FLIGHT) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#inFlight += 1;
    try {
      if (this.#closed) throw new Error("the broker stops");
      // A copy, handed over: what came lies in memory that others share.
      const copy = new Uint8Array(batch);
      return await this.#running().call({ kind, batch: copy }, [copy.buffer]);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ProtocolError("BROKER_NOT_AVAILABLE", `a compressed batch could not be unpacked: ${why}`, {
        cause,
        hint: "Nothing was stored or changed. Try again; the broker starts a new thread by itself.",
      });
    } finally {
      this.#inFlight -= 1;
      this.#waiting.shift()?.();
    }
  }

  #running(): WorkerLine<ToUnpacker, FromUnpacker> {
    if (this.#line !== undefined) return this.#line;
    const { maxUnpackedBytes, logger, file = UNPACKER_FILE } = this.#options;
    const line = new WorkerLine<ToUnpacker, FromUnpacker>("unpacker", file, {
      maxUnpackedBytes,
    } satisfies UnpackerStart);
    this.#line = line;
    void line.died.then((cause) => {
      this.#line = undefined;
      logger.error({ err: cause }, "the thread that unpacks batches ended; the next compressed batch starts another");
    });
    return line;
  }
}

function refusalOf(answer: FromUnpacker): Error {
  if (answer.kind !== "refused") return new Error(`the unpacker's answer is ${answer.kind}`);
  const { code, message, hint } = answer;
  return new ProtocolError(code, message, hint === undefined ? {} : { hint });
}
