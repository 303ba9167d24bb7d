// The options that work, each with its effect against a real broker. No timings are asserted: a test waits for the effect,
// and its time limit is what an option without effect would exceed.

import { expect, test } from "vitest";
import { listening, take, until, valuesOf, World } from "./support.ts";

const p0 = { topic: "orders", partition: 0 };
const LIMIT_MS = 15_000;

test("auto.offset.reset: earliest reads from the beginning, latest only what comes, none is an error", async () => {
  await using world = await World.start();
  await world.topic("orders");
  await world.produce("orders", ["old"]);
  const earliest = world.consumer({ "group.id": "earliest", "auto.offset.reset": "earliest" });
  const latest = world.consumer({ "group.id": "latest", "auto.offset.reset": "latest" });
  const none = world.consumer({ "group.id": "none", "auto.offset.reset": "none" });
  for (const consumer of [earliest, latest, none]) consumer.subscribe(["orders"]);
  await latest.ready();
  await world.produce("orders", ["new"]);
  expect(valuesOf(await take(earliest, 2))).toEqual(["old", "new"]);
  expect(valuesOf(await take(latest, 1))).toEqual(["new"]);
  await expect(take(none, 1)).rejects.toMatchObject({ name: "NoOffsetForPartitionError", partitions: [p0] });
});

test("auto.offset.reset is ignored where there is a committed offset", async () => {
  await using world = await World.start();
  await world.topic("orders");
  await world.produce("orders", ["a", "b", "c"]);
  const before = world.consumer({ "enable.auto.commit": false });
  before.subscribe(["orders"]);
  await before.ready();
  await before.commit([{ ...p0, offset: 1 }]);
  await before.close();
  for (const reset of ["earliest", "latest", "none"] as const) {
    const consumer = world.consumer({ "auto.offset.reset": reset, "enable.auto.commit": false });
    consumer.subscribe(["orders"]);
    expect(valuesOf(await take(consumer, 2))).toEqual(["b", "c"]);
    await consumer.close();
  }
});

test("enable.auto.commit: what was read is committed by itself, or not", async () => {
  await using world = await World.start();
  await world.topic("orders");
  await world.produce("orders", ["a", "b"]);
  for (const [groupId, isAutomatic] of [
    ["by itself", true],
    ["by hand", false],
  ] as const) {
    const first = world.consumer({ "group.id": groupId, "enable.auto.commit": isAutomatic });
    first.subscribe(["orders"]);
    await take(first, 2);
    await first.close();
    const second = world.consumer({ "group.id": groupId });
    expect(await second.committed([p0])).toMatchObject([isAutomatic ? { offset: 2 } : null]);
  }
});

test(
  "auto.commit.interval.ms: how soon what earlier polls returned is committed",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    await world.produce("orders", ["a", "b"]);
    const often = world.consumer({ "group.id": "often", "auto.commit.interval.ms": 10 });
    const rarely = world.consumer({ "group.id": "rarely", "auto.commit.interval.ms": 600_000 });
    for (const consumer of [often, rarely]) {
      consumer.subscribe(["orders"]);
      await take(consumer, 2);
    }
    await until(async () => {
      await often.poll(20);
      await rarely.poll(0);
      return (await often.committed([p0]))[0]?.offset === 2;
    });
    expect(await rarely.committed([p0])).toEqual([null]);
  },
  LIMIT_MS,
);

test(
  "fetch.min.bytes and fetch.max.wait.ms: an answer is held back until there is so much, or so long",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    const patient = world.consumer({
      "fetch.min.bytes": 2_000,
      "fetch.max.wait.ms": 600_000,
      "request.timeout.ms": 600_000,
    });
    const hasty = world.consumer({ "group.id": "hasty", "fetch.min.bytes": 2_000, "fetch.max.wait.ms": 100 });
    for (const consumer of [patient, hasty]) consumer.assign([p0]);
    await world.produce("orders", ["small"]);
    expect(valuesOf(await take(hasty, 1))).toEqual(["small"]);
    expect(await patient.poll(200)).toEqual([]);
    await world.produce("orders", ["x".repeat(2_000)]);
    expect(await take(patient, 2)).toHaveLength(2);
  },
  LIMIT_MS,
);

test("max.partition.fetch.bytes and fetch.max.bytes bound an answer, but for its first batch", async () => {
  await using world = await World.start();
  await world.topic("orders");
  for (let batch = 0; batch < 6; batch++) await world.produce("orders", ["x".repeat(1_000)]);
  for (const option of ["max.partition.fetch.bytes", "fetch.max.bytes"] as const) {
    let fetches = 0;
    const { transport } = listening((api) => {
      if (api === "fetch") fetches += 1;
      return undefined;
    });
    const consumer = world.consumer({ "group.id": option, [option]: 100 }, { world: { transport } });
    consumer.assign([p0]);
    expect(await take(consumer, 6)).toHaveLength(6);
    expect(fetches).toBeGreaterThanOrEqual(6);
  }
});

