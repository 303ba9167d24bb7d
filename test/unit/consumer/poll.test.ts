import { encodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { failure, utf8 } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf, valuesOf } from "./setup.ts";

function oneTopic(bench: Bench, partitions = 1, count = 0): void {
  bench.broker.topic("orders", partitions);
  bench.broker.assign(...Array.from({ length: partitions }, (_, index): [string, number] => ["orders", index]));
  if (count > 0) bench.broker.fill("orders", 0, count);
}

test("one consumer subscribes, polls, commits and closes; no timer is left", async () => {
  const bench = new Bench();
  oneTopic(bench, 2, 3);
  bench.broker.fill("orders", 1, 2);
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.subscribe(["orders"]);
  const records = await bench.take(consumer, 5);
  expect(valuesOf(records).sort()).toEqual(["v0", "v0", "v1", "v1", "v2"]);
  const committed = await bench.run(consumer.commit());
  expect(committed).toMatchObject([
    { topic: "orders", partition: 0, offset: 3 },
    { topic: "orders", partition: 1, offset: 2 },
  ]);
  await bench.run(consumer.close());
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
  expect(bench.clock.liveTimers).toBe(0);
});

test("a record comes with everything Kafka gives", async () => {
  const bench = new Bench();
  oneTopic(bench);
  const header = { key: "trace", value: utf8("t") };
  bench.broker.append("orders", 0, [{ key: utf8("k"), value: null, headers: [header, header], timestamp: 77 }]);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  const [record] = await bench.take(consumer, 1);
  expect(record).toEqual({
    topic: "orders",
    partition: 0,
    offset: 0,
    leaderEpoch: 3,
    timestamp: 77,
    timestampType: "CreateTime",
    key: "k",
    value: null,
    headers: [header, header],
  });
});

test("poll without a subscription is an illegal state", async () => {
  const bench = new Bench();
  const consumer = bench.consumer();
  expect(await errorOf(bench, consumer.poll(100))).toMatchObject({ name: "IllegalStateError", code: "ILLEGAL_STATE" });
});

test("an overlapping poll is refused, and the first goes on", async () => {
  const bench = new Bench();
  oneTopic(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  const first = consumer.poll(1000);
  const second = await errorOf(bench, consumer.poll(1000));
  expect(second.code).toBe("ILLEGAL_STATE");
  expect(second.message).toContain("while poll()");
  expect(await bench.run(first)).toEqual([]);
});

test("poll waits to its timeout, and not longer", async () => {
  const bench = new Bench();
  oneTopic(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  expect(await bench.run(consumer.poll(1234))).toEqual([]);
  expect(bench.clock.nowMs()).toBe(1234);
});

test("max.poll.records cuts what is returned; the rest comes without another fetch", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 10);
  const consumer = bench.consumer({ "max.poll.records": 4 });
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1, 2, 3]);
  bench.broker.on("fetch", () => new Promise(() => {}));
  expect(offsetsOf(await bench.run(consumer.poll(0)))).toEqual([4, 5, 6, 7]);
  expect(offsetsOf(await bench.run(consumer.poll(0)))).toEqual([8, 9]);
});

test("what one partition's fetch brought is handed out whole before the next partition's, over polls too", async () => {
  const bench = new Bench();
  oneTopic(bench, 2, 3);
  bench.broker.fill("orders", 1, 3);
  const consumer = bench.consumer({ "max.poll.records": 2 });
  consumer.subscribe(["orders"]);
  const partitions: number[][] = [];
  while (partitions.flat().length < 6) {
    const records = await bench.run(consumer.poll(1000));
    partitions.push(records.map(({ partition }) => partition));
  }
  const [first = -1] = partitions[0] ?? [];
  const other = 1 - first;
  expect(partitions).toEqual([
    [first, first],
    [first, other],
    [other, other],
  ]);
});

