// The commit queue: everything that must become durable is staged here, and one turn of the event loop's worth of it is
// written as one transaction. Turns are numbered and pipelined; hard place 1 of DESIGN.md section 4 lives here.

import { ProtocolError } from "@brooklet/protocol";
import { type Clock, type Deferred, deferred, type Timers } from "@brooklet/protocol/world";
import type { Logger } from "../world.ts";
import type { Storage, Turn, TurnPart, TurnVerdict } from "./storage.ts";

/** Turns handed to the storage whose fate is not known; at the bound the open turn grows until one is. */
const MAX_TURNS_IN_FLIGHT = 5;
/** Record bytes that are staged or in flight; a request that finds some waiting and would exceed it is refused. */
const MAX_STAGED_BYTES = 256 * 1024 * 1024;
/** How often a full disk is asked for room. */
const SPACE_PROBE_INTERVAL_MS = 1000;

/** What a part of the broker stages: its changes, and what to do when their fate is known. */
export interface Staged extends TurnPart {
  /** What it keeps in memory until its fate is known, for `hasRoomFor`; absent: little. */
  readonly bytes?: number;
  /** Called once, synchronously, in staging order, when the part is durable: raise ends, release answers. */
  durable(): void;
  /** Called once, after every participant was restored. STORAGE_FULL: certainly not stored; KAFKA_STORAGE_ERROR: unknown. */
  failed(error: ProtocolError): void;
}

/** A part of the broker whose memory runs ahead of the durable state. */
export interface TurnParticipant {
  /** Just before a turn is sealed: stage what is computed once per turn (targets, producer states, offset records). */
  seal?(): void;
  /** Forget everything staged: go back to what is durable. Called synchronously before any `failed`. */
  restore?(): void;
}

/** The commit queue, as log/ and groups/ see it. */
export interface TurnQueue {
  /** Adds to the open turn. */
  stage(staged: Staged): void;
  /** Asks for a turn although nothing is staged yet, because `seal` will have something. */
  requestTurn(): void;
  /** Participants are sealed and restored in the order of registration. */
  register(participant: TurnParticipant): void;
  /** While the disk is full, produce is refused at the door. */
  readonly storageFull: boolean;
  /** Whether so many record bytes more may wait for the disk. Who does not wait for answers (acks 0, closed sockets) is bounded here alone. */
  hasRoomFor(bytes: number): boolean;
}

export interface CommitQueueOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once, when the storage has stopped for good and everything staged was failed. */
  readonly onStopped: (cause: Error) => void;
  /** Called for every turn whose fate became known: how long the storage had it. For metrics; must not throw. */
  readonly onTurn?: (turn: { readonly durationMs: number; readonly outcome: TurnVerdict["outcome"] }) => void;
}

interface SentTurn {
  readonly turn: Turn;
  readonly staged: readonly Staged[];
  verdict: TurnVerdict | undefined;
}

/**
 * Collects what is staged during one pass of the event loop into a turn, and settles turns in order.
 *
 * Bounds: `MAX_TURNS_IN_FLIGHT` turns; `MAX_STAGED_BYTES` of records, which their stagers keep to by `hasRoomFor`.
 * Errors: after a failed turn everything staged behind it gets the same verdict, because it was computed from what
 * did not happen; the next generation starts from the restored, durable state.
 */
export class CommitQueue implements TurnQueue {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onStopped: (cause: Error) => void;
  readonly #onTurn: CommitQueueOptions["onTurn"];
  readonly #timers: Timers;
  readonly #participants: TurnParticipant[] = [];
  /** Staged and not sent, in staging order. */
  #open: Staged[] = [];
  /** Sent, oldest first. */
  #inFlight: SentTurn[] = [];
  #drains: Deferred<void>[] = [];
  #stagedBytes = 0;
  #lastNumber = 0;
  #generation = 1;
  #turnWanted = false;
  #flushScheduled = false;
  #sealing = false;
  #storageFull = false;
  /** Set once nothing is sent any more: what everything staged from then on gets. */
  #ended: ProtocolError | undefined;

