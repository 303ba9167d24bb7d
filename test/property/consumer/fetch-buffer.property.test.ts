// Random interleavings of fetch answers (late and stale ones too), takes, seeks, pauses and revocations: whatever happens,
// each run of records between two jumps of a partition is the log without a gap and without a double.

import { encodeBatch } from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FetchBuffer } from "../../../client-sdk/src/consumer/fetch-buffer.ts";
import { type PartitionState, Positions } from "../../../client-sdk/src/consumer/positions.ts";
import { string } from "../../../client-sdk/src/serdes.ts";

const PARTITIONS = 3;

interface Batch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly control: boolean;
  readonly bytes: Uint8Array;
}

/** A log of batches of some records; control batches hold an offset that nobody sees. */
function makeLog(sizes: readonly number[]): Batch[] {
  let baseOffset = 0;
  return sizes.map((size) => {
    const control = size === 0;
    const values = Array.from({ length: Math.max(1, size) }, (_, index) => `v${baseOffset + index}`);
    const records = values.map((value) => ({
      key: null,
      value: new TextEncoder().encode(value),
      headers: [],
      timestamp: 1,
    }));
    const bytes = encodeBatch(records, { baseOffset, control });
    const batch = { baseOffset, nextOffset: baseOffset + records.length, control, bytes };
    baseOffset = batch.nextOffset;
    return batch;
  });
}

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("send" as const),
      at: fc.nat(PARTITIONS - 1),
      batches: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("arrive" as const), which: fc.nat(20) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("take" as const), max: fc.integer({ min: 1, max: 7 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("seek" as const), at: fc.nat(PARTITIONS - 1), to: fc.nat(12) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("pause" as const), at: fc.nat(PARTITIONS - 1) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("resume" as const), at: fc.nat(PARTITIONS - 1) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("reassign" as const), at: fc.nat(PARTITIONS - 1) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("revoking" as const), at: fc.nat(PARTITIONS - 1) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("kept" as const), at: fc.nat(PARTITIONS - 1) }) },
);

test("no record is skipped or doubled within an assignment, whatever the order of things", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }), { minLength: PARTITIONS, maxLength: PARTITIONS }),
      fc.array(operation, { maxLength: 80 }),
      (sizes, operations) => {
        const logs = sizes.map(makeLog);
        const buffer = new FetchBuffer<string, string>({
          keyDeserializer: string,
          valueDeserializer: string,
          checkCrcs: true,
          maxUnpackedBytes: () => 1_000_000,
          onReady: () => {},
        });
        const positions = new Positions((state) => buffer.drop(state));
        const start = (partition: number): PartitionState => {
          const state = positions.add({ topic: "t", topicId: "id", partition }, false);
          positions.seek(state, 0);
          return state;
        };
        for (let partition = 0; partition < PARTITIONS; partition++) start(partition);
        const at = (partition: number) => positions.get({ topic: "t", partition }, "test");
        /** The next offset that the model expects of each partition. */
        const expected = Array.from({ length: PARTITIONS }, () => 0);
        const visible = (partition: number, from: number): number | undefined => {
          for (const { baseOffset, nextOffset, control } of logs[partition] ?? []) {
            if (!control && nextOffset > from) return Math.max(from, baseOffset);
          }
          return undefined;
        };
        const flights: { state: PartitionState; version: number; offset: number; batches: number }[] = [];

        for (const step of operations) {
          if (step.type === "send") {
            const state = at(step.at);
            const offset = buffer.ahead().get(state)?.nextOffset ?? state.position ?? 0;
            const isUnderWay = flights.some((one) => one.state === state && one.version === state.version);
            if (!isUnderWay) flights.push({ state, version: state.version, offset, batches: step.batches });
          } else if (step.type === "arrive") {
            const [flight] = flights.splice(step.which % Math.max(1, flights.length), 1);
            // The fetcher drops what was asked for an older version.
            if (flight === undefined || flight.version !== flight.state.version) continue;
            const found = (logs[flight.state.partition] ?? []).filter(({ nextOffset }) => nextOffset > flight.offset);
            const batches = found.slice(0, flight.batches);
            if (batches.length === 0) continue;
            const payload = Buffer.concat(batches.map(({ bytes }) => bytes));
            const nextOffset = batches.at(-1)?.nextOffset ?? flight.offset;
            buffer.add({
              state: flight.state,
              version: flight.version,
              offset: flight.offset,
              nextOffset,
              nextEpoch: -1,
              bytes: payload.length,
              payload,
            });
          } else if (step.type === "take") {
            const { records, failure } = buffer.take(step.max);
            expect(failure).toBeUndefined();
            expect(records.length).toBeLessThanOrEqual(step.max);
            for (const { partition, offset, value } of records) {
              const state = at(partition);
              expect(state.paused || state.revoking).toBe(false);
              expect(offset).toBe(visible(partition, expected[partition] ?? 0));
              expect(value).toBe(`v${offset}`);
              expected[partition] = offset + 1;
            }
            for (const state of positions.all()) {
              // The position never passes a record that was not handed out, and never goes back.
              const next = visible(state.partition, expected[state.partition] ?? 0);
              expect(state.position ?? 0).toBeGreaterThanOrEqual(expected[state.partition] ?? 0);
              if (next !== undefined) expect(state.position ?? 0).toBeLessThanOrEqual(next);
            }
          } else if (step.type === "seek") {
            positions.seek(at(step.at), step.to);
            expected[step.at] = step.to;
          } else if (step.type === "pause") at(step.at).paused = true;
          else if (step.type === "resume") at(step.at).paused = false;
          else if (step.type === "revoking") positions.startRevoking(at(step.at));
          else if (step.type === "kept") at(step.at).revoking = false;
          else {
            positions.remove(at(step.at));
            start(step.at);
            expected[step.at] = 0;
          }
        }
        for (const state of positions.all()) buffer.drop(state);
        expect(buffer.readyBytes).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});

test("nothing is left to hand out when everything was handed out or dropped", () => {
  const buffer = new FetchBuffer<string, string>({
    keyDeserializer: string,
    valueDeserializer: string,
    checkCrcs: false,
    maxUnpackedBytes: () => 1_000_000,
    onReady: () => {},
  });
  const positions = new Positions((state) => buffer.drop(state));
  const states = [0, 1].map((partition) => positions.add({ topic: "t", topicId: "id", partition }, false));
  const [batch] = makeLog([3]);
  const payload = batch?.bytes ?? new Uint8Array(0);
  for (const state of states) {
    positions.seek(state, 0);
    buffer.add({
      state,
      version: state.version,
      offset: 0,
      nextOffset: 3,
      nextEpoch: -1,
      bytes: payload.length,
      payload,
    });
  }
  expect(buffer.take(3).records).toHaveLength(3);
  expect(buffer.readyBytes).toBe(payload.length);
  for (const state of states) positions.remove(state);
  expect(buffer.readyBytes).toBe(0);
});
