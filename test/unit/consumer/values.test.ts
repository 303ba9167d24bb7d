// What bytes become: serdes of the package and of the application, nulls, and deserializers that fail.

import { expect, test } from "vitest";
import { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { bytes, type Deserializer, double, int64, json, type Serde, string } from "../../../client-sdk/src/serdes.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { utf8 } from "./fake-broker.ts";
import { Bench, errorOf } from "./setup.ts";

const p0 = { topic: "t", partition: 0 };

function reading<K, V>(bench: Bench, key: Deserializer<K>, value: Deserializer<V>): Consumer<K, V> {
  const world = { clock: bench.clock, random: simulatedRandom(1), brokerClient: bench.broker };
  const config = { "bootstrap.servers": "a:1", "key.deserializer": key, "value.deserializer": value };
  const consumer = new Consumer<K, V>({ ...config, "auto.offset.reset": "earliest" }, { world });
  consumer.assign([p0]);
  return consumer;
}

async function roundTrip<T>(serde: Serde<T>, values: readonly (T | null)[]): Promise<(T | null)[]> {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.append(
    "t",
    0,
    values.map((value) => ({ key: null, value: value === null ? null : serde.serialize("t", value, []) })),
  );
  const consumer = reading(bench, bytes, serde);
  const records = await bench.run(consumer.poll(1_000));
  expect(records.every(({ key }) => key === null)).toBe(true);
  await bench.run(consumer.close());
  return records.map(({ value }) => value);
}

test("values come back as they were, and null is null for every deserializer", async () => {
  const big = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), null];
  expect(await roundTrip(int64, big)).toEqual(big);
  const numbers = [0, -0, Math.PI, Number.MAX_VALUE, Number.MIN_VALUE, Number.POSITIVE_INFINITY, Number.NaN, null];
  expect(await roundTrip(double, numbers)).toEqual(numbers);
  expect(await roundTrip(string, ["", "ü😀", null])).toEqual(["", "ü😀", null]);
  // An object that looks like a promise is none.
  const parsed = [JSON.parse('{"then":1}'), [], "x", null];
  expect(await roundTrip(json<unknown>(), parsed)).toEqual(parsed);
});

test("the JSON text null is a value of its own and not a tombstone's absence of one", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.append("t", 0, [{ key: utf8("k"), value: utf8("null") }]);
  const consumer = reading(bench, string, json<unknown>());
  expect(await bench.run(consumer.poll(1_000))).toMatchObject([{ key: "k", value: null }]);
  await bench.run(consumer.close());
});

test.each(["key", "value"] as const)(
  "a %s that cannot be read stands at its place with its bytes, until the application seeks",
  async (part) => {
    const bench = new Bench();
    bench.broker.topic("t");
    bench.broker.append("t", 0, [
      { key: utf8("00000000"), value: utf8("00000000") },
      {
        key: utf8(part === "key" ? "bad" : "00000000"),
        value: utf8(part === "value" ? "bad" : "00000000"),
        headers: [{ key: "h", value: null }],
      },
      { key: utf8("00000000"), value: utf8("00000000") },
    ]);
    const consumer = reading(bench, int64, int64);
    const [first] = await bench.run(consumer.poll(1_000));
    if (first === undefined) throw new Error("the record before it did not come");
    for (let round = 0; round < 2; round++) {
      const error = await errorOf(bench, consumer.poll(1_000));
      expect(error).toMatchObject({ name: "RecordDeserializationError", ...p0, offset: 1, part, fatal: false });
      expect(error[`${part}Bytes`]).toEqual(utf8("bad"));
      const { timestamp, timestampType } = first;
      expect(error).toMatchObject({ headers: [{ key: "h", value: null }], timestamp, timestampType });
      expect(error.hint).toContain("seek to 2");
      expect(await consumer.position(p0)).toBe(1);
    }
    consumer.seek(p0, 2);
    expect(await bench.run(consumer.poll(1_000))).toMatchObject([{ offset: 2 }]);
    await bench.run(consumer.close());
  },
);

test("a deserializer that returns a promise is refused at its first record", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 1);
  const asynchronous: Deserializer<unknown> = {
    deserialize: async () => {
      throw new Error("never heard of");
    },
  };
  const consumer = reading(bench, bytes, asynchronous);
  const error = await errorOf(bench, consumer.poll(1_000));
  expect(error.name).toBe("RecordDeserializationError");
  expect(error.message).toContain("synchronous");
  await bench.run(consumer.close());
});

test("a deserializer gets the topic and the headers, in order, repeated names included", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const headers = [
    { key: "type", value: utf8("a") },
    { key: "type", value: null },
  ];
  bench.broker.append("t", 0, [{ key: null, value: utf8("v"), headers }]);
  const consumer = reading(bench, bytes, {
    deserialize: (topic, data, given) => [topic, String.fromCharCode(...data), given],
  });
  expect((await bench.run(consumer.poll(1_000)))[0]?.value).toEqual(["t", "v", headers]);
  await bench.run(consumer.close());
});
