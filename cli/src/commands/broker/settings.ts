// Settings on the command line and in the environment: `--set name=value`, BROOKLET_NAME. Flag before environment before
// default; what a setting may be is the broker's table, and the broker checks it.

import { UsageError } from "../../exits.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `name=value` pairs, the last one of a name winning. */
export function assignments(option: string, texts: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at <= 0) throw new UsageError(`${option} takes name=value; this is ${JSON.stringify(text)}`);
    found.set(text.slice(0, at).trim(), text.slice(at + 1).trim());
  }
  return found;
}

/** `num.partitions` is BROOKLET_NUM_PARTITIONS. */
export function environmentName(setting: string): string {
  return `BROOKLET_${setting.toUpperCase().replaceAll(".", "_")}`;
}

/** The settings that the environment gives, by their own names. */
export function settingsFromEnvironment(names: readonly string[], env: Environment): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of names) {
    const value = env[environmentName(name)];
    if (value !== undefined && value !== "") found.set(name, value);
  }
  return found;
}
