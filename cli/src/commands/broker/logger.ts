// The broker's log as people at a terminal read it: one line per event on stderr. Pino's shape, without its JSON.

import { systemClock } from "@brooklet/protocol/world";
import { UsageError } from "../../exits.ts";
import { timeOfDay } from "../../format.ts";
import type { Output } from "../../io.ts";
import { type LogLevel, logLevels } from "./levels.ts";

export function parseLogLevel(text: string, from = "--log-level"): LogLevel {
  const level = logLevels.find((name) => name === text);
  if (level === undefined)
    throw new UsageError(`${from} is one of ${logLevels.join(", ")}; this is ${JSON.stringify(text)}`);
  return level;
}

/** `key=value`, quoted only where it must be. */
function fieldText([key, value]: [string, unknown]): string {
  const text = value instanceof Error ? value.message : typeof value === "string" ? value : JSON.stringify(value);
  return `${key}=${text !== undefined && /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
}

/** Writes events from `level` on. */
export function stderrLogger(output: Output, level: LogLevel) {
  const from = logLevels.indexOf(level);
  const writer = (name: LogLevel) => (fields: object, message: string) => {
    if (logLevels.indexOf(name) < from) return;
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(fieldText)
      .join(" ");
    output.note(
      `${timeOfDay(systemClock.wallMs())} ${name.padEnd(5)} ${message}${details === "" ? "" : `  ${details}`}`,
    );
  };
  return { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}
