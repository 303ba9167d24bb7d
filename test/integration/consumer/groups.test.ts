// Two and more consumers of one group before a real broker.

import { expect, test } from "vitest";
import { take, until, valuesOf, World } from "./support.ts";

const p0 = { topic: "orders", partition: 0 };
const byHand = { "enable.auto.commit": false };
const LIMIT_MS = 15_000;

test(
  "a second member takes over half of the partitions; what stays is read on; every record comes once",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 4);
    const first = world.consumer();
    const events: Record<string, unknown>[] = [];
    first.on("rebalance", (detail) => events.push(detail));
    first.subscribe(["orders"]);
    expect(await first.ready()).toHaveLength(4);
    for (let partition = 0; partition < 4; partition++) await world.produce("orders", [`a${partition}`], partition);
    const seen = valuesOf(await take(first, 4));

    const second = world.consumer({ "client.id": "second" });
    second.subscribe(["orders"]);
    await until(async () => {
      seen.push(...valuesOf(await first.poll(10)), ...valuesOf(await second.poll(10)));
      return first.assignment().length === 2 && second.assignment().length === 2;
    });
    for (let partition = 0; partition < 4; partition++) await world.produce("orders", [`b${partition}`], partition);
    await until(async () => {
      seen.push(...valuesOf(await first.poll(10)), ...valuesOf(await second.poll(10)));
      return seen.length >= 8;
    });
    expect(seen.sort()).toEqual(["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"]);
    expect(events.at(-1)).toMatchObject({ revoked: [{}, {}], assigned: [], lost: [] });
    expect(String(events.at(-1)?.reason)).toContain("second");
  },
  LIMIT_MS,
);

test(
  "close releases at once: the other member has the partitions without waiting for a session timeout",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 2);
    const [first, second] = [world.consumer(), world.consumer()];
    for (const consumer of [first, second]) consumer.subscribe(["orders"]);
    await until(async () => {
      await first.poll(10);
      await second.poll(10);
      return first.assignment().length === 1 && second.assignment().length === 1;
    });
    await first.close();
    await until(async () => {
      await second.poll(10);
      return second.assignment().length === 2;
    });
    expect((await world.group()).timeline.some(({ reason }) => reason?.includes("the consumer was closed"))).toBe(true);
  },
  LIMIT_MS,
);

test("a commit for a partition of another member is refused for that partition, and named", async () => {
  await using world = await World.start();
  await world.topic("orders", 2);
  const [first, second] = [world.consumer(byHand), world.consumer(byHand)];
  for (const consumer of [first, second]) consumer.subscribe(["orders"]);
  await until(async () => {
    await first.poll(10);
    await second.poll(10);
    return first.assignment().length === 1 && second.assignment().length === 1;
  });
  const [foreign] = second.assignment();
  const [own] = first.assignment();
  if (foreign === undefined || own === undefined) throw new Error("both own one");
  const committing = first.commit([
    { ...foreign, offset: 0 },
    { ...own, offset: 0 },
  ]);
  await expect(committing).rejects.toMatchObject({
    name: "CommitFailedError",
    code: "STALE_MEMBER_EPOCH",
    partitions: [foreign],
    results: [
      { ...foreign, error: { code: "STALE_MEMBER_EPOCH" } },
      { ...own, offset: 0 },
    ],
  });
  // No reason to rejoin.
  expect(first.assignment()).toEqual([own]);
  expect(await first.committed([own, foreign])).toMatchObject([{ offset: 0 }, null]);
});

test(
  "a topic deleted and created again under its group is read from its beginning, never at the old position",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    await world.produce("orders", ["old0", "old1", "old2"]);
    const consumer = world.consumer({ "auto.commit.interval.ms": 0 });
    consumer.subscribe(["orders"]);
    await take(consumer, 3);
    await consumer.poll(10);
    await world.ask("deleteTopics", { topics: ["orders"] });
    await world.topic("orders");
    await world.produce("orders", ["new0", "new1", "new2", "new3", "new4"]);
    expect(valuesOf(await take(consumer, 5))).toEqual(["new0", "new1", "new2", "new3", "new4"]);
  },
  LIMIT_MS,
);

test("a stand-alone consumer may commit only while the group is empty", async () => {
  await using world = await World.start();
  await world.topic("orders");
  const alone = world.consumer({ "enable.auto.commit": false });
  alone.assign([p0]);
  expect(await alone.commit([{ ...p0, offset: 0 }])).toMatchObject([{ offset: 0 }]);
  const member = world.consumer();
  member.subscribe(["orders"]);
  await member.ready();
  await expect(alone.commit([{ ...p0, offset: 0 }])).rejects.toMatchObject({ name: "CommitFailedError" });
});

test("iteration reads, commits and closes from inside its body", async () => {
  await using world = await World.start();
  await world.topic("orders");
  await world.produce("orders", ["a", "b", "c"]);
  const consumer = world.consumer();
  consumer.subscribe(["orders"]);
  const seen: (string | null)[] = [];
  for await (const { value } of consumer) {
    seen.push(value);
    if (value !== "c") continue;
    await consumer.close();
    break;
  }
  expect(seen).toEqual(["a", "b", "c"]);
  // Nobody finished c: it comes again.
  expect(await world.consumer().committed([p0])).toMatchObject([{ offset: 2 }]);
});

test("offsets by place and time, and positions, as the broker knows them", async () => {
  await using world = await World.start();
  await world.topic("orders");
  await world.produce("orders", ["a", "b"]);
  const consumer = world.consumer();
  expect(await consumer.beginningOffsets([p0])).toMatchObject([{ offset: 0 }]);
  expect(await consumer.endOffsets([p0])).toMatchObject([{ offset: 2 }]);
  expect(await consumer.offsetsForTimes([{ ...p0, timestamp: 0 }])).toMatchObject([{ offset: 0 }]);
  expect(await consumer.offsetsForTimes([{ ...p0, timestamp: 99_999_999_999_999 }])).toEqual([null]);
  consumer.subscribe(["orders"]);
  await consumer.ready();
  expect(await consumer.position(p0)).toBe(0);
  await take(consumer, 2);
  expect(consumer.currentLag(p0)).toBe(0);
  consumer.seekToBeginning();
  expect(valuesOf(await take(consumer, 2))).toEqual(["a", "b"]);
});
