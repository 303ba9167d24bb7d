import { expect, test } from "vitest";
import type { ConsumerRecord } from "../../../client-sdk/src/consumed.ts";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { utf8 } from "./fake-broker.ts";
import { Bench, errorOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };

function orders(bench: Bench, count: number, config = {}): Consumer<string, string> {
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  bench.broker.fill("orders", 0, count);
  const consumer = bench.consumer(config);
  consumer.subscribe(["orders"]);
  return consumer;
}

const committed = (bench: Bench) => bench.broker.of("offsetCommit").map(({ offsets }) => offsets[0]?.offset);

test("for await hands out every record once, in order, and the position follows the record", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 600, { "enable.auto.commit": false });
  const offsets: number[] = [];
  const loop = async () => {
    for await (const record of consumer) {
      offsets.push(record.offset);
      expect(await consumer.position(p0)).toBe(record.offset + 1);
      if (offsets.length === 600) break;
    }
  };
  await bench.run(loop());
  expect(offsets).toEqual(Array.from({ length: 600 }, (_, offset) => offset));
});

test("an explicit commit in the body includes the current record (hard place 11)", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 3, { "enable.auto.commit": false });
  const loop = async () => {
    for await (const record of consumer) {
      await consumer.commit();
      if (record.offset === 1) break;
    }
  };
  await bench.run(loop());
  expect(committed(bench)).toEqual([1, 2]);
});

test("close in the body excludes the current record, which nobody has finished", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 5);
  const loop = async () => {
    for await (const record of consumer) {
      if (record.offset !== 2) continue;
      await consumer.close();
      break;
    }
  };
  await bench.run(loop());
  expect(committed(bench)).toEqual([2]);
});

test("break leaves the current record unfinished; asking again finishes it and goes on behind it", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 5);
  const until = async (offset: number) => {
    for await (const record of consumer) if (record.offset === offset) return record.offset;
    return -1;
  };
  await bench.run(until(1));
  await bench.run(until(2));
  await bench.run(consumer.close());
  expect(committed(bench)).toEqual([2]);
});

test("the auto commit of a step stores the records before the one it hands out", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 5, { "auto.commit.interval.ms": 1000 });
  const loop = async () => {
    for await (const record of consumer) {
      if (record.offset === 2) bench.clock.skip(1001);
      if (record.offset === 3) {
        await bench.broker.request("metadata", { topics: ["orders"] });
        expect(committed(bench)).toEqual([3]);
        break;
      }
    }
  };
  await bench.run(loop());
});

test("each step counts as a poll: a slow loop stays a member", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 30, { "max.poll.interval.ms": 10_000 });
  const loop = async () => {
    let seen = 0;
    for await (const _ of consumer) {
      await bench.clock.advance(8000);
      seen += 1;
      if (seen === 5) break;
    }
  };
  // The body itself moves time.
  const running = loop();
  for (let turns = 0; turns < 50; turns++) await bench.clock.advance(0);
  await bench.run(running);
  expect(bench.broker.of("groupHeartbeat").some(({ memberEpoch }) => memberEpoch === -1)).toBe(false);
});

test("rebalance callbacks run between records", async () => {
  const bench = new Bench();
  const log: string[] = [];
  bench.broker.topic("orders", 2).assign(["orders", 0], ["orders", 1]);
  bench.broker.fill("orders", 0, 4);
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.subscribe(["orders"], { onPartitionsRevoked: () => void log.push("revoked") });
  const loop = async () => {
    for await (const record of consumer) {
      log.push(`begin ${record.offset}`);
      if (record.offset === 1) {
        bench.broker.assign(["orders", 0]);
        bench.broker.hint();
        for (let turns = 0; turns < 10; turns++) await bench.broker.request("metadata", { topics: ["orders"] });
      }
      log.push(`end ${record.offset}`);
      if (record.offset === 3) break;
    }
  };
  await bench.run(loop());
  expect(log).toEqual(["begin 0", "end 0", "begin 1", "end 1", "revoked", "begin 2", "end 2", "begin 3", "end 3"]);
});

test("an iterator that waits rejects when the consumer is closed elsewhere", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 1);
  const loop = async () => {
    for await (const _ of consumer);
  };
  const running = errorOf(bench, loop());
  await bench.clock.advance(100);
  await bench.run(consumer.close());
  expect((await running).name).toBe("ClosedError");
  expect(bench.clock.liveTimers).toBe(0);
});

test("wakeup and errors come out of the loop", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 0);
  const loop = async () => {
    for await (const _ of consumer);
  };
  const running = errorOf(bench, loop());
  await bench.clock.advance(100);
  consumer.wakeup();
  expect((await running).name).toBe("WakeupError");
});

test("seek in the body is followed by the next step", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 10, { "enable.auto.commit": false });
  const offsets: number[] = [];
  const loop = async () => {
    for await (const record of consumer) {
      offsets.push(record.offset);
      if (record.offset === 1) consumer.seek(p0, 8);
      if (record.offset === 9) break;
    }
  };
  await bench.run(loop());
  expect(offsets).toEqual([0, 1, 8, 9]);
});

test("pause in the body holds the rest back", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 5, { "enable.auto.commit": false });
  const iterator = consumer[Symbol.asyncIterator]();
  await bench.run(iterator.next());
  consumer.pause([p0]);
  const next = iterator.next();
  let settled = false;
  void next.then(() => {
    settled = true;
  });
  await bench.clock.advance(10_000);
  expect(settled).toBe(false);
  consumer.resume([p0]);
  expect((await bench.run(next)).value?.offset).toBe(1);
});

test("wakeup and close in the body end the next step, though records wait in the buffer", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 5, { "enable.auto.commit": false });
  const iterator = consumer[Symbol.asyncIterator]();
  expect((await bench.run(iterator.next())).value?.offset).toBe(0);
  consumer.wakeup();
  expect((await errorOf(bench, iterator.next())).name).toBe("WakeupError");
  expect((await bench.run(iterator.next())).value?.offset).toBe(1);
  await bench.run(consumer.close());
  expect((await errorOf(bench, iterator.next())).name).toBe("ClosedError");
});

test("a record with nothing behind it but what holds no records is unfinished all the same", async () => {
  const bench = new Bench();
  bench.broker.topic("t").assign(["t", 0]);
  bench.broker.fill("t", 0, 2);
  bench.broker.append("t", 0, [{ key: utf8("c"), value: null }], { control: true });
  const renumbering = {
    onConsume: (records: ConsumerRecord<string, string>[]) => records.map((one) => ({ ...one, offset: 77 })),
  };
  const consumer = bench.consumer({ "interceptor.classes": [renumbering] });
  consumer.subscribe(["t"]);
  let seen = 0;
  for await (const _ of consumer) {
    seen += 1;
    if (seen === 2) break;
  }
  await bench.run(consumer.close());
  expect(bench.broker.committed.get("t-0")?.offset).toBe(1);
});

test("a wakeup while the body works takes nothing from it: the record is finished when the next one is asked for", async () => {
  const bench = new Bench();
  const consumer = orders(bench, 5);
  const loop = async () => {
    for await (const record of consumer) if (record.offset === 1) consumer.wakeup();
  };
  expect((await errorOf(bench, loop())).name).toBe("WakeupError");
  await bench.run(consumer.close());
  expect(committed(bench)).toEqual([2]);
});
