// The consumer's options (SEMANTICS.md 1.1): every row of Kafka's ConsumerConfig with its fate here.

import type { ConfigProblem } from "../errors.ts";
import { bytes, type Deserializer } from "../serdes.ts";
import {
  asGroupId,
  atLeast,
  commonFamilies,
  commonOptions,
  commonRules,
  ignored,
  insteadUse,
  refused,
} from "./common.ts";
import { type ConfigOf, optionTable } from "./option.ts";
import { type Parsed, parseConfig } from "./parse.ts";

const NO_SHARE_GROUPS = "share groups are not there";

export const consumerOptions = optionTable({
  ...commonOptions,
  "key.deserializer": { fate: "works", type: "deserializer" },
  "value.deserializer": { fate: "works", type: "deserializer" },
  "group.id": { fate: "works", type: "text", default: undefined, problem: asGroupId },
  "group.protocol": ignored("there is one protocol: the broker assigns, and the client's timeouts hold"),
  "auto.offset.reset": {
    fate: "works",
    type: "choice",
    choices: ["latest", "earliest", "none"],
    default: "latest",
    refused: { "by_duration:": "a start by duration is not there yet" },
  },
  "enable.auto.commit": { fate: "works", type: "boolean", default: true },
  "auto.commit.interval.ms": atLeast(0, 5_000),
  "max.poll.records": atLeast(1, 500),
  "max.poll.interval.ms": atLeast(1, 300_000),
  "session.timeout.ms": atLeast(1, 45_000),
  "heartbeat.interval.ms": atLeast(1, 3_000),
  "isolation.level": {
    fate: "works",
    type: "choice",
    choices: ["read_uncommitted", "read_committed"],
    default: "read_uncommitted",
  },
  "fetch.min.bytes": atLeast(0, 1),
  "fetch.max.wait.ms": atLeast(0, 500),
  "fetch.max.bytes": atLeast(0, 52_428_800),
  "max.partition.fetch.bytes": atLeast(0, 1_048_576),
  "default.api.timeout.ms": atLeast(0, 60_000),
  "allow.auto.create.topics": { fate: "works", type: "boolean", default: true },
  "check.crcs": { fate: "works", type: "boolean", default: true },
  "exclude.internal.topics": { fate: "works", type: "boolean", default: true },
  "group.remote.assignor": {
    fate: "works",
    type: "choice",
    choices: ["uniform"],
    default: "uniform",
    refused: { range: "the range assignor is not there yet" },
  },
  "group.instance.id": { ...refused("static membership is not there yet"), given: "text" },
  "partition.assignment.strategy": refused("the broker assigns; group.remote.assignor names how"),
  "interceptor.classes": refused("interceptors are not there yet"),
  "client.rack": ignored("there is one broker"),
  // librdkafka's names.
  "fetch.wait.max.ms": insteadUse("fetch.max.wait.ms"),
  "fetch.message.max.bytes": insteadUse("max.partition.fetch.bytes"),
  "enable.auto.offset.store": insteadUse("enable.auto.commit", "a position is stored when the next poll begins"),
  "enable.partition.eof": refused("compare position() with endOffsets()"),
  "queued.max.messages.kbytes": insteadUse("fetch.max.bytes"),
  "queued.min.messages": insteadUse("max.poll.records"),
  "auto.commit.enable": insteadUse("enable.auto.commit"),
});

export type ConsumerSettings = Parsed<typeof consumerOptions>;

/** Kafka's option names; numbers in Kafka's units. A name that is not here is a type error, and refused at construction. */
export interface ConsumerConfig<K, V> extends ConfigOf<typeof consumerOptions> {
  /** One or more host:port, comma separated or an array; the next is tried when one is down. */
  "bootstrap.servers": string | string[];
  /** Default: bytes. */
  "key.deserializer"?: Deserializer<K>;
  /** Default: bytes. */
  "value.deserializer"?: Deserializer<V>;
}

function checkHeartbeat({ heartbeatIntervalMs, sessionTimeoutMs }: ConsumerSettings): ConfigProblem | undefined {
  if (!(heartbeatIntervalMs >= sessionTimeoutMs)) return undefined;
  return {
    setting: "heartbeat.interval.ms",
    problem: `must be lower than session.timeout.ms (${sessionTimeoutMs}); it is ${heartbeatIntervalMs}`,
    suggestion: "a third of session.timeout.ms or less leaves room for a lost heartbeat",
  };
}

function checkAutoCommit(settings: ConsumerSettings, given: ReadonlySet<string>): ConfigProblem | undefined {
  if (given.has("group.id") || !given.has("enable.auto.commit") || settings.enableAutoCommit !== true) return undefined;
  return { setting: "enable.auto.commit", problem: "cannot be true without a group.id: there is nowhere to commit to" };
}

let consumers = 0;

/**
 * Checks a consumer's configuration and fills in Kafka's defaults.
 *
 * Without `group.id` nothing is committed by itself; `client.id` is `consumer-<group>-<number>` by default.
 * Errors: ConfigError with all problems at once.
 */
export function parseConsumerConfig(config: object): ConsumerSettings {
  const settings = parseConfig(consumerOptions, consumerFamilies, config, defaults, [
    ...commonRules,
    checkHeartbeat,
    checkAutoCommit,
  ]);
  return {
    ...settings,
    enableAutoCommit: settings.enableAutoCommit && settings.groupId !== undefined,
    clientId: settings.clientId === "" ? `consumer-${settings.groupId ?? "null"}-${++consumers}` : settings.clientId,
  };
}

const defaults = { keyDeserializer: bytes, valueDeserializer: bytes };
const consumerFamilies = [...commonFamilies, { prefix: "share.", fate: "refused", why: NO_SHARE_GROUPS } as const];
