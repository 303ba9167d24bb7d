// docs/reference/configuration.md: every setting, option and topic configuration, from the tables that read them.

import { type SettingDefinition, settingDefinitions } from "@brooklet/server";
import { commandTable } from "../../cli/src/command-table.ts";
import { environmentName } from "../../cli/src/commands/broker/settings.ts";
import { adminOptions } from "../../client-sdk/src/config/admin.ts";
import { commonFamilies, commonOptions } from "../../client-sdk/src/config/common.ts";
import { consumerFamilies, consumerOptions } from "../../client-sdk/src/config/consumer.ts";
import type { OptionTable } from "../../client-sdk/src/config/option.ts";
import type { Family } from "../../client-sdk/src/config/parse.ts";
import { producerOptions } from "../../client-sdk/src/config/producer.ts";
import { type TopicConfigDefinition, topicConfigDefinitions } from "../../server/src/log/topic-configs.ts";
import { type BrokerOptionDefinition, brokerOptionDefinitions } from "../../server/src/options.ts";
import { code, number, page, table } from "./markdown.ts";
import { defaultOf, fateOf, typeOf } from "./option-cells.ts";

const intro = `Names and defaults are Kafka's unless [kafka-differences.md](../kafka-differences.md) says otherwise. Units are last in a name:
${code(".ms")} is milliseconds, ${code(".bytes")} bytes. Whatever is unknown, out of its range or contradicts something else is refused at
the start, with all problems at once and the nearest name.

| what | where |
| --- | --- |
| [Broker: settings](#broker-settings) | ${code("--set")}, the environment, a file, ${code("startBroker({ settings })")} |
| [Broker: the command's flags](#broker-the-commands-flags), [startBroker()](#broker-startbroker) | where it listens, keeps its data, whom it lets in |
| [Topic configurations](#topic-configurations) | ${code("createTopics")}, ${code("alterConfigs")} |
| [Every client](#every-client), [consumer](#consumer), [producer](#producer), [admin](#admin) | the options of the SDK |`;

/** The page. */
export function configurationPage(): string {
  return page(
    "Configuration",
    "server/src/settings.ts, server/src/options.ts, server/src/log/topic-configs.ts, cli/src/commands/*/rows.ts and client-sdk/src/config/",
    intro,
    `## Broker: settings`,
    `${code("brooklet serve --set num.partitions=6")}; or the variable in the last column; or ${code("num.partitions=6")} as a line of the file of
${code("--config")}, under the same name; or ${code('startBroker({ settings: { "num.partitions": 6 } })')}. A flag wins over the environment, the environment over
the file, the file over the default. Read at the start.`,
    settings(),
    "## Broker: the command's flags",
    `Each is also a line of the file of ${code("--config")}, under its name without dashes (${code("port=4092")}), but for ${code("--config")} and ${code("--set")}.`,
    flags(),
    "## Broker: startBroker()",
    brokerOptions(),
    "## Topic configurations",
    `A value that is set for a topic goes before the broker's setting, that before the default. ${code("alterConfigs")} changes them while the
broker runs; null takes a value back. Accepted: taken and shown, and without effect, because what it steers is not there.`,
    topicConfigs(),
    "## Every client",
    "What consumer, producer and admin have in common; where one differs, its own section says so.",
    ...clientTables(commonOptions, commonFamilies),
    "## Consumer",
    ...clientTables(without(consumerOptions, commonOptions), without(consumerFamilies, commonFamilies)),
    "## Producer",
    ...clientTables(without(producerOptions, commonOptions), []),
    "## Admin",
    ...clientTables(without(adminOptions, commonOptions), []),
  );
}

function settings(): string {
  const rows = Object.entries<SettingDefinition>(settingDefinitions).map(([name, definition]) => [
    code(name),
    settingType(definition),
    shown(definition.default),
    definition.text,
    code(environmentName(name)),
  ]);
  return table(["setting", "type", "default", "meaning", "variable"], rows);
}

function settingType({ type, min, max, choices, listOf }: SettingDefinition): string {
  if (choices !== undefined) return choices.map(code).join(" or ");
  if (listOf !== undefined) return `list of ${listOf.map(code).join(", ")}`;
  if (type !== "integer") return type === "string" ? "text" : "true or false";
  const upTo = max === undefined || max === Number.MAX_SAFE_INTEGER ? "" : ` to ${number(max)}`;
  return `integer from ${number(min ?? 0)}${upTo}`;
}

function shown(value: number | boolean | string): string {
  if (value === Number.MAX_SAFE_INTEGER) return "any (2^53 - 1)";
  if (value === "") return "empty";
  return typeof value === "number" ? number(value) : code(String(value));
}

function flags(): string {
  const serve = commandTable.find(({ name }) => name === "serve");
  return table(
    ["flag", "meaning"],
    (serve?.options ?? []).map((row) => [code(row.flags), row.text]),
  );
}

function brokerOptions(): string {
  const rows = Object.entries<BrokerOptionDefinition>(brokerOptionDefinitions).map(
    ([name, { type, default: byDefault, text }]) => [code(name), type, byDefault, text],
  );
  return table(["option", "type", "default", "meaning"], rows);
}

function topicConfigs(): string {
  const rows = [...topicConfigDefinitions].map(([name, definition]) => [
    code(name),
    definition.fate,
    legal(definition),
    definition.setting === undefined ? shown(definition.default) : `the setting ${code(definition.setting)}`,
    definition.refused === undefined ? definition.text : `${definition.text} Nothing else: ${definition.refused}.`,
  ]);
  return table(["configuration", "fate", "legal", "default", "meaning"], rows);
}

/** Empty texts and large numbers as people read them. */
function legal({ legal: text }: TopicConfigDefinition): string {
  return text.replace(/-?\d{4,}/g, (digits) => number(Number(digits)));
}

/** What works, and below it what has no effect or is refused. */
function clientTables(options: OptionTable, families: readonly Family[]): string[] {
  const rows = Object.entries(options);
  const working = rows.flatMap(([name, row]) =>
    row.type === "any" ? [] : [[code(name), typeOf(row), defaultOf(row), row.text]],
  );
  const others = [
    ...rows.flatMap(([name, row]) => (row.type === "any" ? [[code(name), ...fateOf(row)]] : [])),
    ...families.map(({ prefix, fate, why }) => [`other ${code(`${prefix}*`)}`, ...fateOf({ fate, why })]),
  ];
  return [
    table(["option", "type", "default", "meaning"], working),
    ...(others.length === 0 ? [] : [table(["option", "fate", "why, and what instead"], others)]),
  ];
}

function without<T extends object>(all: T, common: object): T {
  if (Array.isArray(all)) return all.filter((one) => !Object.values(common).includes(one)) as unknown as T;
  const known = new Map(Object.entries(common));
  return Object.fromEntries(Object.entries(all).filter(([name, row]) => known.get(name) !== row)) as T;
}
