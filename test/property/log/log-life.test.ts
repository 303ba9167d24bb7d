// Random appends, deletions of records, retention passes, failed turns and crashes against a model that knows Kafka's rules in
// their plainest form: what is visible, what it weighs, in how many segments, and where every timestamp is found.

import fc from "fast-check";
import { expect, test } from "vitest";
import { batchOf, LogUnderTest } from "../../unit/log/log-under-test.ts";
import { valuesOf } from "../../unit/log/values.ts";

const CHECK_INTERVAL_MS = 1_000_000;
/** Far from everything that the steps' own time could add up to. */
const RETENTION_MS = 100_000_000;
const OLD_MS = 10 * RETENTION_MS;
const RETENTION_BYTES = 4000;
const MAX_AGE_MS = 1000;
/** Many small segments; one large one, of several ranges of the index. */
const segmentRules = [
  { segmentBytes: 1500, segmentMs: 500 },
  { segmentBytes: 1_000_000, segmentMs: 1e12 },
];

interface ModelBatch {
  readonly baseOffset: number;
  readonly values: readonly string[];
  readonly timestamps: readonly number[];
  readonly sizeBytes: number;
}

class Model {
  segments: ModelBatch[][] = [];
  logStart = 0;
  end = 0;
  readonly #rules: (typeof segmentRules)[number];

  constructor(rules: (typeof segmentRules)[number]) {
    this.#rules = rules;
  }

  append(batch: ModelBatch): void {
    const active = this.segments.at(-1);
    const newest = (of: ModelBatch | undefined) => Math.max(...(of?.timestamps ?? []));
    if (
      active === undefined ||
      sizeOf(active) + batch.sizeBytes > this.#rules.segmentBytes ||
      newest(batch) - newest(active[0]) > this.#rules.segmentMs
    )
      this.segments.push([batch]);
    else active.push(batch);
    this.end += batch.values.length;
  }

  cut(offset: number): void {
    this.logStart = Math.max(this.logStart, offset);
    this.segments = this.segments.filter((segment) => endOf(segment) > this.logStart);
  }

  expire(wallMs: number): void {
    let first = this.segments[0];
    while (first !== undefined && sizeOf(this.segments.flat()) - sizeOf(first) >= RETENTION_BYTES) {
      this.cut(endOf(first));
      first = this.segments[0];
    }
    while (first !== undefined && wallMs - Math.max(...first.flatMap(({ timestamps }) => timestamps)) > RETENTION_MS) {
      this.cut(endOf(first));
      first = this.segments[0];
    }
  }

  get records(): { offset: number; value: string; timestamp: number }[] {
    return this.segments
      .flat()
      .flatMap(({ baseOffset, values, timestamps }) =>
        values.map((value, index) => ({
          offset: baseOffset + index,
          value,
          timestamp: timestamps[index] as number,
        })),
      )
      .filter(({ offset }) => offset >= this.logStart);
  }
}

const sizeOf = (batches: readonly ModelBatch[]) => batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
const endOf = (segment: readonly ModelBatch[]) => {
  const last = segment.at(-1) as ModelBatch;
  return last.baseOffset + last.values.length;
};

type Step =
  | { kind: "produce"; agesMs: number[]; valueBytes: number; old: boolean; fails: boolean }
  | { kind: "delete"; share: number; fails: boolean }
  | { kind: "wait" }
  | { kind: "restart" };

const fails = fc.integer({ min: 0, max: 7 }).map((number) => number === 0);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("produce" as const),
      agesMs: fc.array(fc.nat({ max: MAX_AGE_MS }), { minLength: 1, maxLength: 4 }),
      valueBytes: fc.nat({ max: 300 }),
      old: fc.boolean(),
      fails,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      share: fc.double({ min: 0, max: 1.1, noNaN: true }),
      fails,
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "wait" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
);

