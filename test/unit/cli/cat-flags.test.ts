// kcat's flags, as `brooklet cat` reads them before anything is sent.

import { PassThrough, Writable } from "node:stream";
import { expect, test } from "vitest";
import type { Call, Options } from "../../../cli/src/call.ts";
import {
  catCall,
  delimiterOf,
  modeOf,
  offsetsOf,
  partitionOf,
  propertiesOf,
} from "../../../cli/src/commands/cat/flags.ts";
import { catRows } from "../../../cli/src/commands/cat/rows.ts";
import { bootstrapServers } from "../../../cli/src/connect.ts";
import { Output } from "../../../cli/src/io.ts";
import { parse } from "../../../cli/src/parser.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

function callOf(...argv: string[]): Call & { noted(): string } {
  const parsed = parse(["cat", ...argv]);
  if (parsed.kind !== "call") throw new Error(`this is ${parsed.kind}`);
  let noted = "";
  const stderr = new Writable({
    write(chunk, _, done) {
      noted += String(chunk);
      done();
    },
  });
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr };
  return {
    streams,
    env: {},
    clock: new SimulatedClock(),
    interrupted: new AbortController().signal,
    output: new Output(streams),
    args: parsed.args,
    options: parsed.options,
    noted: () => noted,
  };
}

const optionsOf = (...argv: string[]): Options => callOf(...argv).options;

test.each([
  [["-P", "-t", "t"], "P"],
  [["-t", "t", "-C"], "C"],
  [["-L"], "L"],
  [["-G", "billing", "orders"], "G"],
])("%j names its mode", (argv, mode) => {
  const call = callOf(...argv);
  expect(modeOf(call)).toBe(mode);
  expect(call.noted()).toBe("");
});

test("without a mode a terminal consumes and a pipe produces, and says so unless it shall be quiet", () => {
  const piped = callOf("-t", "t");
  expect(modeOf(piped)).toBe("P");
  expect(piped.noted()).toBe("% Auto-selecting Producer mode (use -P or -C to override)\n");
  const typed = callOf("-t", "t");
  Object.assign(typed.streams.stdin, { isTTY: true });
  expect(modeOf(typed)).toBe("C");
  expect(typed.noted()).toBe("% Auto-selecting Consumer mode (use -P or -C to override)\n");
  const quiet = callOf("-q");
  modeOf(quiet);
  expect(quiet.noted()).toBe("");
});

test("two modes exclude each other", () => {
  expect(() => modeOf(callOf("-C", "-P"))).toThrow("do not mix modes: -P and -C");
  expect(() => modeOf(callOf("-L", "-G", "g"))).toThrow("do not mix modes: -G and -L");
});

test("flags may stand together and touch their values, as getopt reads them", () => {
  const options = optionsOf("-CeqJ", "-torders", "-p3", "-o-5", "-K:", "-D", "", "-c2", "-Xa.b=c", "-X", "d=e");
  expect(["C", "e", "q", "J"].map((name) => options.flag(name))).toEqual([true, true, true, true]);
  expect(["t", "p", "K", "D"].map((name) => options.text(name))).toEqual(["orders", "3", ":", ""]);
  expect(options.list("o")).toEqual(["-5"]);
  expect(options.integer("c")).toBe(2);
  expect(options.list("X")).toEqual(["a.b=c", "d=e"]);
});

test("capital and small letters are different flags", () => {
  const options = optionsOf("-P", "-p", "1", "-K", ":", "-k", "fixed", "-C", "-c", "7", "-Z", "-z", "gzip");
  expect([options.flag("P"), options.text("p"), options.text("K"), options.text("k")]).toEqual([
    true,
    "1",
    ":",
    "fixed",
  ]);
  expect([options.flag("C"), options.integer("c"), options.flag("Z"), options.text("z")]).toEqual([
    true,
    7,
    true,
    "gzip",
  ]);
});

const kcatsOthers = ["-d", "-E", "-F", "-l", "-m", "-M", "-O", "-Q", "-r", "-s", "-T", "-U", "-v", "-V"];

test.each(kcatsOthers)("%s is refused by name, with what to use instead", (flag) => {
  const instead = catRows[0]?.instead?.get(flag) ?? "";
  expect(instead).not.toBe("");
  for (const argv of [
    ["cat", "-C", flag, "x"],
    ["cat", `-C${flag.slice(1)}`, "-t", "t"],
  ])
    expect(() => parse(argv)).toThrow(`${flag} is not taken; instead: ${instead}`);
});

