// The topic configurations, in one table: every one of Kafka's LogConfig by its name, with its default, what a legal value
// is, and whether it works here. What is legal in Kafka and not honoured here is refused with the reason, or accepted where
// nobody could see the difference. What a topic's configurations come to is topic-rules.ts.

import { nearestName, ProtocolError } from "@brooklet/protocol";
import type { SettingName } from "../settings.ts";

/** Why a value is refused, or undefined when it is legal. */
type Check = (value: string) => string | undefined;

export interface TopicConfigDefinition {
  /** As Kafka's documentation names types. */
  readonly type: "integer" | "number" | "boolean" | "string" | "list";
  /** As text, as describeConfigs shows it. Where `setting` stands this is the default of the setting. */
  readonly default: string;
  /** The broker's setting that is the default of topics without the configuration. */
  readonly setting?: SettingName;
  /** What a value may be, for people. */
  readonly legal: string;
  /** Whether setting it changes anything; refused values are named by `check`. */
  readonly fate: "works" | "accepted";
  readonly text: string;
  /** Why values that are legal in Kafka are refused here; absent: none are. */
  readonly refused?: string;
  readonly check: Check;
}

const MAX_INT = 2_147_483_647;
/** Of one value. What is configured is kept in memory and described in answers; Kafka has no such bound. */
export const MAX_VALUE_CHARS = 100;
/** How much of a name or value an error repeats. */
const MAX_SHOWN = 100;
/** Java's Long.MAX_VALUE, in Kafka the default of several: a copied configuration may hold it. */
const MAX_LONG = "9223372036854775807";

interface Words {
  readonly default: string;
  readonly setting?: SettingName;
  readonly text: string;
  readonly fate?: TopicConfigDefinition["fate"];
}

/** A whole number of at most `max`; numbers beyond a safe integer are legal up to Java's long and count as the largest. */
function integer(min: number, max: number | undefined, words: Words): TopicConfigDefinition {
  const legal = max === undefined ? `an integer from ${min}` : `an integer from ${min} to ${max}`;
  const largest = max === undefined ? BigInt(MAX_LONG) : BigInt(max);
  const check: Check = (value) => {
    const fits = /^-?\d{1,19}$/.test(value) && BigInt(value) >= BigInt(min) && BigInt(value) <= largest;
    return fits ? undefined : `it must be ${legal}`;
  };
  return { fate: "works", ...words, type: "integer", legal, check };
}

function boolean(words: Words): TopicConfigDefinition {
  return { ...choice(["true", "false"], words), type: "boolean" };
}

function choice(values: readonly string[], words: Words): TopicConfigDefinition {
  const legal = values.join(" or ");
  const check: Check = (value) => (values.includes(value) ? undefined : `it must be ${legal}`);
  return { fate: "works", ...words, type: "string", legal, check };
}

/** Legal in Kafka, and accepted here only where it asks for what the broker does anyway. */
function only(honoured: readonly string[], definition: TopicConfigDefinition, reason: string): TopicConfigDefinition {
  const { check } = definition;
  const shown = honoured.map((value) => (value === "" ? "the empty text" : value)).join(" or ");
  return {
    ...definition,
    legal: shown,
    refused: reason,
    check: (value) => check(value) ?? (honoured.includes(value) ? undefined : `only ${shown} is possible: ${reason}`),
  };
}

const NO_EFFECT = { fate: "accepted" } as const;
const FOR_COMPACTION = "For compaction, which the broker does not do yet.";
const REMOTE = "there is no remote storage";

