// Random interleavings of produce, repetition, durable and failed turns, pauses of the disk and crashes, against a model:
// nothing acknowledged is lost or moves, offsets have no gap, nothing is stored twice, nothing is visible before it is stored.

import { decodeBatch } from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { batchOf, LogUnderTest, sequenced, textOf } from "../../unit/log/log-under-test.ts";

const PARTITIONS = 2;
const TOPIC = "orders";

type Step =
  | { kind: "plain"; partition: number; count: number }
  | { kind: "send"; partition: number; producerId: number; count: number }
  | { kind: "repeat"; partition: number; producerId: number; back: number }
  | { kind: "failTurn"; ahead: number }
  | { kind: "hold" | "release" | "turn" | "recover" | "restart" };

const partition = fc.nat({ max: PARTITIONS - 1 });
const producerId = fc.integer({ min: 1, max: 2 });
const count = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("plain" as const), partition, count }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("send" as const), partition, producerId, count }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("repeat" as const), partition, producerId, back: fc.nat({ max: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("failTurn" as const), ahead: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hold" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("release" as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("turn" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("recover" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

/** One idempotent producer in one partition, as a client keeps it: resends from the first batch without a success. */
class Sender {
  /** Batches in order; each keeps its sequences and content for ever. */
  readonly batches: { baseSequence: number; values: string[]; acknowledged: boolean }[] = [];
  next = 0;

  rewind(): void {
    const first = this.batches.findIndex(({ acknowledged }) => !acknowledged);
    this.next = first === -1 ? this.batches.length : first;
  }
}

class Run {
  readonly at: LogUnderTest;
  readonly #senders = new Map<string, Sender>();
  /** "partition/offset" to value. */
  readonly #acknowledged = new Map<string, string>();
  #plain = 0;
  #life = 0;

  constructor(cacheBytes: number) {
    this.at = new LogUnderTest({ "tail.cache.bytes": cacheBytes });
  }

  async apply(next: Step): Promise<void> {
    const { at } = this;
    switch (next.kind) {
      case "plain": {
        const values = Array.from({ length: next.count }, () => `plain ${this.#plain++}`);
        this.#produce(next.partition, batchOf(values), values, () => {});
        return;
      }
      case "send": {
        const sender = this.#sender(next.partition, next.producerId);
        if (sender.next === sender.batches.length) {
          const last = sender.batches.at(-1);
          const baseSequence = last === undefined ? 0 : last.baseSequence + last.values.length;
          const values = Array.from(
            { length: next.count },
            (_, index) => `${next.producerId}:${next.partition}:${baseSequence + index}`,
          );
          sender.batches.push({ baseSequence, values, acknowledged: false });
        }
        this.#send(next, sender, sender.next++);
        return;
      }
      case "repeat": {
        const sender = this.#sender(next.partition, next.producerId);
        const index = sender.next - 1 - next.back;
        if (index >= 0) this.#send(next, sender, index);
        return;
      }
      case "failTurn":
        at.storage.failTurn(at.storage.turns.length + next.ahead, "full");
        return;
      case "hold":
        at.storage.hold();
        return;
      case "release":
        at.storage.release();
        return;
      case "turn":
        await at.clock.advance(1);
        return;
      case "recover":
        await at.clock.advance(1500);
        return;
      case "restart":
        await at.restart();
        this.#life++;
        for (const sender of this.#senders.values()) sender.rewind();
        return;
    }
  }

  #sender(partition: number, producerId: number): Sender {
    const key = `${partition}/${producerId}`;
    const sender = this.#senders.get(key) ?? new Sender();
    this.#senders.set(key, sender);
    return sender;
  }

  #send({ partition, producerId }: { partition: number; producerId: number }, sender: Sender, index: number): void {
    const batch = sender.batches[index];
    if (batch === undefined) throw new Error("the model sends what it has");
    this.#produce(partition, sequenced(batch.values, batch.baseSequence, producerId), batch.values, (succeeded) => {
      if (succeeded) batch.acknowledged = true;
      else sender.rewind();
    });
  }

  #produce(partition: number, batches: Uint8Array, values: string[], done: (succeeded: boolean) => void): void {
    const life = this.#life;
    void this.at.log.produce(-1, [{ topic: TOPIC, partition, batches }]).then(([result]) => {
      if (result === undefined || life !== this.#life) return;
      if (result.error === undefined) {
        for (const [index, value] of values.entries()) {
          const place = `${partition}/${result.baseOffset + index}`;
          expect(this.#acknowledged.get(place) ?? value, `what was acknowledged at ${place}`).toBe(value);
          this.#acknowledged.set(place, value);
        }
      }
      done(result.error === undefined);
    });
  }

  async check(): Promise<void> {
    const { at } = this;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const seen = await this.#readAll(partition);
      const ranges = at.storedRanges(partition + 1);
      let end = 0;
      for (const [first, last] of ranges) {
        expect(first, "offsets have no gap").toBe(end);
        end = last + 1;
      }
      expect(seen.length, "nothing is visible before it is stored").toBeLessThanOrEqual(end);
      const sent = seen.filter((value) => !value.startsWith("plain"));
      expect(new Set(sent).size, "nothing is stored twice").toBe(sent.length);
      for (const [place, value] of this.#acknowledged) {
        const [where, offset] = place.split("/");
        if (Number(where) === partition) expect(seen[Number(offset)], `the record at ${place}`).toBe(value);
      }
    }
    expect(at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
  }

  async #readAll(partition: number): Promise<string[]> {
    const values: string[] = [];
    for (;;) {
      const [result] = await this.at.during(this.at.fetch(TOPIC, values.length, { partition, maxBytes: 500 }));
      expect(result?.error).toBeUndefined();
      if (result === undefined || result.batches.length === 0) return values;
      for (const batch of result.batches) {
        for (const { offset, value } of decodeBatch(batch)) {
          expect(offset).toBe(values.length);
          values.push(textOf(value));
        }
      }
    }
  }
}

test("no acknowledged record is lost, moved, doubled or seen too early, whatever fails", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 64 * 1024, 64 * 1024 * 1024),
      fc.array(step, { maxLength: 60 }),
      async (cacheBytes, steps) => {
        const run = new Run(cacheBytes);
        await run.at.create(TOPIC, PARTITIONS);
        for (const next of steps) {
          await run.apply(next);
          if (next.kind === "turn" || next.kind === "restart") await run.check();
        }
        run.at.storage.release();
        await run.at.clock.advance(10);
        await run.check();
        await run.at.restart();
        await run.check();
        run.at.log.close();
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);
