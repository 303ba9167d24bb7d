// Fetches that wait for data (Kafka's purgatory): parked without a thread or a poll, woken by what they wait for.
// Invariants: each is completed exactly once, by data, a moved log start, a deleted topic, its deadline, cancel or stop;
// what moves while an attempt is reading is not missed; their number is bounded (max.parked.fetches).

import { ProtocolError } from "@brooklet/protocol";
import type { Clock, Timers } from "@brooklet/protocol/world";
import type { FetchResults, FetchWaiting } from "./log.ts";
import type { Partition } from "./partition.ts";

/** Partitions watched by all waiting fetches together: a fetch of many partitions weighs as much as many fetches. */
export const MAX_WATCHED_PARTITIONS = 1_000_000;

/** What one attempt to answer came to. */
export interface Attempt {
  readonly results: FetchResults;
  readonly bytes: number;
  /** There is an error among the results: it is answered at once. */
  readonly refused: boolean;
}

/** A fetch that could not be answered at once. */
export interface WaitingFetch {
  /** Every partition whose move may complete it. */
  readonly partitions: readonly Partition[];
  readonly minBytes: number;
  readonly waitMs: number;
  /** Reads afresh, from what is visible now. */
  attempt(): Attempt | Promise<Attempt>;
  /** The answer of a fetch that nobody waits for. */
  nothing(): FetchResults;
  /** Nobody waits any more: an attempt that is reading may stop. */
  abandon(): void;
}

export class DelayedFetches {
  readonly #timers: Timers;
  readonly #maxWaiting: number;
  readonly #byPartition = new Map<Partition, Set<DelayedFetch>>();
  readonly #all = new Set<DelayedFetch>();
  #woken: Set<DelayedFetch> | undefined;
  #nextNumber = 0;
  #watched = 0;

  constructor(clock: Clock, maxWaiting: number) {
    this.#timers = clock.timers();
    this.#maxWaiting = maxWaiting;
  }

  /** Fetches that are parked or read from the storage. */
  get size(): number {
    return this.#all.size;
  }

  /** Waits until `fetch` can be answered. `first` is its first attempt: under way, or too little. */
  wait(fetch: WaitingFetch, first: Attempt | Promise<Attempt>, waiting: FetchWaiting): Promise<FetchResults> {
    const tooMany = this.#tooMany(fetch);
    if (tooMany !== undefined)
      return Promise.reject(
        new ProtocolError("THROTTLING_QUOTA_EXCEEDED", tooMany, {
          hint: "Wait for fewer partitions at once from fewer consumers, or raise max.parked.fetches.",
        }),
      );
    return new Promise((resolve, reject) => {
      const delayed = new DelayedFetch(fetch, {
        resolve,
        reject,
        startDeadline: (run) => {
          const key = `fetch ${this.#nextNumber++}`;
          this.#timers.schedule(key, fetch.waitMs, run);
          return () => this.#timers.cancel(key);
        },
        ended: (ended) => this.#remove(ended),
      });
      this.#all.add(delayed);
      this.#watched += fetch.partitions.length;
      for (const partition of fetch.partitions) {
        const others = this.#byPartition.get(partition);
        if (others === undefined) this.#byPartition.set(partition, new Set([delayed]));
        else others.add(delayed);
      }
      delayed.begin(first, waiting);
    });
  }

  /** `bytes` more became visible in the partition. Wakes those for whom that may be enough. */
  moved(partition: Partition, bytes: number): void {
    const fetches = this.#byPartition.get(partition);
    if (fetches === undefined) return;
    for (const fetch of fetches) if (fetch.arrived(bytes)) this.#wake(fetch);
  }

  /** The partition is not what it was (deleted, its log start moved): everybody who waits on it looks again. */
  changed(partition: Partition): void {
    this.moved(partition, Number.POSITIVE_INFINITY);
  }

