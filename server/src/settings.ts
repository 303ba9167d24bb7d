// The broker's settings: one table of names, types, defaults and ranges. Kafka's name where Kafka has the setting.
// `--set name=value`, BROOKLET_NAME, startBroker({ settings }) and the reference page all follow it.

export interface SettingDefinition {
  readonly type: "integer" | "boolean" | "string";
  readonly default: number | boolean | string;
  readonly min?: number;
  readonly max?: number;
  readonly text: string;
}

const MAX_INT = 2_147_483_647;
const MIB = 1024 * 1024;

export const settingDefinitions = {
  "auto.create.topics.enable": {
    type: "boolean",
    default: true,
    text: "A produce, fetch or metadata request for a missing topic creates it.",
  },
  "num.partitions": {
    type: "integer",
    default: 1,
    min: 1,
    max: 10_000,
    text: "Partitions of a topic that is created without a number.",
  },
  "message.max.bytes": {
    type: "integer",
    default: 1_048_588,
    min: 1024,
    max: 64 * MIB,
    text: "The largest record batch, encoded.",
  },
  "socket.request.max.bytes": {
    type: "integer",
    default: 8 * MIB,
    min: 64 * 1024,
    max: 256 * MIB,
    text: "The largest payload of one request.",
  },
  "log.message.timestamp.after.max.ms": {
    type: "integer",
    default: 3_600_000,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    text: "How far in the future a record's timestamp may lie.",
  },
  "offsets.topic.num.partitions": {
    type: "integer",
    default: 50,
    min: 1,
    max: 1000,
    text: "Partitions of __consumer_offsets.",
  },
  "offset.metadata.max.bytes": {
    type: "integer",
    default: 4096,
    min: 0,
    max: MAX_INT,
    text: "The longest metadata of a committed offset.",
  },
  "group.min.session.timeout.ms": {
    type: "integer",
    default: 6000,
    min: 1,
    max: MAX_INT,
    text: "The shortest session.timeout.ms a member may ask for.",
  },
  "group.max.session.timeout.ms": {
    type: "integer",
    default: 1_800_000,
    min: 1,
    max: MAX_INT,
    text: "The longest session.timeout.ms a member may ask for.",
  },
  "group.consumer.session.timeout.ms": {
    type: "integer",
    default: 45_000,
    min: 1,
    max: MAX_INT,
    text: "The session timeout of a member that asks for none.",
  },
  "group.consumer.heartbeat.interval.ms": {
    type: "integer",
    default: 5000,
    min: 1,
    max: MAX_INT,
    text: "How often members are told to heartbeat; their own heartbeat.interval.ms may be shorter.",
  },
  "group.max.size": { type: "integer", default: 10_000, min: 1, max: MAX_INT, text: "Members of one group." },
  "producer.id.expiration.ms": {
    type: "integer",
    default: 86_400_000,
    min: 1,
    max: MAX_INT,
    text: "How long a silent producer's sequences are remembered.",
  },
  "max.topics": { type: "integer", default: 10_000, min: 1, max: 1_000_000, text: "Topics of the broker." },
  "max.partitions": { type: "integer", default: 50_000, min: 1, max: 1_000_000, text: "Partitions of all topics." },
  "max.groups": { type: "integer", default: 50_000, min: 1, max: 1_000_000, text: "Groups of the broker." },
  "max.connections": { type: "integer", default: 10_000, min: 1, max: 100_000, text: "Open sockets." },
  "max.parked.fetches": {
    type: "integer",
    default: 20_000,
    min: 1,
    max: 1_000_000,
    text: "Fetches that wait for data.",
  },
  "max.in.flight.request.bytes": {
    type: "integer",
    default: 32 * MIB,
    min: 64 * 1024,
    max: 1024 * MIB,
    text: "Unanswered request bytes granted to one connection.",
  },
  "max.reply.bytes": {
    type: "integer",
    default: 8 * MIB,
    min: 64 * 1024,
    max: 256 * MIB,
    text: "Record bytes of one fetch answer.",
  },
  "tail.cache.bytes": {
    type: "integer",
    default: 64 * MIB,
    min: 0,
    max: 4096 * MIB,
    text: "Memory that keeps the newest batches.",
  },
  "fetch.max.wait.ms": {
    type: "integer",
    default: 60_000,
    min: 1,
    max: 3_600_000,
    text: "The longest a fetch is parked.",
  },
  "idle.timeout.ms": {
    type: "integer",
    default: 60_000,
    min: 1000,
    max: 3_600_000,
    text: "A connection that answers no ping for so long is closed.",
  },
} as const satisfies Record<string, SettingDefinition>;

export type SettingName = keyof typeof settingDefinitions;

/** The value's type follows the table. */
export type Settings = {
  readonly [Name in SettingName]: (typeof settingDefinitions)[Name]["type"] extends "integer"
    ? number
    : (typeof settingDefinitions)[Name]["type"] extends "boolean"
      ? boolean
      : string;
};
