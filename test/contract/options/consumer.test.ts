// Options of the consumer whose effect shows best at the public class over a real broker: what turns bytes into keys and
// values, what a group needs, and the broker's bounds on what members may ask for. The others: test/integration/consumer/.

import { Consumer, type ConsumerConfig, json, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { postJson } from "../../support/raw-client.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker({
    settings: { "group.min.session.timeout.ms": 5000, "group.max.session.timeout.ms": 20_000 },
  });
  await postJson(broker.url, "/v1/topics/orders/records", {
    records: [{ partition: 0, key: "k", valueText: '{"amount":3}' }],
  });
});
afterAll(() => broker.close());

function consumer<K, V>(config: Partial<ConsumerConfig<K, V>>): Consumer<K, V> {
  const made = new Consumer<K, V>({
    "bootstrap.servers": `127.0.0.1:${broker.port}`,
    "auto.offset.reset": "earliest",
    ...config,
  });
  onTestFinished(() => made.close({ timeoutMs: 1000 }).catch(() => {}));
  return made;
}

async function first<K, V>(from: Consumer<K, V>) {
  for (;;) {
    const [record] = await from.poll(200);
    if (record !== undefined) return record;
  }
}

const p0 = { topic: "orders", partition: 0 };

test("key.deserializer and value.deserializer make what the application gets, each on its own; without them it is bytes", async () => {
  const plain = consumer<Uint8Array, Uint8Array>({});
  plain.assign([p0]);
  const bytes = await first(plain);
  expect(bytes.key).toEqual(new Uint8Array(Buffer.from("k")));
  expect(bytes.value).toEqual(new Uint8Array(Buffer.from('{"amount":3}')));

  const typed = consumer({ "key.deserializer": string, "value.deserializer": json<{ amount: number }>() });
  typed.assign([p0]);
  expect(await first(typed)).toMatchObject({ key: "k", value: { amount: 3 } });

  const picky = consumer({ "key.deserializer": json(), "value.deserializer": string });
  picky.assign([p0]);
  await expect(first(picky)).rejects.toMatchObject({ name: "RecordDeserializationError", part: "key", offset: 0 });
});

test("group.id: subscribe and commit need one and say so; without it there is assign, and auto commit is off", async () => {
  const alone = consumer({});
  for (const refused of [() => alone.subscribe(["orders"]), () => alone.subscribe(/orders/)])
    expect(refused).toThrow(
      expect.objectContaining({ code: "INVALID_GROUP_ID", hint: expect.stringContaining("group.id") }),
    );
  alone.assign([p0]);
  expect((await first(alone)).offset).toBe(0);
  await expect(alone.commit()).rejects.toMatchObject({ code: "INVALID_GROUP_ID" });
  await alone.close();
  expect((await postJson(broker.url, "/v1/listGroups", {})).json).toEqual({ groups: [] });
  expect(() => consumer({ "enable.auto.commit": true })).toThrow("group.id");
  expect(() => consumer({ "group.id": "" })).toThrow("group.id");
});

test.each([
  ["below group.min.session.timeout.ms", 4999, 1000],
  ["above group.max.session.timeout.ms", 20_001, 1000],
])(
  "session.timeout.ms %s is refused with both bounds; at them it is taken",
  async (_, sessionTimeoutMs, intervalMs) => {
    const join = (timeoutMs: number) => {
      const member = consumer({
        "group.id": "bounded",
        "session.timeout.ms": timeoutMs,
        "heartbeat.interval.ms": intervalMs,
      });
      member.subscribe(["orders"]);
      return member.ready();
    };
    const refused = expect(join(sessionTimeoutMs)).rejects;
    await refused.toMatchObject({ code: "INVALID_SESSION_TIMEOUT", fatal: true });
    await expect(join(sessionTimeoutMs)).rejects.toThrow(
      /5000 to 20000 \(group\.min\.session\.timeout\.ms, group\.max/,
    );
    await join(sessionTimeoutMs < 5000 ? 5000 : 20_000);
  },
);

test("isolation.level takes Kafka's two values, and reads the same while there are no transactions", async () => {
  for (const level of ["read_uncommitted", "read_committed"] as const) {
    const reading = consumer<Uint8Array, Uint8Array>({ "isolation.level": level });
    reading.assign([p0]);
    expect((await first(reading)).offset).toBe(0);
    expect(await reading.endOffsets([p0])).toMatchObject([{ offset: 1 }]);
  }
  expect(() => consumer({ "isolation.level": "serializable" as never })).toThrow("isolation.level");
});
