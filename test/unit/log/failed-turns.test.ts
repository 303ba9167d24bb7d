// Hard place 1 as the log sees it: a turn fails with others behind it, and everything goes back to what is durable.

import { expect, test } from "vitest";
import { settle } from "../../support/simulated-clock.ts";
import { batchOf, LogUnderTest, rejection, sequenced } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

const TURNS = 5;

async function withTurnsInFlight(faulty: number, fault: "full" | "failed") {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", sequenced(["first"], 0));
  const before = at.storage.turns.length;
  at.storage.hold();
  at.storage.failTurn(before + faulty, fault);
  const produced = [];
  for (let turn = 1; turn <= TURNS; turn++) {
    produced.push(at.log.produce(1, [{ topic: "orders", partition: 0, batches: sequenced([`t${turn}`], turn) }]));
    await at.clock.advance(1);
  }
  expect(at.storage.turns.length - before).toBe(TURNS);
  at.storage.release();
  const results = (await at.during(Promise.all(produced))).flat();
  return { at, results };
}

test.each([1, 2, 3, 4, 5])("turn %d of five in flight meets a full disk", async (faulty) => {
  const { at, results } = await withTurnsInFlight(faulty, "full");
  const expected = Array.from({ length: TURNS }, (_, index) => (index + 1 < faulty ? undefined : "STORAGE_FULL"));
  expect(results.map(({ error }) => error?.code)).toEqual(expected);
  for (const { error } of results) if (error !== undefined) expect(error.definite).toBe(true);
  expect(await at.highWatermark("orders")).toBe(faulty);
  const refused = await at.produce("orders", batchOf(["x"]));
  expect(refused.error?.code).toBe("STORAGE_FULL");

  // The next generation starts from the durable state: log end, tail and sequences.
  await at.clock.advance(1500);
  for (let turn = faulty; turn <= TURNS; turn++)
    expect((await at.produce("orders", sequenced([`t${turn}`], turn))).baseOffset).toBe(turn);
  expect(valuesOf(await at.fetch("orders", 0))).toEqual(["first", "t1", "t2", "t3", "t4", "t5"]);
  await at.restart();
  expect(valuesOf(await at.during(at.fetch("orders", 0)))).toEqual(["first", "t1", "t2", "t3", "t4", "t5"]);
  expect(at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
});

test("an I/O error is indefinite for everything in flight, and for what comes after", async () => {
  const { at, results } = await withTurnsInFlight(2, "failed");
  expect(results.map(({ error }) => error?.code)).toEqual([
    undefined,
    ...Array.from({ length: 4 }, () => "KAFKA_STORAGE_ERROR"),
  ]);
  expect(results[1]?.error?.definite).toBe(false);
  expect(await at.highWatermark("orders")).toBe(2);
  expect((await at.produce("orders", batchOf(["x"]))).error?.code).toBe("KAFKA_STORAGE_ERROR");
});

test("topics whose creation failed are gone, with what was written to them; their names are free", async () => {
  const at = new LogUnderTest();
  at.storage.hold();
  at.storage.failTurn(1, "full");
  const created = at.log.createTopics({ topics: [{ topic: "orders", partitions: 2 }] });
  const again = at.log.createTopics({ topics: [{ topic: "orders", partitions: 2 }] });
  const produced = at.log.produce(1, [{ topic: "orders", partition: 1, batches: batchOf(["a"]) }]);
  const auto = at.log.metadata({ topics: ["auto"], allowAutoCreate: true });
  expect(at.log.catalog.byName("orders")).toBeUndefined();
  at.storage.release();
  expect((await at.during(created))[0]).toMatchObject({ topicId: "", error: { code: "STORAGE_FULL" } });
  // Not TOPIC_ALREADY_EXISTS: the topic it would speak of does not exist.
  expect((await at.during(again))[0]?.error?.code).toBe("STORAGE_FULL");
  expect((await at.during(produced))[0]?.error?.code).toBe("STORAGE_FULL");
  expect((await at.during(auto))[0]?.error?.code).toBe("STORAGE_FULL");
  expect(at.log.stats).toMatchObject({ topics: 0, partitions: 0 });
  expect([...at.log.catalog.all()]).toEqual([]);

  await at.clock.advance(1500);
  await at.create("orders", 3);
  expect((await at.produce("orders", batchOf(["b"]), 1)).baseOffset).toBe(0);
  expect(at.log.stats).toMatchObject({ topics: 1, partitions: 3 });
});

test("a topic whose deletion failed is there as before", async () => {
  const at = new LogUnderTest();
  const topicId = await at.create("orders");
  await at.produce("orders", batchOf(["a"]));
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  const [deleted] = await at.during(at.log.deleteTopics({ topics: ["orders"] }));
  expect(deleted?.error?.code).toBe("STORAGE_FULL");
  expect(at.log.catalog.byId(topicId)?.topic).toBe("orders");
  expect(valuesOf(await at.fetch("orders", 0))).toEqual(["a"]);
  await at.clock.advance(1500);
  expect((await at.produce("orders", batchOf(["b"]))).baseOffset).toBe(1);
});

test("on a full disk topics can be deleted, but not created, and no producer id is given", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.fillDisk();
  const produced = at.log.produce(1, [{ topic: "orders", partition: 0, batches: batchOf(["a"]) }]);
  const deleted = at.log.deleteTopics({ topics: ["orders"] });
  expect((await at.during(produced))[0]?.error?.code).toBe("STORAGE_FULL");
  expect((await at.during(deleted))[0]?.error).toBeUndefined();
  expect(at.log.catalog.byName("orders")).toBeUndefined();
  expect(at.log.stats).toMatchObject({ topics: 0, partitions: 0 });
  expect((await at.during(at.log.createTopics({ topics: [{ topic: "b" }] })))[0]?.error?.code).toBe("STORAGE_FULL");
  expect(await rejection(at.during(at.log.initProducerId()))).toBe("STORAGE_FULL");
  expect(at.storage.turns).toHaveLength(2);

  at.storage.freeDisk();
  await at.clock.advance(1500);
  await at.create("orders");
  expect((await at.produce("orders", batchOf(["b"]))).baseOffset).toBe(0);
});

