// The consumer's options (SEMANTICS.md 1.1): every row of Kafka's ConsumerConfig with its fate here.

import { topicNameProblem } from "@brooklet/protocol";
import type { ConsumerInterceptor } from "../consumed.ts";
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
import { parseDurationMs } from "./duration.ts";
import { type ConfigOf, optionTable } from "./option.ts";
import { type Parsed, parseConfig } from "./parse.ts";

const NO_SHARE_GROUPS = "share groups are not there";
const ONE_PROTOCOL =
  "there is one protocol, in the shape of KIP-848: the broker assigns, and the client's timeouts hold";
const BY_DURATION = "by_duration:";

function protocolProblem(text: string): string | undefined {
  const isKnown = ["classic", "consumer"].includes(text.toLowerCase());
  return isKnown ? undefined : `must be classic or consumer, in any case; it is ${JSON.stringify(text)}`;
}

function durationProblem(text: string): string | undefined {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) return "an ISO-8601 duration such as PT1H or P1DT12H must follow (no months or years)";
  return durationMs < 0 ? "a negative duration would begin in the future" : undefined;
}

/** Kafka's rule (AbstractConfig, ConsumerConfig.GROUP_INSTANCE_ID_CONFIG): that of topic names. */
function instanceIdProblem(text: string): string | undefined {
  return topicNameProblem(text)?.replace("a topic name", "a group.instance.id");
}

export const consumerOptions = optionTable({
  ...commonOptions,
  "key.deserializer": { fate: "works", type: "deserializer" },
  "value.deserializer": { fate: "works", type: "deserializer" },
  "group.id": { fate: "works", type: "text", default: undefined, problem: asGroupId },
  "group.protocol": { fate: "works", type: "text", default: "classic", problem: protocolProblem },
  "auto.offset.reset": {
    fate: "works",
    type: "choice",
    choices: ["latest", "earliest", "none"],
    prefixed: { prefix: BY_DURATION, problem: durationProblem },
    default: "latest",
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
  "group.remote.assignor": { fate: "works", type: "choice", choices: ["uniform", "range"], default: undefined },
  "group.instance.id": { fate: "works", type: "text", default: undefined, problem: instanceIdProblem },
  "partition.assignment.strategy": ignored("the broker assigns; group.remote.assignor (uniform or range) says how"),
  "interceptor.classes": { fate: "works", type: "interceptors", methods: ["onConsume", "onCommit", "close"] },
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

type Raw = Parsed<typeof consumerOptions>;
export type ConsumerSettings = Raw & {
  /** Of `auto.offset.reset=by_duration:…`. */
  readonly resetByDurationMs: number | undefined;
};

/** Kafka's option names; numbers in Kafka's units. A name that is not here is a type error, and refused at construction. */
export interface ConsumerConfig<K, V> extends ConfigOf<typeof consumerOptions> {
  /** One or more host:port, comma separated or an array; the next is tried when one is down. */
  "bootstrap.servers": string | string[];
  /** Default: bytes. */
  "key.deserializer"?: Deserializer<K>;
  /** Default: bytes. */
  "value.deserializer"?: Deserializer<V>;
  /** Called in their order; what they throw is logged. */
  "interceptor.classes"?: readonly ConsumerInterceptor<K, V>[];
}

function checkHeartbeat({ heartbeatIntervalMs, sessionTimeoutMs }: Raw): ConfigProblem | undefined {
  if (!(heartbeatIntervalMs >= sessionTimeoutMs)) return undefined;
  return {
    setting: "heartbeat.interval.ms",
    problem: `must be lower than session.timeout.ms (${sessionTimeoutMs}); it is ${heartbeatIntervalMs}`,
    suggestion: "a third of session.timeout.ms or less leaves room for a lost heartbeat",
  };
}

function checkAutoCommit(settings: Raw, given: ReadonlySet<string>): ConfigProblem | undefined {
  if (given.has("group.id") || !given.has("enable.auto.commit") || settings.enableAutoCommit !== true) return undefined;
  return { setting: "enable.auto.commit", problem: "cannot be true without a group.id: there is nowhere to commit to" };
}

let consumers = 0;

/**
 * Checks a consumer's configuration and fills in Kafka's defaults.
 *
 * Without `group.id` nothing is committed by itself; `client.id` is `consumer-<group>-<instance id or number>` by default.
 * Errors: ConfigError with all problems at once.
 */
export function parseConsumerConfig(config: object): ConsumerSettings {
  const settings = parseConfig(consumerOptions, consumerFamilies, config, defaults, [
    ...commonRules,
    checkHeartbeat,
    checkAutoCommit,
  ]);
  const { groupId, groupInstanceId, autoOffsetReset, ignoredOptions } = settings;
  const isByDuration = autoOffsetReset.startsWith(BY_DURATION);
  const namesProtocol = Reflect.get(config, "group.protocol") !== undefined;
  return {
    ...settings,
    ignoredOptions: namesProtocol
      ? [...ignoredOptions, { option: "group.protocol", why: ONE_PROTOCOL }]
      : ignoredOptions,
    resetByDurationMs: isByDuration ? parseDurationMs(autoOffsetReset.slice(BY_DURATION.length)) : undefined,
    enableAutoCommit: settings.enableAutoCommit && groupId !== undefined,
    clientId:
      settings.clientId === "" ? `consumer-${groupId ?? "null"}-${groupInstanceId ?? ++consumers}` : settings.clientId,
  };
}

const defaults = { keyDeserializer: bytes, valueDeserializer: bytes, interceptorClasses: [] };
const consumerFamilies = [...commonFamilies, { prefix: "share.", fate: "refused", why: NO_SHARE_GROUPS } as const];