test("repeated poll(0) joins, finds positions and hands out what came", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 3);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  const records = [];
  let rounds = 0;
  while (records.length < 3 && rounds < 50) {
    records.push(...(await bench.run(consumer.poll(0))));
    rounds += 1;
  }
  expect(offsetsOf(records)).toEqual([0, 1, 2]);
  expect(bench.clock.nowMs()).toBe(0);
});

test("a position that moves without data ends the poll early and empty", async () => {
  const bench = new Bench();
  oneTopic(bench);
  bench.broker.append("orders", 0, [{ key: utf8("marker"), value: utf8("x") }], { control: true });
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  expect(await bench.run(consumer.poll(60_000))).toEqual([]);
  expect(bench.clock.nowMs()).toBeLessThan(60_000);
  expect(await bench.run(consumer.position({ topic: "orders", partition: 0 }))).toBe(1);
});

test("control batches and records before the position are skipped", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 5);
  bench.broker.append("orders", 0, [{ key: utf8("marker"), value: null }], { control: true });
  bench.broker.fill("orders", 0, 1);
  bench.broker.committed.set("orders-0", { topic: "orders", partition: 0, offset: 3 });
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.take(consumer, 3))).toEqual([3, 4, 6]);
});

test("wakeup ends the running poll once, or the next one", async () => {
  const bench = new Bench();
  oneTopic(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  const polling = errorOf(bench, consumer.poll(1000));
  consumer.wakeup();
  expect((await polling).name).toBe("WakeupError");
  expect(await bench.run(consumer.poll(10))).toEqual([]);
  consumer.wakeup();
  expect((await errorOf(bench, consumer.poll(10))).name).toBe("WakeupError");
  expect(await bench.run(consumer.poll(10))).toEqual([]);
});

test("a wakeup takes no records with it", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 2);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  await bench.clock.advance(1);
  consumer.wakeup();
  expect((await errorOf(bench, consumer.poll(0))).name).toBe("WakeupError");
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1]);
});

test("an AbortSignal ends the poll it was given to", async () => {
  const bench = new Bench();
  oneTopic(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  const controller = new AbortController();
  const polling = errorOf(bench, consumer.poll(1000, { signal: controller.signal }));
  controller.abort(new Error("enough"));
  expect(await polling).toMatchObject({ code: "ABORTED", cause: new Error("enough") });
  expect(await bench.run(consumer.poll(10))).toEqual([]);
});

test("a deserializer that throws: what came before is returned, the error next, the position stays, seek goes on", async () => {
  const bench = new Bench();
  oneTopic(bench);
  bench.broker.append("orders", 0, [
    { key: null, value: utf8("1") },
    { key: utf8("k"), value: utf8("{") },
    { key: null, value: utf8("3") },
  ]);
  const consumer = bench.consumer({
    "value.deserializer": { deserialize: (_, data) => String(JSON.parse(new TextDecoder().decode(data))) },
  });
  consumer.subscribe(["orders"]);
  expect(valuesOf(await bench.run(consumer.poll(1000)))).toEqual(["1"]);
  for (let again = 0; again < 2; again++) {
    const error = await errorOf(bench, consumer.poll(1000));
    expect(error).toMatchObject({
      name: "RecordDeserializationError",
      topic: "orders",
      partition: 0,
      offset: 1,
      part: "value",
      keyBytes: utf8("k"),
      valueBytes: utf8("{"),
    });
    expect(await bench.run(consumer.position({ topic: "orders", partition: 0 }))).toBe(1);
  }
  consumer.seek({ topic: "orders", partition: 0 }, 2);
  expect(valuesOf(await bench.run(consumer.poll(1000)))).toEqual(["3"]);
});

test("what was fetched ahead of a record that cannot be deserialized does not overtake it", async () => {
  const bench = new Bench();
  oneTopic(bench);
  bench.broker.fill("orders", 0, 6, 2);
  const consumer = bench.consumer({
    "max.partition.fetch.bytes": 1,
    "value.deserializer": {
      deserialize: (_, data) => {
        const text = new TextDecoder().decode(data);
        if (text === "v1") throw new Error("poison");
        return text;
      },
    },
  });
  consumer.subscribe(["orders"]);
  // The second batch is on its way while the first is handed out.
  let answer: (() => void) | undefined;
  bench.broker.on("fetch", async (request, options) => {
    bench.broker.off("fetch");
    const first = await bench.broker.request("fetch", request, options);
    bench.broker.on("fetch", async (next, nextOptions) => {
      bench.broker.off("fetch");
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return await bench.broker.request("fetch", next, nextOptions);
    });
    return first;
  });
  expect(valuesOf(await bench.run(consumer.poll(1000)))).toEqual(["v0"]);
  expect((await errorOf(bench, consumer.poll(0))).message).toContain("poison");
  answer?.();
  await bench.clock.advance(10);
  expect((await errorOf(bench, consumer.poll(1000))).message).toContain("poison");
  consumer.seek({ topic: "orders", partition: 0 }, 2);
  expect(offsetsOf(await bench.take(consumer, 4))).toEqual([2, 3, 4, 5]);
});

test("a damaged batch is an error that names it, unless check.crcs is false; records before it are not lost", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 2);
  const bytes = encodeBatch([{ key: null, value: utf8("bad"), headers: [], timestamp: 1 }], { baseOffset: 2 });
  bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
  const log = bench.broker.log("orders", 0);
  log.batches.push({ baseOffset: 2, nextOffset: 3, bytes });
  log.nextOffset = 3;
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1]);
  const error = await errorOf(bench, consumer.poll(1000));
  expect(error).toMatchObject({ code: "CORRUPT_MESSAGE", context: { topic: "orders", partition: 0, offset: 2 } });
  await bench.run(consumer.close());

  const careless = bench.consumer({ "check.crcs": false, "enable.auto.commit": false });
  careless.assign([{ topic: "orders", partition: 0 }]);
  careless.seek({ topic: "orders", partition: 0 }, 2);
  bench.broker.closed = false;
  expect(offsetsOf(await bench.run(careless.poll(1000)))).toEqual([2]);
});