test("what is staged, but not sealed when an earlier turn fails leaves no sequence behind", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  const item = (sequence: number) => [{ topic: "orders", partition: 0, batches: sequenced(["a"], sequence) }];
  const sealed = at.log.produce(1, item(0));
  await at.clock.advance(1);
  const open = at.log.produce(1, item(1));
  at.storage.release();
  await settle();
  for (const results of [await sealed, await open]) expect(results[0]?.error?.code).toBe("STORAGE_FULL");

  await at.clock.advance(1500);
  await at.produce("orders", sequenced(["other"], 0, 8));
  expect((await at.produce("orders", sequenced(["a"], 0))).baseOffset).toBe(1);
  expect((await at.produce("orders", sequenced(["a"], 1))).baseOffset).toBe(2);
});

test("what failed to be created, or deleted, counts no longer towards the limits", async () => {
  const at = new LogUnderTest({ "max.topics": 1, "max.partitions": 3 });
  at.storage.failTurn(1, "full");
  const create = () => at.during(at.log.createTopics({ topics: [{ topic: "a", partitions: 3 }] }));
  expect((await create())[0]?.error?.code).toBe("STORAGE_FULL");
  await at.clock.advance(1500);
  expect((await create())[0]?.error).toBeUndefined();
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  expect((await at.during(at.log.deleteTopics({ topics: ["a"] })))[0]?.error?.code).toBe("STORAGE_FULL");
  await at.clock.advance(1500);
  const [another] = await at.during(at.log.createTopics({ topics: [{ topic: "b" }] }));
  expect(another?.error?.code).toBe("POLICY_VIOLATION");
});

test("a topic created and deleted in one turn of which only the deletion is stored was never there", async () => {
  const at = new LogUnderTest();
  const heard: string[] = [];
  at.log.catalog.onChange(({ topic }, change) => heard.push(`${topic} ${change}`));
  at.storage.failTurn(1, "essentialOnly");
  const created = at.log.createTopics({ topics: [{ topic: "a", partitions: 2 }] });
  const deleted = at.log.deleteTopics({ topics: ["a"] });
  expect((await at.during(created))[0]?.error?.code).toBe("STORAGE_FULL");
  expect((await at.during(deleted))[0]?.error).toBeUndefined();
  expect(at.log.stats).toMatchObject({ topics: 0, partitions: 0 });
  expect(heard).toEqual([]);
});

test("a broker that closes with turns in flight acknowledges those that still become durable, and refuses the rest", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  const produce = (value: string) => at.log.produce(1, [{ topic: "orders", partition: 0, batches: batchOf([value]) }]);
  const sent = produce("in flight");
  await at.clock.advance(1);
  const open = produce("open");
  at.turns.close();
  expect((await at.during(open))[0]?.error?.code).toBe("BROKER_NOT_AVAILABLE");
  at.storage.release();
  expect((await at.during(sent))[0]).toMatchObject({ baseOffset: 0 });
  expect(at.errors).toEqual([]);
  await at.restart();
  expect(await at.highWatermark("orders")).toBe(1);
});

test("producers that do not wait for answers cannot pile up records in front of a disk that does not keep up", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  const batch = batchOf(["x".repeat(1_000_000)]);
  const codes: (string | undefined)[] = [];
  for (let count = 0; count < 300; count++) {
    const [result] = await at.log.produce(0, [{ topic: "orders", partition: 0, batches: batch }]);
    codes.push(result?.error?.code);
  }
  const taken = codes.filter((code) => code === undefined).length;
  expect(taken).toBe(Math.floor((256 * 1024 * 1024) / batch.length));
  expect(new Set(codes.slice(taken))).toEqual(new Set(["THROTTLING_QUOTA_EXCEEDED"]));
  at.storage.release();
  await at.clock.runUntil(() => at.turns.hasRoomFor(batch.length), 1000, "the disk catches up");
  expect((await at.produce("orders", batch)).baseOffset).toBe(taken);
});
