// Whatever the network and the broker do, the records of a partition are stored in order, once, and their outcomes tell the truth
// (DESIGN.md section 4, hard place 10). The model: one ordered connection, a broker that remembers five batches.

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromWire } from "../../../client-sdk/src/errors.ts";
import { type Outcome, PartitionQueue, type QueuedBatch } from "../../../client-sdk/src/producer/partition-queue.ts";
import { wireError } from "../../support/fake-broker.ts";

interface TestBatch extends QueuedBatch {
  readonly number: number;
}
interface Frame {
  readonly batch: TestBatch;
  readonly attempt: number;
  readonly epoch: number;
  readonly sequence: number;
}
type Verdict = { baseOffset: number } | { code: Parameters<typeof wireError>[0] };

const SEQUENCES = 2 ** 31;

class World {
  readonly queue: PartitionQueue<TestBatch>;
  readonly batches: TestBatch[] = [];
  readonly outcomes = new Map<number, Outcome>();
  frames: Frame[] = [];
  answers: { frame: Frame; verdict: Verdict }[] = [];
  readonly log: number[] = [];
  #epoch = -1;
  #remembered: { first: number; last: number; baseOffset: number }[] = [];
  nowMs = 0;

  constructor() {
    this.queue = new PartitionQueue<TestBatch>("t-0", {
      isIdempotent: true,
      maxInLine: 5,
      maxRetries: 1_000,
      deliveryTimeoutMs: 100,
      backoffMs: () => 0,
    });
    this.queue.identify({ producerId: 1, producerEpoch: 0 });
  }

  push(recordCount: number): void {
    const number = this.batches.length;
    const batch: TestBatch = {
      number,
      recordCount,
      deadlineMs: number + 1,
      state: "queued",
      attempts: 0,
      retryAtMs: 0,
      isIndefinite: false,
      sequence: -1,
      outcome: undefined,
    };
    this.batches.push(batch);
    this.queue.push(batch);
  }

  send(): boolean {
    const batch = this.queue.peek();
    if (batch === undefined) return false;
    this.queue.take(batch);
    const epoch = this.queue.identity?.producerEpoch ?? -1;
    this.frames.push({ batch, attempt: batch.attempts, epoch, sequence: batch.sequence });
    return true;
  }