const definitions: readonly (readonly [string, TopicConfigDefinition])[] = [
  [
    "cleanup.policy",
    {
      ...choice(["delete", "", "compact", "compact,delete", "delete,compact"], {
        default: "delete",
        text: "delete: records expire by retention.ms and retention.bytes; empty: they are kept for ever.",
      }),
      type: "list",
      legal: "delete or empty",
      refused: "the broker does not compact yet",
      check: (value) => {
        const policies = value.split(",").map((policy) => policy.trim());
        const twice = policies.find((policy, index) => policies.indexOf(policy) < index);
        if (twice !== undefined) return `it names ${twice.slice(0, MAX_SHOWN)} twice`;
        if (value.trim() === "" || policies.every((policy) => policy === "delete")) return undefined;
        return policies.every((policy) => policy === "delete" || policy === "compact")
          ? "only delete, or empty to keep records for ever, is possible: the broker does not compact yet"
          : "it must be delete, or empty to keep records for ever";
      },
    },
  ],
  [
    "retention.ms",
    integer(-1, undefined, {
      default: "604800000",
      setting: "log.retention.ms",
      text: "How long records are kept, by the newest record of their segment; -1: for ever.",
    }),
  ],
  [
    "retention.bytes",
    integer(-1, undefined, {
      default: "-1",
      setting: "log.retention.bytes",
      text: "How many bytes a partition keeps, in whole segments; -1: any number.",
    }),
  ],
  [
    "segment.bytes",
    integer(1024, MAX_INT, {
      default: "1073741824",
      setting: "log.segment.bytes",
      text: "The size at which a new segment begins; only whole segments expire.",
    }),
  ],
  [
    "segment.ms",
    integer(1, undefined, {
      default: "604800000",
      setting: "log.roll.ms",
      text: "The age at which a new segment begins.",
    }),
  ],
  [
    "max.message.bytes",
    integer(0, 64 * 1024 * 1024, {
      default: "1048588",
      setting: "message.max.bytes",
      text: "The largest record batch, encoded.",
    }),
  ],
  [
    "message.timestamp.type",
    choice(["CreateTime", "LogAppendTime"], {
      default: "CreateTime",
      setting: "log.message.timestamp.type",
      text: "Whose clock stamps records: the producer's or the broker's.",
    }),
  ],
  [
    "message.timestamp.before.max.ms",
    integer(0, undefined, {
      default: MAX_LONG,
      setting: "log.message.timestamp.before.max.ms",
      text: "How far in the past a producer's timestamp may lie.",
    }),
  ],
  [
    "message.timestamp.after.max.ms",
    integer(0, undefined, {
      default: "3600000",
      setting: "log.message.timestamp.after.max.ms",
      text: "How far in the future a producer's timestamp may lie.",
    }),
  ],
  [
    "compression.type",
    only(
      ["producer"],
      choice(["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"], {
        default: "producer",
        text: "How batches are compressed: as the producer sent them.",
      }),
      "batches are stored as they were sent; set compression.type of the producer",
    ),
  ],
  [
    "min.insync.replicas",
    only(
      ["1"],
      integer(1, MAX_INT, { default: "1", text: "How many replicas must have a record before acks=all is answered." }),
      "there is one replica",
    ),
  ],
  // Kept, shown, and without effect: what they steer does not exist here, or nobody could see it.
  ["delete.retention.ms", integer(0, undefined, { default: "86400000", text: FOR_COMPACTION, ...NO_EFFECT })],
  ["min.compaction.lag.ms", integer(0, undefined, { default: "0", text: FOR_COMPACTION, ...NO_EFFECT })],
  ["max.compaction.lag.ms", integer(1, undefined, { default: MAX_LONG, text: FOR_COMPACTION, ...NO_EFFECT })],
  [
    "min.cleanable.dirty.ratio",
    {
      type: "number",
      default: "0.5",
      legal: "a number from 0 to 1",
      fate: "accepted",
      text: FOR_COMPACTION,
      check: (value) =>
        /^(0|1|0?\.\d{1,16}|0\.\d{0,16}|1\.0{0,16})$/.test(value) ? undefined : "it must be a number from 0 to 1",
    },
  ],
  [
    "file.delete.delay.ms",
    integer(0, undefined, {
      default: "60000",
      text: "Deleted records are removed in the background at once.",
      ...NO_EFFECT,
    }),
  ],
  [
    "flush.messages",
    integer(1, undefined, { default: MAX_LONG, text: "The broker's durability says when to sync.", ...NO_EFFECT }),
  ],
  [
    "flush.ms",
    integer(0, undefined, { default: MAX_LONG, text: "The broker's durability says when to sync.", ...NO_EFFECT }),
  ],
  ["segment.jitter.ms", integer(0, undefined, { default: "0", text: "Segments roll without jitter.", ...NO_EFFECT })],
  [
    "segment.index.bytes",
    integer(4, MAX_INT, { default: "10485760", text: "The storage has its own index.", ...NO_EFFECT }),
  ],
  [
    "index.interval.bytes",
    integer(0, MAX_INT, { default: "4096", text: "The storage has its own index.", ...NO_EFFECT }),
  ],
  ["preallocate", boolean({ default: "false", text: "There are no segment files to allocate.", ...NO_EFFECT })],
  ["unclean.leader.election.enable", boolean({ default: "false", text: "There are no elections.", ...NO_EFFECT })],
  [
    "leader.replication.throttled.replicas",
    only(
      [""],
      choice(["", "*"], { default: "", text: "There is no replication to throttle.", ...NO_EFFECT }),
      "there is no replication",
    ),
  ],
  [
    "follower.replication.throttled.replicas",
    only(
      [""],
      choice(["", "*"], { default: "", text: "There is no replication to throttle.", ...NO_EFFECT }),
      "there is no replication",
    ),
  ],
  [
    "compression.gzip.level",
    integer(-1, 9, { default: "-1", text: "Batches are stored as they were sent.", ...NO_EFFECT }),
  ],
  [
    "compression.lz4.level",
    integer(1, 17, { default: "9", text: "Batches are stored as they were sent.", ...NO_EFFECT }),
  ],
  [
    "compression.zstd.level",
    integer(-131_072, 22, { default: "3", text: "Batches are stored as they were sent.", ...NO_EFFECT }),
  ],
  [
    "remote.storage.enable",
    only(["false"], boolean({ default: "false", text: "There is no remote storage.", ...NO_EFFECT }), REMOTE),
  ],
  ["remote.log.copy.disable", boolean({ default: "false", text: "There is no remote storage.", ...NO_EFFECT })],
  ["remote.log.delete.on.disable", boolean({ default: "false", text: "There is no remote storage.", ...NO_EFFECT })],
  ["local.retention.ms", integer(-2, undefined, { default: "-2", text: "There is no remote storage.", ...NO_EFFECT })],
  [
    "local.retention.bytes",
    integer(-2, undefined, { default: "-2", text: "There is no remote storage.", ...NO_EFFECT }),
  ],
];