test("max.poll.records bounds what one poll returns", async () => {
  await using world = await World.start();
  await world.topic("orders");
  await world.produce("orders", ["a", "b", "c", "d", "e"]);
  const consumer = world.consumer({ "max.poll.records": 2 });
  consumer.subscribe(["orders"]);
  const sizes: number[] = [];
  while (sizes.reduce((sum, size) => sum + size, 0) < 5) {
    const { length } = await consumer.poll(200);
    if (length > 0) sizes.push(length);
  }
  expect(sizes).toEqual([2, 2, 1]);
});

test(
  "session.timeout.ms: a member that falls silent is put out after it, and the reason says so",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 2);
    const silent = world.consumer({ "session.timeout.ms": 300, "heartbeat.interval.ms": 100 });
    silent.subscribe(["orders"]);
    await silent.ready();
    await silent.close({ membership: "remain" });
    const other = world.consumer();
    other.subscribe(["orders"]);
    await until(async () => {
      await other.poll(20);
      return other.assignment().length === 2;
    });
    const { timeline } = await world.group();
    expect(timeline.some(({ reason }) => reason?.includes("no heartbeat"))).toBe(true);
  },
  LIMIT_MS,
);

test("session.timeout.ms outside the broker's bounds is a fatal error that names them", async () => {
  await using world = await World.start({ "group.min.session.timeout.ms": 6000 });
  await world.topic("orders");
  const consumer = world.consumer({ "session.timeout.ms": 5000, "heartbeat.interval.ms": 1000 });
  consumer.subscribe(["orders"]);
  await expect(consumer.ready()).rejects.toMatchObject({ code: "INVALID_SESSION_TIMEOUT", fatal: true });
  await expect(consumer.poll(0)).rejects.toThrow("6000");
});

test(
  "heartbeat.interval.ms: how often the member is heard, if that is less than the broker's interval",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    let heartbeats = 0;
    const { transport } = listening((api) => {
      if (api === "groupHeartbeat") heartbeats += 1;
      return undefined;
    });
    const consumer = world.consumer({ "heartbeat.interval.ms": 20 }, { world: { transport } });
    consumer.subscribe(["orders"]);
    await consumer.ready();
    // Nobody polls: heartbeats run beside it.
    await until(() => heartbeats >= 20);
  },
  LIMIT_MS,
);

test(
  "max.poll.interval.ms: who does not poll gives its partitions to the others, with a reason they can see, and comes back",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 2);
    const lost: number[] = [];
    const slow = world.consumer({ "max.poll.interval.ms": 300 });
    slow.subscribe(["orders"], { onPartitionsLost: (partitions) => void lost.push(partitions.length) });
    await slow.ready();
    // Before another joins: the broker would give up on the slow one after the same time, for another reason.
    await until(async () =>
      (await world.group()).timeline.some(({ reason }) => reason?.includes("max.poll.interval.ms 300 exceeded")),
    );
    const other = world.consumer();
    other.subscribe(["orders"]);
    await until(async () => {
      await other.poll(20);
      return other.assignment().length === 2;
    });
    await expect(slow.commit([{ ...p0, offset: 0 }])).rejects.toMatchObject({ name: "CommitFailedError" });
    await until(async () => {
      await other.poll(10);
      await slow.poll(10);
      return slow.assignment().length === 1 && other.assignment().length === 1;
    });
    expect(lost).toEqual([2]);
  },
  LIMIT_MS,
);

test("client.id names the member in the group's description", async () => {
  await using world = await World.start();
  await world.topic("orders");
  const consumer = world.consumer({ "client.id": "till-7" });
  consumer.subscribe(["orders"]);
  await consumer.ready();
  expect((await world.group()).members).toMatchObject([{ clientId: "till-7" }]);
});

test(
  "request.timeout.ms: a request that is lost on the way is given up after it and made again",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    let asked = 0;
    const { transport } = listening((api) => {
      if (api !== "listOffsets") return undefined;
      asked += 1;
      return asked === 1 ? "drop" : undefined;
    });
    const consumer = world.consumer({ "request.timeout.ms": 200 }, { world: { transport } });
    expect(await consumer.endOffsets([p0])).toMatchObject([{ offset: 0 }]);
    expect(asked).toBe(2);
  },
  LIMIT_MS,
);

test(
  "default.api.timeout.ms: a call before a broker that is not there ends after it",
  async () => {
    const world = await World.start();
    const consumer = world.consumer({ "default.api.timeout.ms": 300 });
    await world.broker.close();
    await expect(consumer.endOffsets([p0])).rejects.toMatchObject({ name: "TimeoutError", retriable: true });
    consumer.subscribe(["orders"]);
    await expect(consumer.ready()).rejects.toMatchObject({ name: "TimeoutError" });
    await consumer.close({ timeoutMs: 0 });
  },
  LIMIT_MS,
);
