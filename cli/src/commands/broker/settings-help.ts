// What `brooklet serve --help` says of the broker's settings: the broker's own table.

import { type SettingDefinition, settingDefinitions } from "@brooklet/server";
import { environmentName } from "./settings.ts";

/** What a shell offers behind --set. */
export function settingNames(): string[] {
  return Object.keys(settingDefinitions).map((name) => `${name}=`);
}

/** Every setting with its default and what it is for. */
export function settingsHelp(): string {
  const lines = Object.entries<SettingDefinition>(settingDefinitions).map(
    ([name, definition]) => `  ${name}=${definition.default}\n      ${definition.text}`,
  );
  return [
    "Flags win over the environment, the environment over the configuration file, that over defaults.",
    `Settings (--set name=value; ${environmentName("num.partitions")} for num.partitions, and so on; or name=value in the file):`,
    "",
    ...lines,
  ].join("\n");
}
