// The broker's log as people at a terminal read it: one line per event on stderr. Pino's shape, without its JSON.

import { systemClock } from "@brooklet/protocol/world";
import { UsageError } from "../../exits.ts";
import { partitionNames, timeOfDay } from "../../format.ts";
import type { Output } from "../../io.ts";
import { type LogLevel, logLevels } from "./levels.ts";

export function parseLogLevel(text: string, from = "--log-level"): LogLevel {
  const level = logLevels.find((name) => name === text);
  if (level === undefined)
    throw new UsageError(`${from} is one of ${logLevels.join(", ")}; this is ${JSON.stringify(text)}`);
  return level;
}

/** The banner says it. */
const SAID_ELSEWHERE = "broker started";
/** The line begins with the time. */
const TIME = "atMs";

/** What the message has said already is not said again. */
function isNews([key, value]: [string, unknown], message: string): boolean {
  return value !== undefined && key !== TIME && !message.split(/[\s:]+/).includes(String(value));
}

function isPartitions(value: unknown): value is { topic: string; partition: number }[] {
  return (
    Array.isArray(value) &&
    value.every((item) => typeof item === "object" && item !== null && "topic" in item && "partition" in item)
  );
}

function valueText(value: unknown): string | undefined {
  if (value instanceof Error) return value.message;
  if (isPartitions(value)) return partitionNames(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `key=value`, quoted only where it must be. */
function fieldText([key, value]: [string, unknown]): string {
  const text = valueText(value);
  return `${key}=${text !== undefined && /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
}

/** Writes events from `level` on. */
export function stderrLogger(output: Output, level: LogLevel) {
  const from = logLevels.indexOf(level);
  const writer = (name: LogLevel) => (fields: object, message: string) => {
    if (logLevels.indexOf(name) < from || message === SAID_ELSEWHERE) return;
    const details = Object.entries(fields)
      .filter((field) => isNews(field, message))
      .map(fieldText)
      .join(" ");
    output.note(
      `${timeOfDay(systemClock.wallMs())} ${name.padEnd(5)} ${message}${details === "" ? "" : `  ${details}`}`,
    );
  };
  return { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}
