// The types of the configurations: checked by tsc alone, never run. A typo is a type error, and so is a value of a wrong type.

import {
  type AdminConfig,
  type ConsumerConfig,
  json,
  type ProducerConfig,
  type ProducerRecord,
  type RecordMetadata,
  string,
} from "@brooklet/client";
import { expectTypeOf, test } from "vitest";

interface Order {
  id: number;
}

test("a copied configuration fits, with every option that is accepted", () => {
  expectTypeOf({
    "bootstrap.servers": ["a:1"],
    "key.deserializer": string,
    "value.deserializer": json<Order>(),
    "group.id": "g",
    "group.instance.id": "later",
    "auto.offset.reset": "by_duration:PT1H" as const,
    "enable.auto.commit": false,
    "isolation.level": "read_committed" as const,
    "group.remote.assignor": "range" as const,
    "check.crcs": true,
    "client.rack": { anything: true },
  }).toExtend<ConsumerConfig<string, Order>>();
  expectTypeOf({
    "bootstrap.servers": "a:1",
    "value.serializer": json<Order>(),
    acks: "all" as const,
    "compression.type": "zstd" as const,
    "transactional.id": "later",
    "transaction.timeout.ms": 1,
    "linger.ms": 5,
  }).toExtend<ProducerConfig<Uint8Array, Order>>();
  expectTypeOf({ "bootstrap.servers": "a:1", "request.timeout.ms": 1 }).toExtend<AdminConfig>();
});

test("typos, wrong values and other clients' names do not", () => {
  const servers = { "bootstrap.servers": "a:1" };
  // @ts-expect-error: no index signature
  const typo: ConsumerConfig<string, string> = { ...servers, "group.ids": "g" };
  // @ts-expect-error: exact lower case
  const choice: ConsumerConfig<string, string> = { ...servers, "auto.offset.reset": "EARLIEST" };
  // @ts-expect-error: a number
  const number: ConsumerConfig<string, string> = { ...servers, "max.poll.records": "5" };
  // @ts-expect-error: librdkafka's name
  const alias: ConsumerConfig<string, string> = { ...servers, "fetch.wait.max.ms": 5 };
  // @ts-expect-error: required
  const missing: ProducerConfig<string, string> = { "linger.ms": 5 };
  // @ts-expect-error: a serializer of another type
  const serde: ProducerConfig<string, number> = { ...servers, "value.serializer": string };
  expectTypeOf([typo, choice, number, alias, missing, serde]).toBeArray();
});

test("a tombstone is null in the types too", () => {
  expectTypeOf<ProducerRecord<string, Order>["value"]>().toEqualTypeOf<Order | null>();
  expectTypeOf<RecordMetadata>().toEqualTypeOf<{
    topic: string;
    partition: number;
    offset: number;
    timestamp: number;
  }>();
});
