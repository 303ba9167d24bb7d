// Flag before environment before default; what is no name=value is a usage error.

import { settingDefinitions } from "@brooklet/server";
import { expect, test } from "vitest";
import { Options } from "../../../cli/src/call.ts";
import { UsageError } from "../../../cli/src/exits.ts";
import { brokerOptions } from "../../../cli/src/serve-options.ts";
import { assignments, environmentName } from "../../../cli/src/settings.ts";

test("defaults: the folder brooklet-data, port 4092, info", () => {
  const { options, logLevel } = brokerOptions(new Options({}), {});
  expect(options).toEqual({ port: 4092, data: "brooklet-data", settings: {}, allowAnonymousNetwork: false });
  expect(logLevel).toBe("info");
});

test("the environment gives every option and every setting", () => {
  const { options, logLevel } = brokerOptions(new Options({}), {
    BROOKLET_PORT: "0",
    BROOKLET_HOST: "0.0.0.0",
    BROOKLET_DATA: "elsewhere",
    BROOKLET_DURABILITY: "process",
    BROOKLET_ALLOW_ANONYMOUS_NETWORK: "true",
    BROOKLET_LOG_LEVEL: "silent",
    BROOKLET_NUM_PARTITIONS: "6",
    BROOKLET_GROUP_MIN_SESSION_TIMEOUT_MS: "100",
  });
  expect(options).toEqual({
    port: 0,
    host: "0.0.0.0",
    data: "elsewhere",
    durability: "process",
    settings: { "num.partitions": "6", "group.min.session.timeout.ms": "100" },
    allowAnonymousNetwork: true,
  });
  expect(logLevel).toBe("silent");
});

test("a flag wins over the environment", () => {
  const flags = new Options({ port: "7", data: "here", set: ["num.partitions=3", "num.partitions=4"] });
  const { options } = brokerOptions(flags, {
    BROOKLET_PORT: "8",
    BROOKLET_DATA: "there",
    BROOKLET_NUM_PARTITIONS: "9",
  });
  expect(options).toMatchObject({ port: 7, data: "here", settings: { "num.partitions": "4" } });
});

test("ephemeral needs no folder, and contradicts one that is asked for", () => {
  expect(brokerOptions(new Options({ ephemeral: true }), {}).options).not.toHaveProperty("data");
  expect(brokerOptions(new Options({}), { BROOKLET_EPHEMERAL: "1" }).options).toHaveProperty("ephemeral", true);
  expect(() => brokerOptions(new Options({ ephemeral: true, data: "x" }), {})).toThrow(/exclude each other/);
});

test.each([
  [{ logLevel: "loud" }, {}, /--log-level is one of/],
  [{ durability: "ram" }, {}, /--durability is one of disk, process, memory/],
  [{ set: ["num.partitions"] }, {}, /--set takes name=value/],
  [{ set: ["=3"] }, {}, /--set takes name=value/],
  [{}, { BROOKLET_PORT: "http" }, /BROOKLET_PORT must be a whole number from 0 to 65535/],
  [{}, { BROOKLET_PORT: "65536" }, /BROOKLET_PORT/],
  [{}, { BROOKLET_EPHEMERAL: "maybe" }, /BROOKLET_EPHEMERAL must be true or false/],
])("%j with %j is refused", (flags, env, message) => {
  expect(() => brokerOptions(new Options(flags), env)).toThrow(message);
});

test("everything that is wrong is named in one answer, what the broker refuses with it", () => {
  const flags = new Options({
    port: "99999",
    durability: "x",
    data: "d",
    ephemeral: true,
    logLevel: "loud",
    set: ["num.partitions=0", "nosuch=1", "num.partitoins=2", "nothing", "=3"],
  });
  let refusal: unknown;
  try {
    brokerOptions(flags, { BROOKLET_ALLOW_ANONYMOUS_NETWORK: "perhaps" });
  } catch (error) {
    refusal = error instanceof UsageError ? error.message.split("\n") : error;
  }
  expect(refusal).toEqual([
    "10 problems:",
    '- --port must be a whole number from 0 to 65535; this is "99999"',
    '- --durability is one of disk, process, memory; this is "x"',
    "- --ephemeral and --data exclude each other: choose memory or a folder",
    '- BROOKLET_ALLOW_ANONYMOUS_NETWORK must be true or false; this is "perhaps"',
    '- --log-level is one of debug, info, warn, error, silent; this is "loud"',
    '- --set takes name=value; this is "nothing"',
    '- --set takes name=value; this is "=3"',
    '- num.partitions: must be a whole number from 1 to 10000; this is "0"',
    "- nosuch: no such setting",
    "- num.partitoins: no such setting; did you mean num.partitions?",
  ]);
});

test("a value may hold the equals sign; names are kept as written", () => {
  expect([...assignments("--set", ["a.b=c=d", " x = y "])]).toEqual([
    ["a.b", "c=d"],
    ["x", "y"],
  ]);
});

test("no two settings share a name in the environment", () => {
  const names = Object.keys(settingDefinitions).map(environmentName);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain("BROOKLET_NUM_PARTITIONS");
});