  /** Refuses all that wait with BROKER_NOT_AVAILABLE; leaves no timer. */
  close(): void {
    for (const fetch of [...this.#all])
      fetch.refuse(new ProtocolError("BROKER_NOT_AVAILABLE", "the broker stops; the fetch was not answered"));
    this.#timers.close();
  }

  #tooMany({ partitions }: WaitingFetch): string | undefined {
    if (this.#all.size >= this.#maxWaiting) return `${this.#all.size} fetches are waiting, which is the most allowed`;
    if (this.#watched + partitions.length <= MAX_WATCHED_PARTITIONS) return undefined;
    return `waiting fetches watch ${this.#watched} partitions; ${partitions.length} more are too many`;
  }

  /** After the whole turn was made visible, so that one look sees all of it. */
  #wake(fetch: DelayedFetch): void {
    if (this.#woken !== undefined) {
      this.#woken.add(fetch);
      return;
    }
    const woken = new Set([fetch]);
    this.#woken = woken;
    queueMicrotask(() => {
      this.#woken = undefined;
      for (const each of woken) each.retry();
    });
  }

  #remove(fetch: DelayedFetch): void {
    this.#all.delete(fetch);
    this.#watched -= fetch.partitions.length;
    this.#woken?.delete(fetch);
    for (const partition of fetch.partitions) {
      const others = this.#byPartition.get(partition);
      others?.delete(fetch);
      if (others?.size === 0) this.#byPartition.delete(partition);
    }
  }
}

interface DelayedFetchHooks {
  resolve(results: FetchResults): void;
  reject(error: unknown): void;
  startDeadline(run: () => void): () => void;
  ended(fetch: DelayedFetch): void;
}

class DelayedFetch {
  readonly #fetch: WaitingFetch;
  readonly #hooks: DelayedFetchHooks;
  #state: "reading" | "parked" | "completed" = "reading";
  /** What became visible while an attempt was reading: it may not have seen it. */
  #arrivedWhileReading = 0;
  #missingBytes = 0;
  #overdue = false;
  #stopDeadline: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(fetch: WaitingFetch, hooks: DelayedFetchHooks) {
    this.#fetch = fetch;
    this.#hooks = hooks;
  }

  get partitions(): readonly Partition[] {
    return this.#fetch.partitions;
  }

  begin(first: Attempt | Promise<Attempt>, waiting: FetchWaiting): void {
    this.#stopDeadline = this.#hooks.startDeadline(() => {
      this.#overdue = true;
      if (this.#state === "parked") this.#read(this.#fetch.attempt());
    });
    const stopListening = waiting.onCancel(() => this.#complete(() => this.#hooks.resolve(this.#fetch.nothing())));
    if (this.#state === "completed") stopListening();
    else {
      this.#stopListening = stopListening;
      this.#read(first);
    }
  }

  /** Whether the fetch should look again. */
  arrived(bytes: number): boolean {
    if (this.#state === "reading") this.#arrivedWhileReading += bytes;
    this.#missingBytes -= bytes;
    return this.#state === "parked" && this.#missingBytes <= 0;
  }

  retry(): void {
    if (this.#state === "parked") this.#read(this.#fetch.attempt());
  }

  refuse(error: unknown): void {
    this.#complete(() => this.#hooks.reject(error));
  }

  #read(attempt: Attempt | Promise<Attempt>): void {
    this.#state = "reading";
    this.#arrivedWhileReading = 0;
    if (attempt instanceof Promise) {
      attempt.then(
        (done) => this.#judge(done),
        (error: unknown) => this.refuse(error),
      );
    } else this.#judge(attempt);
  }

  #judge(attempt: Attempt): void {
    if (this.#state === "completed") return;
    if (attempt.refused || attempt.bytes >= this.#fetch.minBytes || this.#overdue) {
      this.#complete(() => this.#hooks.resolve(attempt.results));
      return;
    }
    this.#missingBytes = this.#fetch.minBytes - attempt.bytes - this.#arrivedWhileReading;
    this.#state = "parked";
    if (this.#missingBytes <= 0) this.#read(this.#fetch.attempt());
  }

  #complete(answer: () => void): void {
    if (this.#state === "completed") return;
    this.#state = "completed";
    this.#stopDeadline?.();
    this.#stopListening?.();
    this.#fetch.abandon();
    this.#hooks.ended(this);
    answer();
  }
}