export const topicConfigDefinitions: ReadonlyMap<string, TopicConfigDefinition> = new Map(definitions);

/**
 * Throws INVALID_CONFIG that names every problem at once, with the nearest known name. `null` asks for the default, which is
 * always legal.
 */
export function checkTopicConfigs(topic: string, configs: Readonly<Record<string, string | null>>): void {
  const unknown: string[] = [];
  const problems = Object.entries(configs).flatMap(([name, value]) => {
    const definition = topicConfigDefinitions.get(name);
    if (definition === undefined) {
      unknown.push(name);
      const nearest = nearestName(name, [...topicConfigDefinitions.keys()]);
      const question = nearest === undefined ? "" : `; did you mean ${nearest}?`;
      return [`${JSON.stringify(name.slice(0, MAX_SHOWN))} is not a known topic configuration${question}`];
    }
    const problem = value === null ? undefined : problemOf(value, definition);
    return problem === undefined ? [] : [`${name}=${(value ?? "").slice(0, MAX_SHOWN)}: ${problem}`];
  });
  if (problems.length === 0) return;
  throw new ProtocolError("INVALID_CONFIG", `topic ${topic}: ${abridged(problems)}`, {
    hint:
      unknown.length === 0
        ? "Correct the values; nothing of the request was done for this topic."
        : `Known are ${[...topicConfigDefinitions.keys()].join(", ")}.`,
  });
}

/** Why a value is refused, or undefined when it is legal. */
function problemOf(value: string, { check }: TopicConfigDefinition): string | undefined {
  if (value.length > MAX_VALUE_CHARS) return `a value has at most ${MAX_VALUE_CHARS} characters`;
  return check(value);
}

/** An answer names so many problems of one topic. */
const MAX_PROBLEMS = 50;

function abridged(problems: readonly string[]): string {
  const more = problems.length - MAX_PROBLEMS;
  return more > 0 ? `${problems.slice(0, MAX_PROBLEMS).join("; ")}; and ${more} more` : problems.join("; ");
}
