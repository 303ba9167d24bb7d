// Each option of the clients, the broker and the topics is shown by a test that is there and runs (options.ts); what is accepted
// without effect says so in one debug line, through the class itself, and what is refused says why.

import { Admin, ConfigError, Consumer, Producer } from "@brooklet/client";
import { describe, expect, test } from "vitest";
import { adminOptions } from "../../../client-sdk/src/config/admin.ts";
import { consumerOptions } from "../../../client-sdk/src/config/consumer.ts";
import type { OptionTable } from "../../../client-sdk/src/config/option.ts";
import { producerOptions } from "../../../client-sdk/src/config/producer.ts";
import { topicConfigDefinitions } from "../../../server/src/log/topic-configs.ts";
import { brokerOptionDefinitions } from "../../../server/src/options.ts";
import { settingDefinitions } from "../../../server/src/settings.ts";
import {
  shownAdminOptions,
  shownBrokerOptions,
  shownConsumerOptions,
  shownFates,
  shownProducerOptions,
  shownSettings,
  shownTopicConfigs,
} from "./options.ts";
import { type Shown, shownProblem } from "./shown.ts";

type Config = { readonly "bootstrap.servers": string };
type Logging = { readonly logger: object };
const clients: readonly [string, OptionTable, Readonly<Record<string, Shown>>, (c: Config, o?: Logging) => object][] = [
  ["Consumer", consumerOptions, shownConsumerOptions, (config, options) => new Consumer(config, options)],
  ["Producer", producerOptions, shownProducerOptions, (config, options) => new Producer(config, options)],
  ["Admin", adminOptions, shownAdminOptions, (config, options) => new Admin(config, options)],
];
const servers = { "bootstrap.servers": "localhost:1" };

describe.each(clients)("%s", (_, table, shown, make) => {
  const rows = Object.entries(table);
  const ignored = rows.filter(([, { fate }]) => fate === "ignored").map(([name]) => name);
  const refused = rows.filter(([, { fate }]) => fate === "refused").map(([name]) => name);

  test("the table of tests has the working rows, and no others", () => {
    const working = rows.filter(([, { fate }]) => fate === "works").map(([name]) => name);
    expect(Object.keys(shown).sort()).toEqual(working.sort());
  });

  test.each(Object.entries(shown))("%s has its effect by a test", (_name, one) => {
    expect(shownProblem(one)).toBeUndefined();
  });

  test.each(ignored)("%s has no effect, and says so in one debug line", (name) => {
    const lines: [string, string][] = [];
    const line = (level: string) => (_fields: object, message: string) => void lines.push([level, message]);
    const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    make({ ...servers, [name]: "anything" }, { logger });
    expect(lines).toEqual([["debug", expect.stringMatching(`^${name} has no effect: .{10,}`)]]);
  });

  test.each(refused)("%s is refused at construction, with the reason", (name) => {
    expect(() => make({ ...servers, [name]: "anything" })).toThrow(ConfigError);
    expect(() => make({ ...servers, [name]: "anything" })).toThrow(/is refused: .{10,}/);
  });

  test("each working row says in a sentence what it means", () => {
    for (const [name, row] of rows)
      if (row.type !== "any") expect(`${name}: ${row.text}`).toMatch(/: [A-Za-z].{9,}\.$/);
  });
});

test.each(Object.entries(shownFates))("the rule of what is %s has its test", (_, one) => {
  expect(shownProblem(one)).toBeUndefined();
});

test.each(Object.entries(shownSettings))("setting %s has its effect by a test", (_, one) => {
  expect(shownProblem(one)).toBeUndefined();
});

test.each(Object.entries(shownBrokerOptions))("startBroker's %s has its effect by a test", (_, one) => {
  expect(shownProblem(one)).toBeUndefined();
});

test.each([...shownTopicConfigs])("topic configuration %s has its effect by a test", (_, one) => {
  expect(shownProblem(one)).toBeUndefined();
});

test("the tables of tests have each setting, option and working topic configuration, and no others", () => {
  expect(Object.keys(shownSettings)).toEqual(Object.keys(settingDefinitions));
  expect(Object.keys(shownBrokerOptions)).toEqual(Object.keys(brokerOptionDefinitions));
  const working = [...topicConfigDefinitions].filter(([, { fate }]) => fate === "works").map(([name]) => name);
  expect([...shownTopicConfigs.keys()]).toEqual(working);
});

/** Kafka's default is legal, whatever else is. */
const accepted = [...topicConfigDefinitions].filter(([, { fate }]) => fate === "accepted");
test.each(accepted)(
  "topic configuration %s is taken as Kafka's default, and says why it has no effect",
  (name, row) => {
    expect(row.check(row.default)).toBeUndefined();
    expect(row.check("no such value")).toMatch(/.{5,}/);
    expect(`${name}: ${row.text}`).toMatch(/: [A-Z].{9,}\.$/);
  },
);