async function take(at: LogUnderTest, model: Model, next: Step, count: number): Promise<void> {
  if ("fails" in next && next.fails) at.storage.failTurn((at.storage.turns.at(-1)?.number ?? 0) + 1, "full");
  switch (next.kind) {
    case "produce": {
      const nowMs = at.clock.wallMs() - (next.old ? OLD_MS : 0);
      const timestamps = next.agesMs.map((ageMs) => nowMs - ageMs);
      const values = timestamps.map((_, index) => `${count}.${index}`.padEnd(next.valueBytes, "."));
      const bytes = batchOf(values, { timestamps });
      const { baseOffset, error } = await at.produce("orders", bytes);
      expect(error?.code).toBe(next.fails ? "STORAGE_FULL" : undefined);
      if (error === undefined) {
        expect(baseOffset).toBe(model.end);
        model.append({ baseOffset, values, timestamps, sizeBytes: bytes.length });
      }
      break;
    }
    case "delete": {
      const offset = Math.floor(next.share * model.end);
      const partitions = [{ topic: "orders", partition: 0, offset }];
      const [result] = await at.during(at.log.deleteRecords({ partitions }));
      if (offset > model.end) expect(result?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
      else if (offset <= model.logStart) expect(result?.logStartOffset).toBe(model.logStart);
      else if (next.fails) expect(result?.error?.code).toBe("STORAGE_FULL");
      else {
        expect(result?.logStartOffset).toBe(offset);
        model.cut(offset);
      }
      break;
    }
    case "wait":
      await at.clock.advance(CHECK_INTERVAL_MS + 1);
      model.expire(at.clock.wallMs());
      break;
    case "restart":
      await at.restart();
      at.log.start();
      break;
  }
  // A fault that no turn has met must not meet a later step.
  if ("fails" in next && next.fails) {
    if (!at.turns.storageFull) at.storage.forgetFaults();
    await at.clock.advance(1500);
  }
}

async function compare(at: LogUnderTest, model: Model): Promise<void> {
  const [usage] = [...at.log.usage()].filter(({ topic }) => topic === "orders");
  expect(usage).toMatchObject({
    logStartOffset: model.logStart,
    highWatermark: model.end,
    segments: model.segments.length,
    sizeBytes: sizeOf(model.segments.flat()),
  });
  const { records } = model;
  const read = valuesOf(await at.during(at.fetch("orders", model.logStart)));
  expect(read.slice(read.length - records.length)).toEqual(records.map(({ value }) => value));
  const lookUp = async (where: "maxTimestamp" | number) => {
    const partitions = [{ topic: "orders", partition: 0, at: where }];
    return (await at.during(at.log.listOffsets({ isolation: "read_uncommitted", partitions })))[0]?.offset;
  };
  const newest = Math.max(...records.map(({ timestamp }) => timestamp));
  expect(await lookUp("maxTimestamp")).toBe(records.find(({ timestamp }) => timestamp === newest)?.offset ?? -1);
  for (const asked of [
    0,
    ...records.filter((_, index) => index % 7 === 0).map(({ timestamp }) => timestamp),
    newest + 1,
  ]) {
    if (!Number.isFinite(asked)) continue;
    expect(await lookUp(asked)).toBe(records.find(({ timestamp }) => timestamp >= asked)?.offset ?? -1);
  }
}

test("after any steps the log is what the model says, also once the batches are gone from the disk", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 200, size: "max" }),
      fc.constantFrom(0, 64 * 1024 * 1024),
      fc.constantFrom(...segmentRules),
      async (steps, cacheBytes, rules) => {
        const at = new LogUnderTest({
          "log.retention.check.interval.ms": CHECK_INTERVAL_MS,
          "log.segment.bytes": rules.segmentBytes,
          "log.roll.ms": rules.segmentMs,
          "log.retention.ms": RETENTION_MS,
          "log.retention.bytes": RETENTION_BYTES,
          "tail.cache.bytes": cacheBytes,
        });
        at.log.start();
        await at.create("orders");
        const model = new Model(rules);
        for (const [index, next] of steps.entries()) {
          await take(at, model, next, index);
          if (index % 5 === 0) await compare(at, model);
        }
        await at.clock.advance(2000);
        await compare(at, model);
        const stored = at.storedRanges(1);
        expect(stored.every(([, lastOffset]) => lastOffset >= model.logStart)).toBe(true);
        await at.restart();
        await compare(at, model);
        expect(at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
        at.log.close();
      },
    ),
    { numRuns: 25 },
  );
});
