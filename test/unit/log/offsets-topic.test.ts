// __consumer_offsets as groups/ writes it, and as everybody reads it.

import { CONSUMER_OFFSETS_TOPIC, decodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { batchOf, LogUnderTest, textOf } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

const utf8 = new TextEncoder();

/** What groups/ does: commits of a turn become one batch per partition while the turn is sealed. */
function withGroup(at: LogUnderTest) {
  let commits: { key: string; value: string; partition: number }[] = [];
  const fates: string[] = [];
  at.turns.register({
    seal: () => {
      for (const partition of new Set(commits.map((commit) => commit.partition))) {
        const records = commits
          .filter((commit) => commit.partition === partition)
          .map(({ key, value }) => ({ key: utf8.encode(key), value: utf8.encode(value) }));
        const prepared = at.log.offsetsTopic.prepare(partition, records);
        at.turns.stage({
          changes: prepared.changes,
          essential: true,
          durable: () => {
            prepared.durable();
            fates.push("durable");
          },
          failed: ({ code }) => fates.push(code),
        });
      }
      commits = [];
    },
    restore: () => {
      commits = [];
    },
  });
  return {
    fates,
    commit: (key: string, value: string, partition = 0) => {
      commits.push({ key, value, partition });
      at.turns.requestTurn();
    },
  };
}

test("it is created with the first commit, in its turn, and is one batch per turn and partition", async () => {
  const at = new LogUnderTest({ "offsets.topic.num.partitions": 3 });
  const group = withGroup(at);
  expect(at.log.offsetsTopic.partitionCount).toBe(3);
  expect(at.log.catalog.byName(CONSUMER_OFFSETS_TOPIC)).toBeUndefined();
  const wallMs = at.clock.wallMs();
  group.commit("k1", "v1", 1);
  group.commit("k2", "v2", 1);
  group.commit("k3", "v3", 2);
  await at.clock.advance(1);

  const kinds = at.storage.turns[0]?.parts.flatMap(({ changes }) => changes.map(({ kind }) => kind));
  expect(kinds).toEqual(["createTopic", "putCounter", "appendBatch", "appendBatch"]);
  expect(at.log.catalog.byName(CONSUMER_OFFSETS_TOPIC)).toMatchObject({ internal: true, partitionCount: 3 });
  const [read] = await at.fetch(CONSUMER_OFFSETS_TOPIC, 0, { partition: 1 });
  expect(read?.batches).toHaveLength(1);
  const records = decodeBatch(read?.batches[0] ?? new Uint8Array());
  expect(records.map(({ key, value, timestamp }) => [textOf(key), textOf(value), timestamp])).toEqual([
    ["k1", "v1", wallMs],
    ["k2", "v2", wallMs],
  ]);
  expect((await at.log.metadata({ topics: [CONSUMER_OFFSETS_TOPIC] }))[0]).toMatchObject({ internal: true });
});

test("its partitions stay what they were when the setting changes", async () => {
  const at = new LogUnderTest({ "offsets.topic.num.partitions": 3 });
  withGroup(at).commit("k", "v", 2);
  await at.clock.advance(1);
  Object.assign(at.settings, { "offsets.topic.num.partitions": 8 });
  await at.restart();
  expect(at.log.offsetsTopic.partitionCount).toBe(3);
});

test("on a full disk commits are durable and records are not; both logs go on without a gap", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const group = withGroup(at);
  at.storage.failTurn(at.storage.turns.length + 1, "essentialOnly");
  at.storage.hold();
  group.commit("k1", "v1");
  const produced = at.log.produce(1, [{ topic: "orders", partition: 0, batches: batchOf(["lost"]) }]);
  await at.clock.advance(1);
  // Behind the failing turn: built on offsets that will be taken back.
  group.commit("k2", "v2");
  await at.clock.advance(1);
  at.storage.release();
  expect((await at.during(produced))[0]?.error?.code).toBe("STORAGE_FULL");
  expect(group.fates).toEqual(["durable", "STORAGE_FULL"]);
  group.commit("k3", "v3");
  await at.clock.advance(1500);

  expect(valuesOf(await at.fetch(CONSUMER_OFFSETS_TOPIC, 0))).toEqual(["v1", "v3"]);
  expect((await at.produce("orders", batchOf(["kept"]))).baseOffset).toBe(0);
  expect(at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
  await at.restart();
  expect(valuesOf(await at.during(at.fetch(CONSUMER_OFFSETS_TOPIC, 0)))).toEqual(["v1", "v3"]);
});

test("when its creation fails it is created by the next commit", async () => {
  const at = new LogUnderTest();
  const group = withGroup(at);
  at.storage.failTurn(1, "full");
  group.commit("k1", "v1");
  await at.clock.advance(1);
  expect(group.fates).toEqual(["STORAGE_FULL"]);
  expect(at.log.catalog.byName(CONSUMER_OFFSETS_TOPIC)).toBeUndefined();
  group.commit("k1", "v1");
  await at.clock.advance(1);
  expect(valuesOf(await at.fetch(CONSUMER_OFFSETS_TOPIC, 0))).toEqual(["v1"]);
});

test("a commit wakes who reads it", async () => {
  const at = new LogUnderTest();
  const group = withGroup(at);
  group.commit("k", "v1");
  await at.clock.advance(1);
  const parked = at.fetch(CONSUMER_OFFSETS_TOPIC, 1, { maxWaitMs: 10_000 });
  group.commit("k", "v2");
  expect(valuesOf(await at.during(parked))).toEqual(["v2"]);
});