  /** The broker reads the next frame; `refusal` instead of storing it. */
  process(refusal?: Parameters<typeof wireError>[0]): boolean {
    const frame = this.frames.shift();
    if (frame === undefined) return false;
    this.answers.push({ frame, verdict: refusal === undefined ? this.#append(frame) : { code: refusal } });
    return true;
  }

  #append({ batch, epoch, sequence }: Frame): Verdict {
    const last = (sequence + batch.recordCount - 1) % SEQUENCES;
    if (epoch < this.#epoch) return { code: "INVALID_PRODUCER_EPOCH" };
    if (epoch === this.#epoch) {
      const known = this.#remembered.find((other) => other.first === sequence && other.last === last);
      if (known !== undefined) return { baseOffset: known.baseOffset };
      const newest = this.#remembered.at(-1);
      if (newest !== undefined && sequence !== (newest.last + 1) % SEQUENCES)
        return { code: "OUT_OF_ORDER_SEQUENCE_NUMBER" };
    } else {
      if (this.#epoch >= 0 && sequence !== 0) return { code: "OUT_OF_ORDER_SEQUENCE_NUMBER" };
      this.#epoch = epoch;
      this.#remembered = [];
    }
    const baseOffset = this.log.length;
    this.log.push(batch.number);
    this.#remembered = [...this.#remembered, { first: sequence, last, baseOffset }].slice(-5);
    return { baseOffset };
  }

  answer(index: number): boolean {
    const [given] = this.answers.splice(index % Math.max(1, this.answers.length), 1);
    if (given === undefined) return false;
    const { frame, verdict } = given;
    // The answer to an attempt that was given up reaches nobody.
    if (frame.batch.attempts !== frame.attempt) return true;
    if ("code" in verdict) this.#hear(this.queue.failed(frame.batch, fromWire(wireError(verdict.code)), this.nowMs));
    else this.#hear(this.queue.succeeded(frame.batch, { ...verdict, logAppendTimeMs: undefined }));
    return true;
  }

  /** A request times out; its frame may still be read. */
  timeOut(index: number): void {
    const inFlight = this.batches.filter(({ state }) => state === "inFlight");
    const batch = inFlight[index % Math.max(1, inFlight.length)];
    if (batch !== undefined) this.#hear(this.queue.failed(batch, fromWire(wireError("REQUEST_TIMED_OUT")), this.nowMs));
  }

  /** Nothing of the old connection is read after the next one was greeted. */
  cut(): void {
    this.frames = [];
    this.answers = [];
    for (const batch of this.batches.filter(({ state }) => state === "inFlight")) {
      this.#hear(this.queue.failed(batch, fromWire(wireError("NETWORK_EXCEPTION")), this.nowMs));
    }
  }

  expire(byMs: number): void {
    this.nowMs += byMs;
    this.#hear(this.queue.expire(this.nowMs));
  }

  #hear(decided: TestBatch[]): void {
    for (const { number, outcome } of decided) {
      expect(this.outcomes.has(number)).toBe(false);
      if (outcome !== undefined) this.outcomes.set(number, outcome);
    }
  }

  /** A healthy network decides everything that is left, except what has given up. */
  finish(): void {
    for (let round = 0; !this.queue.isEmpty; round++) {
      expect(round, "the queue does not come to an end").toBeLessThan(1_000);
      while (this.send());
      while (this.process());
      while (this.answer(0));
    }
  }

  check(): void {
    expect([...this.outcomes.keys()], "decided in order").toEqual(this.batches.map(({ number }) => number));
    expect(this.log, "stored in order, and once").toEqual([...new Set(this.log)].sort((a, b) => a - b));
    for (const [number, outcome] of this.outcomes) {
      if ("baseOffset" in outcome) expect(this.log[outcome.baseOffset]).toBe(number);
      else if (outcome.error.definite) expect(this.log).not.toContain(number);
    }
  }
}

const action = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("push" as const), fc.integer({ min: 1, max: 3 })) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("send" as const), fc.constant(0)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("process" as const), fc.constant(0)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("answer" as const), fc.nat(5)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("refuseForNow" as const), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("refuseForGood" as const), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("doubtfulAnswer" as const), fc.constant(0)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("timeOut" as const), fc.nat(5)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("cut" as const), fc.constant(0)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("expire" as const), fc.integer({ min: 0, max: 4 })) },
);

function run(world: World, actions: readonly (readonly [string, number])[]): void {
  for (const [name, parameter] of actions) {
    if (name === "push") world.push(parameter);
    else if (name === "send") world.send();
    else if (name === "process") world.process();
    else if (name === "answer") world.answer(parameter);
    else if (name === "refuseForNow") world.process("STORAGE_FULL");
    else if (name === "refuseForGood") world.process("INVALID_TIMESTAMP");
    else if (name === "doubtfulAnswer") world.process("KAFKA_STORAGE_ERROR");
    else if (name === "timeOut") world.timeOut(parameter);
    else if (name === "cut") world.cut();
    else world.expire(parameter);
  }
}

const KNOWN = [
  ["push", 1],
  ["send", 0],
  ["process", 0],
  ["answer", 0],
  ["push", 1],
  ["push", 2],
  ["push", 3],
  ["send", 0],
  ["send", 0],
  ["send", 0],
] as const;

test("stored in order, once, and every outcome true, whatever happens", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(action, { maxLength: 100, size: "max" }), (isKnown, actions) => {
      const world = new World();
      // Once the broker knows the producer, several batches are in flight at once.
      if (isKnown) run(world, KNOWN);
      run(world, actions);
      world.finish();
      world.check();
    }),
    { numRuns: 4_000 },
  );
});
