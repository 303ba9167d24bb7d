// How much one connection may owe and be owed: unanswered requests, their bytes, and answers that it does not read.
//
// Above the grant a request is refused (heartbeats and commits never are: a member must be able to stay and to commit);
// above twice the grant, and above the output bound, the socket is not read until it is below again. What a peer does not
// read therefore grows to the bound and by one answer at most: read-only answers beyond it are refused instead.
//
// Request bytes are bounded over all connections together, too: many that each keep to their grant are still too much.

import { type ApiName, ProtocolError } from "@brooklet/protocol";
import type { Link, Timers } from "@brooklet/protocol/world";
import type { Cancellation } from "../api/handler.ts";
import { isReadOnly } from "./answers.ts";

/** Unanswered requests of one connection; heartbeats and commits may go as far again. */
const MAX_UNANSWERED_REQUESTS = 1_000;
/** Unanswered request bytes of all connections together. */
const MAX_REQUEST_BYTES_IN_ALL = 256 * 1024 * 1024;
/** Output that a peer has not taken, beyond one whole fetch answer. */
const MAX_UNREAD_OUTPUT_BYTES = 4 * 1024 * 1024;
/** The same of all connections together; above it the one with the most is closed. */
export const MAX_UNREAD_OUTPUT_BYTES_IN_ALL = 256 * 1024 * 1024;
/** A peer whose unread output stays above the bound for so long is given up. */
const MAX_STALL_MS = 30_000;
const OUTPUT_CHECK_INTERVAL_MS = 20;

/** Small and urgent: never refused for quota. */
const exempt: ReadonlySet<string> = new Set<ApiName>(["groupHeartbeat", "offsetCommit"]);
/** A request that was started and not answered. */
export class PendingRequest implements Cancellation {
  readonly api: string;
  readonly bytes: number;
  #listeners: Set<() => void> | undefined;
  #cancelled = false;

  constructor(api: string, bytes: number) {
    this.api = api;
    this.bytes = bytes;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  onCancel(run: () => void): () => void {
    if (this.#cancelled) {
      run();
      return () => {};
    }
    this.#listeners ??= new Set();
    const listeners = this.#listeners.add(run);
    return () => void listeners.delete(run);
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const run of listeners ?? []) run();
  }

  /** It was answered: a cancel that comes later concerns nobody. */
  settle(): void {
    this.#listeners = undefined;
  }
}

/** What the connections of one broker share. */
export interface FlowTotals {
  requestBytes: number;
  /** At least what links hold that peers have not taken: each connection's share is as old as its last message. */
  unreadBytes: number;
  /** Called when unreadBytes has come above its bound: counts afresh, and closes whoever holds the most until it is below. */
  relieve(): void;
}

export class Flow {
  readonly #link: Link;
  readonly #totals: FlowTotals;
  readonly #nowMs: () => number;
  readonly #timers: Timers;
  readonly #grantBytes: number;
  readonly #maxOutputBytes: number;
  readonly #onStalled: (why: string) => void;
  #unanswered = 0;
  #inFlightBytes = 0;
  #exemptBytes = 0;
  #reading = true;
  /** Reading stopped, or would have, because of request bytes. */
  #heldBack = false;
  #heldBackUntilMs = Number.NEGATIVE_INFINITY;
  #stalledMs = 0;
  /** This connection's share of totals.unreadBytes. */
  #unreadBytes = 0;

  constructor(
    link: Link,
    world: { timers: Timers; nowMs: () => number; totals: FlowTotals },
    bounds: { maxInFlightRequestBytes: number; maxReplyBytes: number; onStalled: (why: string) => void },
  ) {
    this.#link = link;
    this.#timers = world.timers;
    this.#nowMs = world.nowMs;
    this.#totals = world.totals;
    this.#grantBytes = bounds.maxInFlightRequestBytes;
    this.#maxOutputBytes = MAX_UNREAD_OUTPUT_BYTES + bounds.maxReplyBytes;
    this.#onStalled = bounds.onStalled;
  }

  get outputIsFull(): boolean {
    return this.#link.bufferedBytes > this.#maxOutputBytes;
  }

  /** Even what may not be refused is more than anybody needs. */
  get isFlooded(): boolean {
    return this.#unanswered >= 2 * MAX_UNANSWERED_REQUESTS;
  }

