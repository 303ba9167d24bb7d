// The broker's settings: one table of names, types, defaults and ranges. Kafka's name where Kafka has the setting.
// `--set name=value`, BROOKLET_NAME, startBroker({ settings }) and the reference page all follow it.

import { DEFAULT_MAX_UNPACKED_BYTES, MAX_UNPACKED_BYTES, nearestName } from "@brooklet/protocol";
import { insteadOfKafkas } from "./settings-of-kafka.ts";

export interface SettingDefinition {
  readonly type: "integer" | "boolean" | "string";
  readonly default: number | boolean | string;
  readonly min?: number;
  readonly max?: number;
  /** Of a text: the only legal ones. */
  readonly choices?: readonly string[];
  /** Of a text that is a comma-separated list: what may stand in it, each once. */
  readonly listOf?: readonly string[];
  readonly text: string;
}

const MAX_INT = 2_147_483_647;
const MIB = 1024 * 1024;

export const settingDefinitions = {
  "auto.create.topics.enable": {
    type: "boolean",
    default: true,
    text: "A produce request for a missing topic creates it, and so does a metadata request that allows it.",
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
  "log.message.timestamp.before.max.ms": {
    type: "integer",
    default: Number.MAX_SAFE_INTEGER,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    text: "How far in the past a record's timestamp may lie.",
  },
  "log.message.timestamp.type": {
    type: "string",
    default: "CreateTime",
    choices: ["CreateTime", "LogAppendTime"],
    text: "Whose clock stamps records: the producer's or the broker's; a topic's message.timestamp.type goes first.",
  },
  "log.retention.ms": {
    type: "integer",
    default: 604_800_000,
    min: -1,
    max: Number.MAX_SAFE_INTEGER,
    text: "How long a topic without retention.ms keeps records; -1: for ever.",
  },
  "log.retention.bytes": {
    type: "integer",
    default: -1,
    min: -1,
    max: Number.MAX_SAFE_INTEGER,
    text: "How many bytes a partition of a topic without retention.bytes keeps; -1: any number.",
  },
  "log.segment.bytes": {
    type: "integer",
    default: 1_073_741_824,
    min: 1024,
    max: MAX_INT,
    text: "The size at which a new segment begins, for topics without segment.bytes; only whole segments expire.",
  },
  "log.roll.ms": {
    type: "integer",
    default: 604_800_000,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    text: "The age at which a new segment begins, for topics without segment.ms.",
  },
  "log.retention.check.interval.ms": {
    type: "integer",
    default: 300_000,
    min: 1,
    max: MAX_INT,
    text: "How often the broker looks for segments that have expired.",
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
    text: "The longest metadata of a committed offset, in UTF-16 units, as Kafka counts.",
  },
  "offsets.retention.minutes": {
    type: "integer",
    default: 10_080,
    min: 1,
    max: MAX_INT,
    text: "How long committed offsets are kept that nobody uses.",
  },
  "offsets.retention.check.interval.ms": {
    type: "integer",
    default: 600_000,
    min: 1,
    max: MAX_INT,
    text: "How often the broker looks for offsets and groups that have expired.",
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
  "group.consumer.assignors": {
    type: "string",
    default: "uniform,range",
    listOf: ["uniform", "range"],
    text: "The assignors that members may ask for, the default first.",
  },
  "group.disconnect.grace.ms": {
    type: "integer",
    default: -1,
    min: -1,
    max: MAX_INT,
    text: "A member whose last connection closed and did not come back within this has failed; -1: only silence counts.",
  },
  "group.max.pattern.length": {
    type: "integer",
    default: 256,
    min: 1,
    max: 10_000,
    text: "The longest subscription pattern, in characters.",
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
  "max.connections.per.ip": {
    type: "integer",
    default: 10_000,
    min: 1,
    max: 100_000,
    text: "Open sockets of one address.",
  },
  "max.unauthenticated.connections": {
    type: "integer",
    default: 200,
    min: 1,
    max: 100_000,
    text: "WebSockets that have not said hello yet.",
  },
  "handshake.timeout.ms": {
    type: "integer",
    default: 10_000,
    min: 10,
    max: 600_000,
    text: "How long a new WebSocket may take to say hello, and a request to bring its headers.",
  },
  "http.request.timeout.ms": {
    type: "integer",
    default: 30_000,
    min: 10,
    max: 3_600_000,
    text: "How long a request by HTTP may take to arrive.",
  },
  "max.pings.per.second": {
    type: "integer",
    default: 10,
    min: 1,
    max: 10_000,
    text: "WebSocket pings taken from one connection, averaged over ten seconds.",
  },
  "max.stream.readers": {
    type: "integer",
    default: 1000,
    min: 1,
    max: 100_000,
    text: "Open event streams (SSE).",
  },
  "max.stream.writers": {
    type: "integer",
    default: 100,
    min: 1,
    max: 100_000,
    text: "Streams of records (NDJSON) that are being received; each may hold a few MiB.",
  },
  "max.decompressed.batch.bytes": {
    type: "integer",
    default: DEFAULT_MAX_UNPACKED_BYTES,
    min: 1024,
    max: MAX_UNPACKED_BYTES,
    text: "The records of one compressed batch, unpacked.",
  },
  "max.metric.partitions": {
    type: "integer",
    default: 1000,
    min: 0,
    max: 1_000_000,
    text: "Partitions, and partitions committed by groups, that have metrics of their own; how many are left out is a metric, too.",
  },
  "max.metric.groups": {
    type: "integer",
    default: 1000,
    min: 0,
    max: 1_000_000,
    text: "Groups that have metrics of their own; how many are left out is a metric, too.",
  },
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
  "network.file.system.enable": {
    type: "boolean",
    default: false,
    text: "Takes a data folder on a network file system, where SQLite's locks may not hold and data may be lost.",
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

/** One thing that is wrong with what was configured; `suggestion` is the nearest name that exists. */
export interface SettingProblem {
  readonly setting: string;
  readonly problem: string;
  readonly suggestion?: string;
}

/** A problem as one line. */
export function problemText({ setting, problem, suggestion }: SettingProblem): string {
  return suggestion === undefined ? `${setting}: ${problem}` : `${setting}: ${problem}; did you mean ${suggestion}?`;
}

/** What was configured cannot be used. Names all problems at once. */
export class SettingsError extends Error {
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(problemText);
    super(lines.length === 1 ? `${lines[0]}` : `${lines.length} problems:\n- ${lines.join("\n- ")}`);
    this.name = "SettingsError";
    this.problems = problems;
  }
}

/**
 * Reads settings over their defaults; numbers and booleans may come as text, as from a command line.
 *
 * Shape: every setting of the table, and everything that is wrong, in the order given; contradictions last.
 */
export function parseSettings(given: Readonly<Record<string, unknown>>): {
  settings: Settings;
  problems: SettingProblem[];
} {
  const problems: SettingProblem[] = [];
  const values = new Map<string, unknown>(
    Object.entries(settingDefinitions).map(([name, definition]) => [name, definition.default]),
  );
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(settingDefinitions, name)) {
      const instead = insteadOfKafkas(name);
      if (instead !== undefined) {
        problems.push({ setting: name, problem: `no such setting; ${instead}` });
        continue;
      }
      const suggestion = nearestName(name, Object.keys(settingDefinitions));
      problems.push({ setting: name, problem: "no such setting", ...(suggestion === undefined ? {} : { suggestion }) });
      continue;
    }
    const read = readSetting(settingDefinitions[name as SettingName], value);
    if ("problem" in read) problems.push({ setting: name, problem: read.problem });
    else values.set(name, read.value);
  }
  // Sound: the map holds each name of the table once, with a value that readSetting or the table itself typed.
  const settings = Object.fromEntries(values) as unknown as Settings;
  return { settings, problems: [...problems, ...contradictions(settings)] };
}

function readSetting(definition: SettingDefinition, value: unknown): { value: unknown } | { problem: string } {
  const shown = JSON.stringify(value) ?? String(value);
  if (definition.type === "boolean") {
    if (typeof value === "boolean") return { value };
    if (value === "true" || value === "false") return { value: value === "true" };
    return { problem: `must be true or false; this is ${shown}` };
  }
  if (definition.type === "string") {
    if (typeof value !== "string") return { problem: `must be a text; this is ${shown}` };
    const { choices } = definition;
    if (choices !== undefined && !choices.includes(value))
      return { problem: `must be ${choices.join(" or ")}; this is ${shown}` };
    const { listOf } = definition;
    if (listOf !== undefined) {
      const names = listOfNames(value);
      if (names.some((name) => !listOf.includes(name)) || new Set(names).size < names.length)
        return { problem: `must be a list of ${listOf.join(", ")}, each at most once; this is ${shown}` };
    }
    return { value };
  }
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = definition;
  const number = typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < min || number > max) {
    return { problem: `must be a whole number from ${min} to ${max}; this is ${shown}` };
  }
  return { value: number };
}

/** The names in a comma-separated list. */
export function listOfNames(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

/** Pairs of which the first must not be larger than the second. */
const ordered = [
  ["message.max.bytes", "socket.request.max.bytes"],
  ["group.min.session.timeout.ms", "group.max.session.timeout.ms"],
  ["group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"],
] as const satisfies readonly (readonly [SettingName, SettingName])[];

function contradictions(settings: Settings): SettingProblem[] {
  return ordered
    .filter(([smaller, larger]) => settings[smaller] > settings[larger])
    .map(([smaller, larger]) => ({
      setting: smaller,
      problem: `must not be larger than ${larger}; it is ${settings[smaller]}, and ${larger} is ${settings[larger]}`,
    }));
}