test("a fatal refusal of the group is thrown by every poll, with the broker's words", async () => {
  const bench = new Bench();
  oneTopic(bench);
  bench.broker.on("groupHeartbeat", () => {
    throw failure("GROUP_MAX_SIZE_REACHED", { message: "group g has 2 members already" });
  });
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  for (let again = 0; again < 2; again++) {
    const error = await errorOf(bench, consumer.poll(1000));
    expect(error).toMatchObject({ code: "GROUP_MAX_SIZE_REACHED", fatal: true });
    expect(error.message).toContain("2 members already");
  }
});

/** How often the clock was asked for a turn of the event loop. */
function countTurns(bench: Bench): () => number {
  let turns = 0;
  const defer = bench.clock.defer.bind(bench.clock);
  bench.clock.defer = (run) => {
    turns += 1;
    defer(run);
  };
  return () => turns;
}

test("an application that is handed records without ever waiting lets sockets and timers have their turn", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 100);
  const consumer = bench.consumer({ "max.poll.records": 1 });
  consumer.subscribe(["orders"]);
  await bench.take(consumer, 1);
  const turns = countTurns(bench);
  // Time passes inside the handler only.
  for (let polled = 0; polled < 20; polled++) {
    bench.clock.skip(5);
    expect(await bench.run(consumer.poll(0))).toHaveLength(1);
  }
  expect(turns()).toBeGreaterThanOrEqual(9);
});

test("poll(0) in a loop gives a turn each time that it has nothing", async () => {
  const bench = new Bench();
  oneTopic(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  const turns = countTurns(bench);
  for (let polled = 0; polled < 20; polled++) await bench.run(consumer.poll(0));
  expect(turns()).toBe(20);
});

test("fetch failures are retried with back-off and told to nobody", async () => {
  const bench = new Bench();
  oneTopic(bench, 1, 2);
  bench.broker.failNext("fetch", failure("NETWORK_EXCEPTION", { retriable: true, definite: false }), 3);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.take(consumer, 2))).toEqual([0, 1]);
  expect(bench.clock.nowMs()).toBeGreaterThan(300);
});
