// What @brooklet/client exports against contract.d.ts: tsc is the judge of shapes, the test of names at run time.

import { expect, test } from "vitest";
import * as ours from "../../../client-sdk/src/index.ts";
import type * as contract from "./contract.d.ts";

type ErrorName =
  | "BrookletError"
  | "RetriableError"
  | "ConfigError"
  | "TimeoutError"
  | "WakeupError"
  | "CommitFailedError"
  | "RetriableCommitFailedError"
  | "NoOffsetForPartitionError"
  | "OffsetOutOfRangeError"
  | "RecordDeserializationError"
  | "RecordTooLargeError"
  | "FencedInstanceIdError"
  | "UnreleasedInstanceIdError"
  | "LogTruncationError"
  | "ProducerFencedError"
  | "ClosedError";

type New<Config, Instance> = new (config: Config, options?: contract.ClientOptions) => Instance;
type AdminConfig = ConstructorParameters<typeof contract.Admin>[0];
type Same<L, R> = [L] extends [R] ? ([R] extends [L] ? true : never) : never;

const classes: {
  Consumer: New<contract.ConsumerConfig<string, number>, contract.Consumer<string, number>>;
  Producer: New<contract.ProducerConfig<string, number>, contract.Producer<string, number>>;
  Admin: New<AdminConfig, contract.Admin>;
} = { Consumer: ours.Consumer<string, number>, Producer: ours.Producer<string, number>, Admin: ours.Admin };

const defaults: {
  Consumer: New<contract.ConsumerConfig<Uint8Array, Uint8Array>, contract.Consumer>;
  Producer: New<contract.ProducerConfig<Uint8Array, Uint8Array>, contract.Producer>;
} = { Consumer: ours.Consumer, Producer: ours.Producer };

const serdes: {
  string: contract.Serde<string>;
  bytes: contract.Serde<Uint8Array>;
  int64: contract.Serde<bigint>;
  double: contract.Serde<number>;
  json: typeof contract.json;
} = ours;

/** Instances have the promised fields, and `is` narrows to the class. */
const errors: {
  readonly [K in ErrorName]: {
    readonly prototype: InstanceType<(typeof contract)[K]>;
    is(value: unknown): boolean;
  };
} = ours;

const shapes: true[] = [
  true satisfies Same<ours.ConsumerRecord<1, 2>, contract.ConsumerRecord<1, 2>>,
  true satisfies Same<ours.RebalanceListener, contract.RebalanceListener>,
  true satisfies Same<ours.CallOptions, contract.CallOptions>,
  true satisfies Same<ours.ProducerRecord<1, 2>, contract.ProducerRecord<1, 2>>,
  true satisfies Same<ours.RecordMetadata, contract.RecordMetadata>,
  true satisfies Same<ours.TopicPartition, contract.TopicPartition>,
  true satisfies Same<ours.OffsetAndMetadata, contract.OffsetAndMetadata>,
  true satisfies Same<ours.Header, contract.Header>,
  true satisfies Same<ours.ClientOptions, contract.ClientOptions>,
  true satisfies ours.CommittedOffset extends contract.CommittedOffset ? true : never,
];

// @ts-expect-error a typo is a type error: there is no index signature
const typo: ours.ConsumerConfig<string, string> = { "bootstrap.servers": "localhost:1", "grup.id": "g" };

test("every name of the contract is exported, and each error is of the class it is named after", () => {
  for (const value of [...Object.values(classes), ...Object.values(defaults)]) expect(value).toBeTypeOf("function");
  for (const name of ["string", "bytes", "int64", "double"] as const)
    expect(serdes[name].serialize).toBeTypeOf("function");
  expect(serdes.json().deserialize).toBeTypeOf("function");
  expect(shapes).not.toContain(false);
  const names = Object.entries(ours).filter(([name]) => name.endsWith("Error"));
  for (const [name, type] of names) expect(type).toHaveProperty("className", name);
  expect(errors.TimeoutError.is(new ours.TimeoutError("late", { code: "TIMEOUT" }))).toBe(true);
  expect(() => new ours.Consumer(typo)).toThrow("grup.id");
});
