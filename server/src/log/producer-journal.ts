// The producer states of all partitions: looked up by appends, written once per turn, forgotten when their producer was
// silent for producer.id.expiration.ms. Rules and layers of one partition are in producer-states.ts.
// Invariant: a state is written in the turn of the batches it speaks of, so both are durable or neither is.

import type { Clock, Timers } from "@brooklet/protocol/world";
import type { Change } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { Partition } from "./partition.ts";
import { type ProducerState, toStored } from "./producer-states.ts";

/** Kafka's producer.id.expiration.check.interval.ms. */
const CHECK_INTERVAL_MS = 600_000;
const SWEEP = "expire producers";

export interface ProducerJournalParts {
  readonly turns: TurnQueue;
  readonly clock: Clock;
  readonly expirationMs: number;
  /** Every partition that exists durably. */
  readonly partitions: () => Iterable<Partition>;
}

export class ProducerJournal {
  readonly #parts: ProducerJournalParts;
  readonly #timers: Timers;
  /** Staged since the last turn was sealed. */
  readonly #dirty = new Map<Partition, Map<number, ProducerState>>();

  constructor(parts: ProducerJournalParts) {
    this.#parts = parts;
    this.#timers = parts.clock.timers();
    for (const partition of parts.partitions()) {
      if (!partition.hasProducers) continue;
      this.#scheduleSweep();
      break;
    }
  }

  /** What the partition knows of the producer, staged appends included. */
  known(partition: Partition, producerId: number): ProducerState | undefined {
    const state = partition.producers.get(producerId);
    return state === undefined || state.lastAppendMs < this.#expiredBeforeMs() ? undefined : state;
  }

  stage(partition: Partition, state: ProducerState): void {
    partition.producers.stage(state);
    let states = this.#dirty.get(partition);
    if (states === undefined) {
      states = new Map();
      this.#dirty.set(partition, states);
    }
    states.set(state.producerId, state);
    if (!this.#timers.has(SWEEP)) this.#scheduleSweep();
  }

  /** Adds the states of the turn's batches to the turn. */
  seal(): void {
    if (this.#dirty.size === 0) return;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    const changes: Change[] = [];
    for (const [partition, states] of dirty) {
      for (const state of states.values())
        changes.push({ kind: "putProducerState", state: toStored(partition.partitionId, state) });
    }
    this.#parts.turns.stage({
      changes,
      essential: false,
      durable: () => {
        for (const [partition, states] of dirty) for (const state of states.values()) partition.producers.commit(state);
      },
      failed: () => {},
    });
    for (const [partition] of dirty) this.#forgetOverdue(partition);
  }

  restore(): void {
    this.#dirty.clear();
  }

  close(): void {
    this.#timers.close();
  }

  #expiredBeforeMs(): number {
    return this.#parts.clock.wallMs() - this.#parts.expirationMs;
  }

  #scheduleSweep(): void {
    this.#timers.schedule(SWEEP, Math.min(this.#parts.expirationMs, CHECK_INTERVAL_MS), () => {
      let remaining = false;
      for (const partition of this.#parts.partitions()) {
        if (!partition.hasProducers) continue;
        remaining = true;
        this.#forgetOverdue(partition);
      }
      if (remaining) this.#scheduleSweep();
    });
  }

  #forgetOverdue(partition: Partition): void {
    const overdue = [...partition.producers.overdue(this.#expiredBeforeMs())];
    if (overdue.length === 0) return;
    this.#parts.turns.stage({
      changes: overdue.map((producerId) => ({
        kind: "deleteProducerState" as const,
        partitionId: partition.partitionId,
        producerId,
      })),
      essential: false,
      durable: () => {
        for (const producerId of overdue) partition.producers.forget(producerId);
      },
      failed: () => {},
    });
  }
}
