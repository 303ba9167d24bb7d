// Where leader epochs end (Kafka's LeaderEpochFileCache), and positions that are not of this log.

import { expect, test } from "vitest";
import { LeaderEpochs } from "../../../server/src/log/leader-epochs.ts";
import { batchOf, LogUnderTest } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

/** Epoch 1 from offset 0, 3 from 10, 4 from 25; the log ends at 40. */
function epochs() {
  const of = new LeaderEpochs();
  for (const [epoch, start] of [
    [1, 0],
    [1, 5],
    [3, 10],
    [3, 12],
    [4, 25],
    [2, 30],
  ] as const)
    of.assign(epoch, start);
  return of;
}

test.each([
  ["none so early", 0, 0, 0],
  ["the first", 1, 1, 10],
  ["one that left no record", 2, 1, 10],
  ["one in the middle", 3, 3, 25],
  ["the last", 4, 4, 40],
  ["one without records yet", 5, 4, 40],
])("%s: epoch %d is answered as epoch %d, which ends at %d", (_, asked, leaderEpoch, endOffset) => {
  expect(epochs().endOf(asked, 40)).toEqual({ leaderEpoch, endOffset });
});

test("an empty log ends every epoch where it ends itself", () => {
  expect(new LeaderEpochs().endOf(3, 7)).toEqual({ leaderEpoch: 3, endOffset: 7 });
  expect(new LeaderEpochs().at(7)).toBeUndefined();
});

test.each([
  [
    0,
    [
      [1, 0],
      [3, 10],
      [4, 25],
    ],
  ],
  [
    9,
    [
      [1, 9],
      [3, 10],
      [4, 25],
    ],
  ],
  [
    10,
    [
      [3, 10],
      [4, 25],
    ],
  ],
  [40, [[4, 40]]],
])("a log that starts at %d", (logStartOffset, expected) => {
  const of = epochs();
  of.dropBefore(logStartOffset);
  expect(of.starts.map(({ leaderEpoch, startOffset }) => [leaderEpoch, startOffset])).toEqual(expected);
});

test.each([
  [0, 1],
  [9, 1],
  [10, 3],
  [39, 4],
])("the record at %d is of epoch %d", (offset, leaderEpoch) => {
  expect(epochs().at(offset)).toBe(leaderEpoch);
});

/** Three records of epoch 0, then two of epoch 1, then three of epoch 3 in two batches. */
async function withEpochs() {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a", "b", "c"], { timestamps: [1, 2, 3] }));
  await bootAgain(at, 1);
  await at.produce("orders", batchOf(["d", "e"], { timestamps: [4, 5] }));
  await bootAgain(at, 3);
  await at.produce("orders", batchOf(["f", "g"], { timestamps: [6, 7] }));
  await at.produce("orders", batchOf(["h"], { timestamps: [8] }));
  return at;
}

async function bootAgain(at: LogUnderTest, bootEpoch: number) {
  await at.restart();
  at.sql(`UPDATE meta SET value = ${bootEpoch} WHERE key = 'bootEpoch'`);
  await at.restart();
}

const endOf = async (at: LogUnderTest, leaderEpoch: number, item: object = {}) =>
  (await at.log.offsetForLeaderEpoch({ partitions: [{ topic: "orders", partition: 0, leaderEpoch, ...item }] }))[0];

