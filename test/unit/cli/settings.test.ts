// Flag before environment before default; what is no name=value is a usage error.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settingDefinitions } from "@brooklet/server";
import { afterAll, expect, test } from "vitest";
import { Options } from "../../../cli/src/call.ts";
import { brokerOptions } from "../../../cli/src/commands/broker/serve-options.ts";
import { assignments, environmentName } from "../../../cli/src/commands/broker/settings.ts";
import { UsageError } from "../../../cli/src/exits.ts";

const folder = mkdtempSync(join(tmpdir(), "brooklet-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function file(...lines: string[]): string {
  const path = join(folder, `${++files}.properties`);
  writeFileSync(path, lines.join("\n"));
  return path;
}

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

test("the file gives what neither flag nor environment gives, options and settings alike", () => {
  const config = file(
    "# a broker",
    "port=7",
    "host = 0.0.0.0",
    "data=from-file",
    "durability=process",
    "token-file=/nowhere",
    "allow-anonymous-network=true",
    "allowed-hosts=a.example, b.example:8080",
    "allowed-origins=https://console.example",
    "log-level=debug",
    "num.partitions=3",
    "message.max.bytes=2000",
    "max.topics=5",
  );
  const flags = new Options({ config, set: ["max.topics=7"], data: "from-flag" });
  const env = { BROOKLET_PORT: "8", BROOKLET_MESSAGE_MAX_BYTES: "4000", BROOKLET_MAX_TOPICS: "6" };
  expect(() => brokerOptions(flags, env)).toThrow(/^tokenFile: cannot be read: ENOENT/);
  const { options, logLevel } = brokerOptions(flags, { ...env, BROOKLET_TOKEN_FILE: file("0123456789abcdef") });
  expect(options).toEqual({
    port: 8,
    host: "0.0.0.0",
    data: "from-flag",
    durability: "process",
    tokenFile: expect.any(String),
    allowAnonymousNetwork: true,
    allowedHosts: ["a.example", "b.example:8080"],
    allowedOrigins: ["https://console.example"],
    settings: { "num.partitions": "3", "message.max.bytes": "4000", "max.topics": "7" },
  });
  expect(logLevel).toBe("debug");
});

test("the environment names the file, too, and its path may be a flag's", () => {
  const path = file("num.partitions=3");
  expect(brokerOptions(new Options({}), { BROOKLET_CONFIG: path }).options.settings).toEqual({ "num.partitions": "3" });
  const other = file("num.partitions=4");
  expect(brokerOptions(new Options({ config: other }), { BROOKLET_CONFIG: path }).options.settings).toEqual({
    "num.partitions": "4",
  });
});

test("everything that is wrong in a file is named with its line, and beside all else that is wrong", () => {
  const path = file(
    "prot=4092",
    "listeners=PLAINTEXT://:9092",
    "log.dirs=/tmp/kafka-logs",
    "num.partitoins=3",
    "num.partitions=0",
    "secret-that-stands-alone",
    "port=http",
    "frobnicate=1",
    "ephemeral=perhaps",
    "token=canary-0123456789",
  );
  let refusal = "";
  try {
    brokerOptions(new Options({ config: path, logLevel: "loud" }), { BROOKLET_DURABILITY: "ram" });
  } catch (error) {
    refusal = String(error instanceof UsageError ? error.message : error);
  }
  expect(refusal.replaceAll(path, "FILE").split("\n")).toEqual([
    "12 problems:",
    "- FILE line 6 is no name=value",
    "- FILE line 1: prot: no such setting; did you mean port?",
    "- FILE line 2: listeners: no such setting; use host and port",
    "- FILE line 3: log.dirs: no such setting; use data",
    "- FILE line 4: num.partitoins: no such setting; did you mean num.partitions?",
    "- FILE line 8: frobnicate: no such setting",
    "- FILE line 10: token: no such setting; tokens stand in a file of their own: use token-file",
    '- FILE line 7: port must be a whole number from 0 to 65535; this is "http"',
    '- BROOKLET_DURABILITY is one of disk, process, memory; this is "ram"',
    '- FILE line 9: ephemeral must be true or false; this is "perhaps"',
    '- --log-level is one of debug, info, warn, error, silent; this is "loud"',
    '- FILE line 5: num.partitions: must be a whole number from 1 to 10000; this is "0"',
  ]);
  expect(() => brokerOptions(new Options({ config: "/nowhere.properties" }), {})).toThrow(/cannot be read: ENOENT/);
});

test.each<[object, Record<string, string>, string[], object]>([
  [{ ephemeral: true }, {}, ["data=x"], { ephemeral: true }],
  [{ data: "d" }, {}, ["ephemeral=true"], { data: "d" }],
  [{ data: "d" }, { BROOKLET_EPHEMERAL: "true" }, [], { data: "d" }],
  [{}, { BROOKLET_DATA: "d" }, ["ephemeral=true"], { data: "d" }],
  [{}, { BROOKLET_DATA: "d", BROOKLET_EPHEMERAL: "true" }, [], { ephemeral: true }],
  [{}, { BROOKLET_EPHEMERAL: "false" }, ["ephemeral=true"], { data: "brooklet-data" }],
  [{}, {}, ["ephemeral=true"], { ephemeral: true }],
])("memory or folder: %j over %j over %j is %j", (flags, env, lines, expected) => {
  const { options } = brokerOptions(new Options({ ...flags, config: file(...lines) }), env);
  expect(options).toMatchObject(expected);
  expect("data" in options).toBe("data" in expected);
});

test("one file that asks for memory and a folder contradicts itself", () => {
  expect(() => brokerOptions(new Options({ config: file("ephemeral=true", "data=x") }), {})).toThrow(
    /ephemeral and .* line 2: data exclude each other/,
  );
});

test("a variable that means nothing is told with the nearest that does, and is no error", () => {
  const { warnings } = brokerOptions(new Options({}), {
    BROOKLET_NUM_PARTITION: "3",
    BROOKLET_XYZZY: "canary",
    BROOKLET_BOOTSTRAP_SERVERS: "a:1",
    BROOKLET_NUM_PARTITIONS: "3",
    PATH: "x",
  });
  expect(warnings).toEqual([
    "the environment variable BROOKLET_NUM_PARTITION means nothing to brooklet; did you mean BROOKLET_NUM_PARTITIONS?",
    "the environment variable BROOKLET_XYZZY means nothing to brooklet",
  ]);
});

test("no two settings share a name in the environment", () => {
  const names = Object.keys(settingDefinitions).map(environmentName);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain("BROOKLET_NUM_PARTITIONS");
});