test("every flag of kcat 1.7 is taken or refused by name", () => {
  // The letters of its own getopt call.
  const known = new Set([..."PCGLQMtpbzoeEDKkHOdqvFXcTufZlVhsrJmU"].map((letter) => `-${letter}`));
  const taken = catRows[0]?.options.map(({ flags }) => flags.slice(0, 2)) ?? [];
  expect([...known].filter((flag) => ![...taken, ...kcatsOthers, "-h"].includes(flag))).toEqual([]);
  expect(taken.filter((flag) => kcatsOthers.includes(flag))).toEqual([]);
});

test.each([
  [["beginning"], { from: { kind: "start" } }],
  [["end"], { from: { kind: "end" } }],
  [["stored"], { from: { kind: "stored" } }],
  [["0"], { from: { kind: "offset", value: 0 } }],
  [["-0"], { from: { kind: "offset", value: 0 } }],
  [["-12"], { from: { kind: "last", value: 12 } }],
  [["s@1700000000000"], { from: { kind: "time", value: 1_700_000_000_000 } }],
  [["e@2026-01-31"], { until: { kind: "time", value: Date.UTC(2026, 0, 31) } }],
  [
    ["s@-1h", "e@-30m"],
    { from: { kind: "time", value: 10_000_000 - 3_600_000 }, until: { kind: "time", value: 10_000_000 - 1_800_000 } },
  ],
  [["5", "e@7"], { from: { kind: "offset", value: 5 }, until: { kind: "time", value: 7 } }],
  [["5", "end"], { from: { kind: "end" } }],
  [[], {}],
])("-o %j", (texts, offsets) => {
  expect(offsetsOf(texts, 10_000_000)).toEqual(offsets);
});

test.each([
  ["start", /kcat's word is beginning/],
  ["", /-o takes beginning, end, stored, N, -N, s@TIME or e@TIME/],
  ["1.5", /-o takes beginning/],
  ["s@", /-o s@ takes a time: milliseconds since 1970/],
  ["e@yesterday", /-o e@ takes a time/],
])("-o %j is refused with what is possible", (text, message) => {
  expect(() => offsetsOf([text], 0)).toThrow(message);
});

test("-p", () => {
  expect(partitionOf(optionsOf("-p", "4"))).toBe(4);
  expect(partitionOf(optionsOf("-p", "-1"))).toBeUndefined();
  expect(partitionOf(optionsOf())).toBeUndefined();
  expect(() => partitionOf(optionsOf("-p", "-2"))).toThrow(/-p must be a whole number from -1/);
});

test.each([
  [String.raw`\n`, "\n"],
  [String.raw`\t\n\n`, "\t\n\n"],
  [String.raw`\x54!\x45\x53T`, "T!EST"],
  [String.raw`\x30`, "0"],
  ["", ""],
  ["--", "--"],
])("-D %j as in kcat's own tests", (text, bytes) => {
  const read = delimiterOf(optionsOf("-D", text), "D");
  expect(Buffer.from(read ?? []).toString()).toBe(bytes);
});

test("-X: whole numbers and truths are such, but in names", () => {
  const texts = ["linger.ms=5", "enable.idempotence=false", "acks=all", "acks=-1", "client.id=007", "topic.acks=1"];
  expect([...propertiesOf(texts)]).toEqual([
    ["linger.ms", 5],
    ["enable.idempotence", false],
    ["acks", 1],
    ["client.id", "007"],
  ]);
  expect([...propertiesOf(["client.id=a=b", "interceptor.classes="])]).toEqual([
    ["client.id", "a=b"],
    ["interceptor.classes", ""],
  ]);
});

test.each([
  ["list", /options and their defaults stand in docs\/reference\/configuration\.md/],
  ["=5", /-X takes name=value/],
  ["sasl.password=hush", /every process.*--token-file/s],
  ["token=hush", /--token-file/],
])("-X %s is refused, and repeats no secret", (text, message) => {
  expect(() => propertiesOf([text])).toThrow(message);
  expect(() => propertiesOf([text])).not.toThrow(/hush/);
});

test.each([
  [["-b", "localhost"], "localhost:4092"],
  [["-b", "one,two:5,[::1],[::1]:6"], "one:4092,two:5,[::1]:4092,[::1]:6"],
  [["-X", "bootstrap.servers=three"], "three:4092"],
  [["-b", "http://four:7"], "four:7"],
  [[], "127.0.0.1:4092"],
])("%j is the broker %s", (argv, servers) => {
  const call = callOf(...argv);
  expect(bootstrapServers(catCall(call, propertiesOf(call.options.list("X"))))).toBe(servers);
});
