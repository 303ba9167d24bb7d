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
  "key.deserializer": { fate: "works", type: "deserializer", text: "Makes a key of its bytes." },
  "value.deserializer": {
    fate: "works",
    type: "deserializer",
    text: "Makes a value of its bytes.",
  },
  "group.id": {
    fate: "works",
    type: "text",
    default: undefined,
    problem: asGroupId,
    text: "The group whose members share the partitions, and for which offsets are committed.",
  },
  "group.protocol": {
    fate: "works",
    type: "text",
    default: "classic",
    problem: protocolProblem,
    text: "classic or consumer; both are taken, and there is one protocol, in the shape of KIP-848.",
  },
  "auto.offset.reset": {
    fate: "works",
    type: "choice",
    choices: ["latest", "earliest", "none"],
    prefixed: { prefix: BY_DURATION, problem: durationProblem },
    default: "latest",
    text: "Where to begin without a committed offset, or when it is out of range; none: an error. by_duration: so long ago, as PT1H.",
  },
  "enable.auto.commit": {
    fate: "works",
    type: "boolean",
    default: true,
    text: "Commits by itself what earlier polls returned.",
  },
  "auto.commit.interval.ms": atLeast(0, 5_000, "How often auto commit commits."),
  "max.poll.records": atLeast(1, 500, "How many records one poll returns at most."),
  "max.poll.interval.ms": atLeast(
    1,
    300_000,
    "The longest pause between two polls; a member that takes longer leaves the group. Also its rebalance timeout.",
  ),
  "session.timeout.ms": atLeast(1, 45_000, "The silence after which the broker takes a member for failed."),
  "heartbeat.interval.ms": atLeast(1, 3_000, "How often the member is heard at least; less than session.timeout.ms."),
  "isolation.level": {
    fate: "works",
    type: "choice",
    choices: ["read_uncommitted", "read_committed"],
    default: "read_uncommitted",
    text: "read_committed reads up to the last stable offset; the same while there are no transactions.",
  },
  "fetch.min.bytes": atLeast(0, 1, "How many bytes an answer waits for, no longer than fetch.max.wait.ms."),
  "fetch.max.wait.ms": atLeast(0, 500, "How long the broker holds a fetch back for fetch.min.bytes."),
  "fetch.max.bytes": atLeast(
    0,
    52_428_800,
    "How many bytes one answer holds at most; its first batch is always whole.",
  ),
  "max.partition.fetch.bytes": atLeast(
    0,
    1_048_576,
    "How many bytes of one partition an answer holds at most; the first batch is always whole.",
  ),
  "default.api.timeout.ms": atLeast(0, 60_000, "How long a call may take in all when it names no timeoutMs."),
  "allow.auto.create.topics": {
    fate: "works",
    type: "boolean",
    default: true,
    text: "Naming a topic may create it, if the broker has auto.create.topics.enable.",
  },
  "check.crcs": {
    fate: "works",
    type: "boolean",
    default: true,
    text: "Checks the CRC-32C of each batch that is read.",
  },
  "exclude.internal.topics": {
    fate: "works",
    type: "boolean",
    default: true,
    text: "A RegExp does not match internal topics such as __consumer_offsets.",
  },
  "group.remote.assignor": {
    fate: "works",
    type: "choice",
    choices: ["uniform", "range"],
    default: undefined,
    text: "The assignor this member votes for; without votes the first of group.consumer.assignors.",
  },
  "group.instance.id": {
    fate: "works",
    type: "text",
    default: undefined,
    problem: instanceIdProblem,
    text: "Makes the member static: a restart within session.timeout.ms keeps its partitions, without a rebalance.",
  },
  "partition.assignment.strategy": ignored("the broker assigns; group.remote.assignor (uniform or range) says how"),
  "interceptor.classes": {
    fate: "works",
    type: "interceptors",
    methods: ["onConsume", "onCommit", "close"],
    text: "Objects that see records before the application, and commits.",
  },
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
export const consumerFamilies = [
  ...commonFamilies,
  { prefix: "share.", fate: "refused", why: NO_SHARE_GROUPS } as const,
];
