// One call of a command: its arguments, its options with their types, and what it may touch of the outside.
// Options come from the table (command-table.ts); a command never reads process.argv or process.env.

import type { Clock } from "@brooklet/protocol/world";
import { UsageError } from "./exits.ts";
import type { Output, Streams } from "./io.ts";

export interface Surroundings {
  readonly streams: Streams;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborted by SIGINT or SIGTERM; the command then ends in an orderly way. */
  readonly interrupted: AbortSignal;
  /** Program and script by which this command can be started again, whatever the path is; absent: by its name. */
  readonly startedAs?: readonly string[];
}

export interface Call extends Surroundings {
  readonly output: Output;
  readonly args: readonly string[];
  readonly options: Options;
}

/** The parsed options, by their long names. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  integer(name: string): number | undefined {
    const value = this.#values[name];
    return typeof value === "number" ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }
}

/** A whole number within bounds, or a usage error that says so. */
export function parseInteger(name: string, text: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new UsageError(
      `${name} must be a whole number ${max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`}; this is ${JSON.stringify(text)}`,
    );
  return value;
}