  /** Why the request is not taken now. A request larger than the whole grant is taken when it is alone. */
  admit(api: string, bytes: number): ProtocolError | undefined {
    if (exempt.has(api)) return undefined;
    if (this.outputIsFull) return this.#outputFull();
    if (this.#unanswered >= MAX_UNANSWERED_REQUESTS) {
      return throttled(`${this.#unanswered} requests of this connection are not answered yet`);
    }
    if (this.#inFlightBytes > 0 && this.#inFlightBytes + bytes > this.#grantBytes) {
      return throttled(
        `${this.#inFlightBytes} request bytes of this connection are not answered yet; with these ${bytes} ` +
          `it would exceed the ${this.#grantBytes} it was granted`,
      );
    }
    if (this.#totals.requestBytes > 0 && this.#totals.requestBytes + bytes > MAX_REQUEST_BYTES_IN_ALL) {
      return throttled(`${this.#totals.requestBytes} request bytes of all connections are not answered yet`);
    }
    return undefined;
  }

  /** Whether the broker, busy with what the peer sent before, has not been reading at some time since. */
  wasHeldBackSince(sinceMs: number): boolean {
    return this.#heldBack || this.#heldBackUntilMs > sinceMs;
  }

  /** Counts afresh what the peer has not taken. */
  countUnread(): number {
    const unreadBytes = this.#link.bufferedBytes;
    this.#totals.unreadBytes += unreadBytes - this.#unreadBytes;
    this.#unreadBytes = unreadBytes;
    return unreadBytes;
  }

  /** The connection has ended: it owes nothing any more. */
  close(): void {
    this.#totals.unreadBytes -= this.#unreadBytes;
    this.#unreadBytes = 0;
    this.#totals.requestBytes -= this.#inFlightBytes + this.#exemptBytes;
    this.#inFlightBytes = 0;
    this.#exemptBytes = 0;
  }

  started(request: PendingRequest): void {
    this.#unanswered++;
    this.#count(request, request.bytes);
    this.#updateReading();
  }

  finished(request: PendingRequest): void {
    this.#unanswered--;
    this.#count(request, -request.bytes);
    this.#updateReading();
  }

  /** Why an answer of this kind is not sent now. */
  fits(api: string): ProtocolError | undefined {
    return isReadOnly(api) && this.outputIsFull ? this.#outputFull() : undefined;
  }

  send(message: Uint8Array): void {
    this.#link.send(message);
    this.countUnread();
    if (this.#totals.unreadBytes > MAX_UNREAD_OUTPUT_BYTES_IN_ALL) this.#totals.relieve();
    if (this.#reading && this.outputIsFull) this.#updateReading();
  }

  #count(request: PendingRequest, bytes: number): void {
    this.#totals.requestBytes += bytes;
    if (exempt.has(request.api)) this.#exemptBytes += bytes;
    else this.#inFlightBytes += bytes;
  }

  #updateReading(): void {
    const outputIsFull = this.outputIsFull;
    const isOverdrawn = this.#inFlightBytes + this.#exemptBytes > 2 * this.#grantBytes;
    if (this.#heldBack && !isOverdrawn) this.#heldBackUntilMs = this.#nowMs();
    this.#heldBack = isOverdrawn;
    const read = !outputIsFull && !isOverdrawn;
    // A link does not tell when it was drained; while its output is full it is asked.
    if (outputIsFull && !this.#timers.has("output")) {
      this.#timers.schedule("output", OUTPUT_CHECK_INTERVAL_MS, () => this.#checkOutput());
    }
    if (read === this.#reading) return;
    this.#reading = read;
    if (read) this.#link.resume();
    else this.#link.pause();
  }

  #checkOutput(): void {
    this.#stalledMs = this.outputIsFull ? this.#stalledMs + OUTPUT_CHECK_INTERVAL_MS : 0;
    if (this.#stalledMs >= MAX_STALL_MS) {
      this.#onStalled(`${this.#link.bufferedBytes} bytes of answers were not read for ${MAX_STALL_MS / 1000} s`);
    } else {
      this.#updateReading();
    }
  }

  #outputFull(): ProtocolError {
    return throttled(`${this.#link.bufferedBytes} bytes of answers are not read yet`);
  }
}

function throttled(why: string): ProtocolError {
  return new ProtocolError("THROTTLING_QUOTA_EXCEEDED", why, { hint: "Wait for answers before sending more." });
}
