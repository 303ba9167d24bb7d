// The topic configurations the broker knows, in one table: Kafka's names, what a legal value is, and what is refused
// because it is not honoured yet. Silently keeping records that were told to expire would mislead.

import { ProtocolError } from "@brooklet/protocol";

/** Why the value is refused, or undefined if it is accepted. */
type Check = (value: string) => string | undefined;

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

const integer =
  (min: number, max = MAX_SAFE): Check =>
  (value) => {
    const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? undefined : `it must be an integer from ${min} to ${max}`;
  };

const oneOf =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value) ? undefined : `it must be ${values.join(" or ")}`;

/** A legal Kafka value that this broker does not honour yet is refused with the reason. */
const only =
  (honoured: string, legal: Check, reason: string): Check =>
  (value) =>
    legal(value) ?? (value === honoured ? undefined : `only ${honoured} is supported now: ${reason}`);

const RETENTION = "the broker keeps records until their topic is deleted";

export const topicConfigDefinitions: ReadonlyMap<string, Check> = new Map([
  [
    "cleanup.policy",
    only("delete", oneOf("delete", "compact", "compact,delete", "delete,compact"), "it does not compact"),
  ],
  ["retention.ms", only("-1", integer(-1), RETENTION)],
  ["retention.bytes", only("-1", integer(-1), RETENTION)],
  // Without retention they have no effect that anybody could see, so they are only kept.
  ["segment.bytes", integer(1_048_576, 2_147_483_647)],
  ["segment.ms", integer(1)],
  ["max.message.bytes", integer(0, 64 * 1024 * 1024)],
  ["message.timestamp.type", oneOf("CreateTime", "LogAppendTime")],
  [
    "compression.type",
    only(
      "producer",
      oneOf("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"),
      "batches are stored as they were sent",
    ),
  ],
  ["min.insync.replicas", only("1", integer(1, 2_147_483_647), "there is one replica")],
]);

/** Throws INVALID_CONFIG that names every problem at once. */
export function checkTopicConfigs(topic: string, configs: Readonly<Record<string, string>>): void {
  const problems = Object.entries(configs).flatMap(([name, value]) => {
    const check = topicConfigDefinitions.get(name);
    if (check === undefined) return [`${JSON.stringify(name.slice(0, 100))} is not a known topic configuration`];
    const problem = check(value);
    return problem === undefined ? [] : [`${name}=${value.slice(0, 100)}: ${problem}`];
  });
  if (problems.length === 0) return;
  throw new ProtocolError("INVALID_CONFIG", `topic ${topic}: ${problems.join("; ")}`, {
    hint: `Known are ${[...topicConfigDefinitions.keys()].join(", ")}.`,
  });
}

/** The configurations that change what an append does. */
export interface AppendRules {
  /** The topic's own bound on a batch, or undefined for the broker's message.max.bytes. */
  readonly maxMessageBytes: number | undefined;
  readonly stampsAppendTime: boolean;
}

export function appendRules(configs: Readonly<Record<string, string>>): AppendRules {
  const maxMessageBytes = configs["max.message.bytes"];
  return {
    maxMessageBytes: maxMessageBytes === undefined ? undefined : Number(maxMessageBytes),
    stampsAppendTime: configs["message.timestamp.type"] === "LogAppendTime",
  };
}