test("offsetForLeaderEpoch answers from the log, also after a restart, and for each item", async () => {
  const at = await withEpochs();
  const ends = async () => {
    const found = [];
    for (const epoch of [-1, 0, 1, 2, 3]) {
      const { leaderEpoch, endOffset } = (await endOf(at, epoch)) ?? {};
      found.push([leaderEpoch, endOffset]);
    }
    return found;
  };
  const expected = [
    [-1, -1],
    [0, 3],
    [1, 5],
    [1, 5],
    [3, 8],
  ];
  expect(await ends()).toEqual(expected);
  await at.restart();
  expect(await ends()).toEqual(expected);
  expect(await endOf(at, 4)).toMatchObject({ leaderEpoch: -1, endOffset: -1, error: { code: "UNKNOWN_LEADER_EPOCH" } });
  expect((await endOf(at, 0, { partition: 3 }))?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  expect((await endOf(at, 0, { topicId: "x" }))?.error?.code).toBe("UNKNOWN_TOPIC_ID");
});

test.each([
  ["of the epoch before the end of it", 3, 0, undefined],
  ["behind what its epoch has here", 4, 0, { leaderEpoch: 0, endOffset: 3 }],
  ["beyond the end of the log, of an old epoch", 100, 1, { leaderEpoch: 1, endOffset: 5 }],
  ["of an epoch that left nothing", 6, 2, { leaderEpoch: 1, endOffset: 5 }],
  ["beyond the end of the log, of this epoch", 9, 3, { leaderEpoch: 3, endOffset: 8 }],
  ["at the end", 8, 3, undefined],
])("a position %s", async (_, offset, leaderEpoch, context) => {
  const at = await withEpochs();
  const [result] = await at.during(at.fetch("orders", offset, { leaderEpoch }));
  expect(result?.error?.code).toBe(context === undefined ? undefined : "FENCED_LEADER_EPOCH");
  expect(result?.error?.context).toEqual(context);
  if (context !== undefined) expect(result?.error?.message).toContain(`end at offset ${context.endOffset}`);
});

test("without an epoch, or below the log start, a position is only in range or not", async () => {
  const at = await withEpochs();
  expect((await at.fetch("orders", 100))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
  expect((await at.fetch("orders", 100, { leaderEpoch: -1 }))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
  await at.during(at.log.deleteRecords({ partitions: [{ topic: "orders", partition: 0, offset: 6 }] }));
  expect((await at.fetch("orders", 2, { leaderEpoch: 0 }))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
  expect(valuesOf(await at.during(at.fetch("orders", 6, { leaderEpoch: 3 })))).toEqual(["f", "g", "h"]);
  await at.restart();
  expect(await endOf(at, 3)).toMatchObject({ leaderEpoch: 3, endOffset: 8 });
  expect(await endOf(at, 1)).toMatchObject({ leaderEpoch: 1, endOffset: 6 });
});

test("an emptied log keeps the epoch of its last record", async () => {
  const at = await withEpochs();
  await at.during(at.log.deleteRecords({ partitions: [{ topic: "orders", partition: 0, offset: -1 }] }));
  await at.clock.advance(1000);
  for (const restart of [false, true]) {
    if (restart) await bootAgain(at, 4);
    expect(await endOf(at, 3)).toMatchObject({ leaderEpoch: 3, endOffset: 8 });
  }
  await at.produce("orders", batchOf(["i"]));
  expect(await endOf(at, 3)).toMatchObject({ leaderEpoch: 3, endOffset: 8 });
  expect(await endOf(at, 4)).toMatchObject({ leaderEpoch: 4, endOffset: 9 });
});

test("a look-up says the epoch of the record that was found", async () => {
  const at = await withEpochs();
  const lookUp = async (where: "earliest" | "latest" | "maxTimestamp" | number) => {
    const partitions = [{ topic: "orders", partition: 0, at: where }];
    const [found] = await at.during(at.log.listOffsets({ isolation: "read_uncommitted", partitions }));
    return [found?.offset, found?.leaderEpoch];
  };
  expect(await lookUp("earliest")).toEqual([0, 0]);
  expect(await lookUp(2)).toEqual([1, 0]);
  expect(await lookUp(5)).toEqual([4, 1]);
  expect(await lookUp("maxTimestamp")).toEqual([7, 3]);
  expect(await lookUp("latest")).toEqual([8, 3]);
});

test("epochs are written with their ranges, and again when the turn failed", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a"]));
  // The epoch goes with the next turn, which fails.
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  expect((await at.produce("orders", batchOf(["b"]))).error?.code).toBe("STORAGE_FULL");
  await at.clock.advance(1500);
  await at.produce("orders", batchOf(["b"]));
  await at.produce("orders", batchOf(["c"]));
  at.sql("DELETE FROM batches");
  await bootAgain(at, 5);
  // Only the list that was written still knows of epoch 0.
  expect(await endOf(at, 5)).toMatchObject({ leaderEpoch: 0 });
});
