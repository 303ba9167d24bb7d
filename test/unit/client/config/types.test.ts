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
    token: "t",
    "security.protocol": "SASL_PLAINTEXT" as const,
    "sasl.mechanism": "PLAIN" as const,
    "sasl.username": "ignored",
    "sasl.password": "t",
    "sasl.jaas.config": 'x password="t";',
    "interceptor.classes": [{ onSend: (record: ProducerRecord<Uint8Array, Order>) => record, close() {} }],
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
  // @ts-expect-error: a class name
  const named: ProducerConfig<string, string> = { ...servers, "interceptor.classes": "org.example.Interceptor" };
  // @ts-expect-error: a text
  const token: AdminConfig = { ...servers, token: 5 };
  // @ts-expect-error: a serializer of another type
  const serde: ProducerConfig<string, number> = { ...servers, "value.serializer": string };
  expectTypeOf([typo, choice, number, alias, missing, named, token, serde]).toBeArray();
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