  constructor({ storage, clock, logger, onStopped, onTurn }: CommitQueueOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#logger = logger;
    this.#onStopped = onStopped;
    this.#onTurn = onTurn;
    this.#timers = clock.timers();
    void storage.failed.then((cause) => this.#stop([], cause));
  }

  get storageFull(): boolean {
    return this.#storageFull;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#stagedBytes === 0 || this.#stagedBytes + bytes <= MAX_STAGED_BYTES;
  }

  register(participant: TurnParticipant): void {
    this.#participants.push(participant);
  }

  stage(staged: Staged): void {
    this.#open.push(staged);
    this.#stagedBytes += staged.bytes ?? 0;
    // What `seal` stages goes into the turn that is being sealed.
    if (!this.#sealing) this.requestTurn();
  }

  requestTurn(): void {
    this.#turnWanted = true;
    this.#scheduleFlush();
  }

  /** Resolves when nothing is staged or in flight. Whoever waits for it has stopped staging. */
  drain(): Promise<void> {
    if (this.#idle()) return Promise.resolve();
    const waiting = deferred();
    this.#drains.push(waiting);
    return waiting.promise;
  }

  /** Refuses what is staged and not sent; turns in flight get their verdicts. Leaves no timer. */
  close(): void {
    this.#timers.close();
    if (this.#ended !== undefined) return;
    this.#ended = new ProtocolError(
      "BROKER_NOT_AVAILABLE",
      "the broker is stopping; nothing of the request was stored",
    );
    if (this.#open.length > 0) this.#failAll(this.#open.splice(0), this.#ended);
    this.#resolveDrains();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.defer(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended !== undefined) {
      if (this.#open.length > 0) this.#failAll(this.#open.splice(0), this.#ended);
    } else if (this.#turnWanted && this.#inFlight.length < MAX_TURNS_IN_FLIGHT) {
      this.#turnWanted = false;
      this.#seal();
      if (this.#open.length > 0) this.#send(this.#open.splice(0));
    }
    this.#resolveDrains();
  }

  #seal(): void {
    this.#sealing = true;
    for (const participant of this.#participants) this.#guard("seal", () => participant.seal?.());
    this.#sealing = false;
  }

  #send(staged: readonly Staged[]): void {
    this.#lastNumber += 1;
    const turn: Turn = { number: this.#lastNumber, generation: this.#generation, parts: staged };
    const sent: SentTurn = { turn, staged, verdict: undefined };
    this.#inFlight.push(sent);
    const sentMs = this.#clock.nowMs();
    const arrived = (verdict: TurnVerdict) => {
      sent.verdict = verdict;
      this.#onTurn?.({ durationMs: this.#clock.nowMs() - sentMs, outcome: verdict.outcome });
      this.#settle();
    };
    this.#storage
      .write(turn)
      .then(arrived, (error: unknown) => arrived({ outcome: "failed", message: `a bug in the storage: ${error}` }));
  }

  /** Settles every turn at the head of the line whose verdict is there. */
  #settle(): void {
    for (;;) {
      const head = this.#inFlight[0];
      if (head?.verdict === undefined) break;
      this.#inFlight.shift();
      if (head.verdict.outcome === "durable") {
        this.#tellDurable(head.staged);
        // Without its reserve the next full disk would lose commits too.
        if (head.verdict.reserveGivenUp !== undefined) this.#becomeFull(head.verdict.reserveGivenUp);
      } else this.#failGeneration(head, head.verdict.outcome, head.verdict.message);
    }
    if (this.#turnWanted) this.#scheduleFlush();
    this.#resolveDrains();
  }

  #tellDurable(staged: readonly Staged[]): void {
    for (const part of staged) {
      this.#stagedBytes -= part.bytes ?? 0;
      this.#guard("durable", () => part.durable());
    }
  }

  #failGeneration(head: SentTurn, outcome: Exclude<TurnVerdict["outcome"], "durable">, message: string): void {
    if (outcome === "failed" || outcome === "refused") {
      // A refusal at the head of the line has no failed turn before it: the storage will not write again.
      this.#stop(head.staged, new Error(`turn ${head.turn.number} was not stored: ${message}`));
      return;
    }
    let lost = head.staged;
    if (outcome === "essentialOnly") {
      // Before anything is restored: these raise the durable state that the others are restored to.
      this.#tellDurable(head.staged.filter((part) => part.essential));
      lost = head.staged.filter((part) => !part.essential);
    }
    const behind = this.#inFlight.splice(0).flatMap((sent) => sent.staged);
    const doomed = [...lost, ...behind, ...this.#open.splice(0)];
    this.#generation += 1;
    this.#becomeFull(message);
    this.#failAll(
      doomed,
      new ProtocolError("STORAGE_FULL", `the disk is full: nothing of the request was stored (${message})`, {
        hint: "Free space on the disk that holds the data folder; the broker notices within a second or two.",
      }),
    );
  }

  #becomeFull(message: string): void {
    if (!this.#storageFull) {
      this.#logger.error({ reason: message }, "the disk is full: produce is refused until there is room");
    }
    this.#storageFull = true;
    this.#timers.schedule("probeSpace", SPACE_PROBE_INTERVAL_MS, () => void this.#probeSpace());
  }

  /**
   * Asks the storage instead of letting a client's records try: a failed try costs everything staged behind it. Without an
   * answer, the next produce is the probe.
   */
  async #probeSpace(): Promise<void> {
    const hasSpace = await (this.#storage.regainSpace?.() ?? Promise.resolve(true)).catch(() => false);
    if (this.#ended !== undefined) return;
    if (!hasSpace) {
      this.#timers.schedule("probeSpace", SPACE_PROBE_INTERVAL_MS, () => void this.#probeSpace());
      return;
    }
    this.#storageFull = false;
    this.#logger.info({}, "the disk has room again: produce is accepted");
  }

  /** Fail-stop: what is in flight may or may not be stored, and nothing is sent any more. */
  #stop(head: readonly Staged[], cause: Error): void {
    const closed = this.#ended !== undefined;
    this.#timers.close();
    const error = new ProtocolError(
      "KAFKA_STORAGE_ERROR",
      `the broker could not finish the write; it may or may not be stored (${cause.message})`,
      { cause, hint: "The broker has stopped writing; restart it: it recovers what is stored." },
    );
    this.#ended = error;
    const doomed = [...head, ...this.#inFlight.splice(0).flatMap((sent) => sent.staged), ...this.#open.splice(0)];
    if (doomed.length > 0) this.#failAll(doomed, error);
    this.#resolveDrains();
    if (!closed) this.#guard("onStopped", () => this.#onStopped(cause));
  }

  #failAll(doomed: readonly Staged[], error: ProtocolError): void {
    // At the end there may be turns in flight: what they hold would be taken back, and they may still become durable.
    if (this.#inFlight.length === 0)
      for (const participant of this.#participants) this.#guard("restore", () => participant.restore?.());
    for (const part of doomed) {
      this.#stagedBytes -= part.bytes ?? 0;
      this.#guard("failed", () => part.failed(error));
    }
  }

  #idle(): boolean {
    return this.#open.length === 0 && this.#inFlight.length === 0 && (!this.#turnWanted || this.#ended !== undefined);
  }

  #resolveDrains(): void {
    if (this.#drains.length === 0 || !this.#idle()) return;
    for (const waiting of this.#drains.splice(0)) waiting.resolve();
  }

  /** A callback that throws is a bug of its owner; the others' turns go on. */
  #guard(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#logger.error({ err: error }, `bug: ${what}() of a turn threw`);
    }
  }
}
