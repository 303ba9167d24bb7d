// What `topics alter` is to change, and what became of it: old and new values, each with where it comes from. Pure.

import type { ConfigEntry } from "@brooklet/client";
import { UsageError } from "../../exits.ts";
import { assignments } from "../broker/settings.ts";

export interface ConfigMove {
  readonly name: string;
  /** Absent: the broker has none of that name. */
  readonly old?: ConfigEntry;
  /** Absent: what the default is says only the broker, after the change. */
  readonly new?: Pick<ConfigEntry, "value" | "source">;
}

/**
 * The new values by name; null returns to the default.
 *
 * Errors: UsageError, when nothing is to change, or one name in both directions.
 */
export function wantedConfigs(set: readonly string[], unset: readonly string[]): Map<string, string | null> {
  const wanted = new Map<string, string | null>(assignments("--set", set));
  for (const name of unset) {
    if (wanted.has(name)) throw new UsageError(`--set and --unset exclude each other for ${name}`);
    wanted.set(name, null);
  }
  if (wanted.size === 0) throw new UsageError("nothing to change: --set name=value, or --unset name");
  return wanted;
}

/** Old and new of each wanted name; without `after` (a dry run) the new value is the wanted one. */
export function movesOf(
  wanted: ReadonlyMap<string, string | null>,
  before: readonly ConfigEntry[],
  after: readonly ConfigEntry[] | undefined,
): ConfigMove[] {
  return [...wanted].map(([name, value]) => {
    const of = (entries: readonly ConfigEntry[]) => entries.find((entry) => entry.name === name);
    const old = of(before);
    const asked = value === null ? undefined : { value, source: "topic" as const };
    const now = after === undefined ? asked : of(after);
    return {
      name,
      ...(old === undefined ? {} : { old }),
      ...(now === undefined ? {} : { new: now }),
    };
  });
}

/** `60000`, `604800000 (default)`. */
export function shownValue(entry: Pick<ConfigEntry, "value" | "source"> | undefined): string {
  if (entry === undefined) return "(default)";
  const value = entry.value === "" ? '""' : entry.value;
  return entry.source === "topic" ? value : `${value} (${entry.source})`;
}
