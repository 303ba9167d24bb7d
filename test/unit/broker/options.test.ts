// What startBroker() is given: read, and refused with all problems at once.

import { expect, test } from "vitest";
import { type BrokerOptions, readOptions } from "../../../server/src/options.ts";
import { parseSettings, SettingsError, settingDefinitions } from "../../../server/src/settings.ts";
import { insteadOfKafkas, settingsOfKafka } from "../../../server/src/settings-of-kafka.ts";

function problemsOf(options: object): string[] {
  try {
    readOptions(options as BrokerOptions);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ setting }) => setting);
    throw error;
  }
  return [];
}

test("without options: a free port on loopback, in memory, settings at their defaults, silent", () => {
  const config = readOptions({});
  expect(config).toMatchObject({ port: 0, host: "127.0.0.1", data: undefined, durability: "memory" });
  expect(config.settings["num.partitions"]).toBe(1);
});

test("a data folder means disk unless another level is asked for", () => {
  expect(readOptions({ data: "folder" }).durability).toBe("disk");
  expect(readOptions({ data: "folder", durability: "process" }).durability).toBe("process");
});

test.each<[object, string[]]>([
  [{ ephemeral: true, data: "folder" }, ["ephemeral"]],
  [{ ephemeral: true, durability: "disk" }, ["ephemeral"]],
  [{ durability: "process" }, ["durability"]],
  [{ data: "folder", durability: "memory" }, ["durability"]],
  [{ data: "folder", durability: "paper" }, ["durability"]],
  [{ ephemeral: false }, ["ephemeral"]],
  [{ port: -1 }, ["port"]],
  [{ port: 65_536 }, ["port"]],
  [{ port: "4092" }, ["port"]],
  [{ host: "" }, ["host"]],
  [{ host: "0.0.0.0" }, ["host"]],
  [{ host: "192.168.0.7" }, ["host"]],
  [{ host: "::" }, ["host"]],
  [{ host: "broker.internal" }, ["host"]],
  [{ data: "" }, ["data"]],
  [{ allowedHosts: ["http://x"] }, ["allowedHosts"]],
  [{ allowedHosts: "x" }, ["allowedHosts"]],
  [{ allowedOrigins: ["example.org"] }, ["allowedOrigins"]],
  [{ logger: { info() {} } }, ["logger"]],
  [{ settings: [] }, ["settings"]],
  [
    { prot: 1, settings: { "num.partition": 3 }, port: -1, ephemeral: true, data: "x" },
    ["prot", "port", "ephemeral", "num.partition"],
  ],
])("%j is refused: %j", (options, problems) => {
  expect(problemsOf(options)).toEqual(problems);
});

test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("%s is loopback and needs no leave", (host) => {
  expect(problemsOf({ host })).toEqual([]);
});

test("beyond this machine only when it is said aloud", () => {
  expect(problemsOf({ host: "0.0.0.0", allowAnonymousNetwork: true })).toEqual([]);
});

test("an unknown name comes with the nearest known one, in one message with all others", () => {
  expect(() =>
    readOptions({ prot: 1, settings: { "num.partitons": 3, "message.max.bytes": 1 } } as BrokerOptions),
  ).toThrow(
    "3 problems:\n- prot: no such option; did you mean port?\n- num.partitons: no such setting; did you mean num.partitions?\n" +
      "- message.max.bytes: must be a whole number from 1024 to 67108864; this is 1",
  );
});

test("a setting of Kafka's that is not here says what to use, or why there is none, and is taken for no other", () => {
  const given = { "log.retention.minutes": 5, "group.initial.rebalance.delay.ms": 0, "log.dirs": "/tmp" };
  expect(parseSettings(given).problems).toEqual([
    { setting: "log.retention.minutes", problem: "no such setting; use log.retention.ms" },
    {
      setting: "group.initial.rebalance.delay.ms",
      problem: "no such setting; partitions move one by one, so nobody waits for the last to join",
    },
    { setting: "log.dirs", problem: "no such setting; use data" },
  ]);
  const known = Object.keys(settingDefinitions);
  for (const name of settingsOfKafka) {
    expect(known).not.toContain(name);
    const named = /^use ([a-z]+\.[a-z.]+)/.exec(insteadOfKafkas(name) ?? "")?.[1];
    if (named !== undefined) expect(known).toContain(named);
  }
});

test("numbers and booleans may come as text; anything else is refused with the range", () => {
  const { settings, problems } = parseSettings({ "num.partitions": "6", "auto.create.topics.enable": "false" });
  expect(problems).toEqual([]);
  expect(settings["num.partitions"]).toBe(6);
  expect(settings["auto.create.topics.enable"]).toBe(false);
  for (const value of ["six", "6.5", 6.5, Number.NaN, -1, 0, 10_001, "", " 6", true, null, {}, "1e3"]) {
    expect(parseSettings({ "num.partitions": value }).problems).toHaveLength(1);
  }
  for (const value of ["yes", 1, 0, "", null]) {
    expect(parseSettings({ "auto.create.topics.enable": value }).problems).toHaveLength(1);
  }
});

test("settings that contradict each other are refused", () => {
  const { problems } = parseSettings({ "message.max.bytes": 1_000_000, "socket.request.max.bytes": 100_000 });
  expect(problems).toEqual([expect.objectContaining({ setting: "message.max.bytes" })]);
  expect(
    parseSettings({ "group.min.session.timeout.ms": 10, "group.max.session.timeout.ms": 5 }).problems,
  ).toHaveLength(1);
});

test("every setting takes its default, its least and its greatest value, and nothing beyond", () => {
  expect(parseSettings({}).problems).toEqual([]);
  for (const [name, definition] of Object.entries(settingDefinitions)) {
    if (definition.type !== "integer") continue;
    const alone = (value: number) =>
      parseSettings({ [name]: value }).problems.filter(({ problem }) => problem.startsWith("must be a whole"));
    expect(alone(definition.min)).toEqual([]);
    expect(alone(definition.max)).toEqual([]);
    expect(alone(definition.min - 1)).toHaveLength(1);
    expect(alone(definition.max + 1)).toHaveLength(1);
  }
});

test("names of Object's own properties are unknown settings", () => {
  const given = JSON.parse('{"__proto__": 1, "constructor": 2, "hasOwnProperty": 3}');
  expect(parseSettings(given).problems).toHaveLength(3);
});
