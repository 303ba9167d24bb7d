// What clients and the command read as text: addresses, durations, where consume begins, lines and records of lines, tokens in
// JAAS lines. Whatever the text is, it is read or refused in our words; nothing else is thrown.

import { ConfigError } from "@brooklet/client";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseInteger } from "../../../cli/src/call.ts";
import { parseLogLevel } from "../../../cli/src/commands/broker/logger.ts";
import { linesOf } from "../../../cli/src/commands/records/lines.ts";
import { recordLine, recordOfLine } from "../../../cli/src/commands/records/readable.ts";
import { UsageError } from "../../../cli/src/exits.ts";
import { parsePlace } from "../../../cli/src/places.ts";
import { parseAdminConfig } from "../../../client-sdk/src/config/admin.ts";
import { parseDurationMs } from "../../../client-sdk/src/config/duration.ts";
import { parseServers } from "../../../client-sdk/src/config/servers.ts";
import { idProblem, topicNameProblem } from "../../../protocol/src/names.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

const near = (...pieces: string[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  );

function orUsage<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

test("bootstrap.servers: what is taken can be connected to, what is not is named", () => {
  const text = near(
    "localhost",
    ":",
    "4092",
    ",",
    " ",
    "127.0.0.1",
    "[::1]",
    "256.1.1.1",
    "0",
    "70000",
    "http://",
    "@",
    "a-b",
    "[",
    "]",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        fc.array(text, { maxLength: 3 }),
        fc.constantFrom(null, undefined, 4092, {}, [[]], [null], Symbol.iterator),
      ),
      (servers) => {
        const { addresses, problems } = parseServers(servers);
        if (problems.length > 0) return;
        expect(addresses.length).toBeGreaterThan(0);
        for (const address of addresses) {
          const { host, pathname, username } = new URL(`ws://${address}`);
          expect([host === "" ? "" : "host", pathname, username]).toEqual(["host", "/", ""]);
        }
      },
    ),
    { numRuns: fuzzRuns(3_000) },
  );
});

test("durations: the sum of their parts, by the book", () => {
  const part = fc.option(fc.integer({ min: -999, max: 9_999 }), { nil: undefined });
  fc.assert(
    fc.property(part, part, part, part, fc.boolean(), (days, hours, minutes, seconds, isNegative) => {
      const time = [
        hours === undefined ? "" : `${hours}H`,
        minutes === undefined ? "" : `${minutes}M`,
        seconds === undefined ? "" : `${seconds}S`,
      ].join("");
      const text = `${isNegative ? "-" : ""}P${days === undefined ? "" : `${days}D`}${time === "" ? "" : `T${time}`}`;
      const sum = (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
      const isNone = days === undefined && time === "";
      const wanted = isNone ? undefined : (isNegative ? -sum : sum) * 1_000;
      // +0 and -0 are one duration.
      expect((parseDurationMs(text) ?? Number.NaN) + 0).toBe((wanted ?? Number.NaN) + 0);
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("durations: any text is one in whole milliseconds, or none", () => {
  const text = near("P", "T", "1", "D", "H", "M", "S", "-", "+", ".", ",", "5", "p", "t", "Y", "999999999999999");
  fc.assert(
    fc.property(text, (duration) => {
      const ms = parseDurationMs(duration);
      if (ms === undefined) return;
      expect(Number.isSafeInteger(ms)).toBe(true);
      expect(duration).toMatch(/^[-+]?P/i);
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("consume -o: each form means itself, all else is a usage error", () => {
  const text = near("start", "end", "stored", "@", "-", "1", "007", " ", "+", ".", "e");
  fc.assert(
    fc.property(text, (where) => {
      const place = orUsage(() => parsePlace("--offset", where, 0));
      const wanted = /^(start|end|stored)$/.test(where) || /^[@+-]?\d{1,15}$/.test(where);
      expect(place !== undefined).toBe(wanted);
      if (place === undefined) return;
      if (!("value" in place)) expect(where).toBe(place.kind);
      else {
        expect(where).toMatch({ offset: /^\d+$/, first: /^\+\d+$/, last: /^-\d+$/, time: /^@\d+$/ }[place.kind]);
        expect(place.value).toBe(Number(where.replace(/^[-+@]/, "")));
      }
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("numbers and levels on the command line", () => {
  fc.assert(
    fc.property(
      near("1", "-", "0", "9", "e", ".", " ", "0x", "info", "warn", "INFO", "９"),
      fc.integer(),
      (text, min) => {
        const number = orUsage(() => parseInteger("--max", text, min));
        const isGood = /^-?[0-9]+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) >= min;
        expect(number).toBe(isGood ? Number(text) : undefined);
        expect(orUsage(() => parseLogLevel(text))).toBe(
          ["debug", "info", "warn", "error"].find((level) => level === text),
        );
      },
    ),
    { numRuns: fuzzRuns(5_000) },
  );
});

test("lines: the same ones however the bytes are cut", async () => {
  const bytes = fc.array(fc.constantFrom(0x0a, 0x0d, 0x61, 0xff), { maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat({ max: 24 }), { maxLength: 4 }), async (all, cuts) => {
      const places = [0, ...cuts.map((cut) => Math.min(cut, all.length)), all.length].sort((a, b) => a - b);
      async function* chunks() {
        for (const [at, from] of places.entries()) yield Uint8Array.from(all.slice(from, places[at + 1] ?? from));
      }
      const found: string[] = [];
      for await (const lines of linesOf(chunks()))
        for (const line of lines) found.push(Buffer.from(line).toString("latin1"));
      const expected = Buffer.from(all).toString("latin1").split("\n");
      if (expected.at(-1) === "") expected.pop();
      expect(found).toEqual(expected);
    }),
    { numRuns: fuzzRuns(5_000) },
  );
});

test("a record of a line: any bytes are one or a usage error; what is printed is read back", () => {
  const data = fc.option(fc.uint8Array({ maxLength: 12 }), { nil: null });
  const record = fc.record({
    offset: fc.maxSafeNat(),
    timestamp: fc.nat(),
    key: data,
    value: data,
    headers: fc.array(fc.record({ key: fc.string({ maxLength: 5 }), value: data }), { maxLength: 2 }),
  });
  const plain = (bytes: Uint8Array | null | undefined) => (bytes == null ? null : Buffer.from(bytes).toString("hex"));
  fc.assert(
    fc.property(record, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 }), (given, changes) => {
      const line = Buffer.from(
        recordLine({ ...given, topic: "t", partition: 3, leaderEpoch: 0, timestampType: "CreateTime" }),
      );
      const read = recordOfLine(line);
      expect([read.partition, read.timestamp, plain(read.key), plain(read.value)]).toEqual([
        3,
        given.timestamp,
        plain(given.key),
        plain(given.value),
      ]);
      for (const [at, byte] of changes) line[at % line.length] = byte;
      orUsage(() => recordOfLine(line));
    }),
    { numRuns: fuzzRuns(1_000) },
  );
});

test("a JAAS line: its password is the token, or the refusal repeats nothing of it", () => {
  const SECRET = "canary-0123456789abcdef";
  const text = near(
    "org.Login required ",
    "username=",
    "password=",
    `"${SECRET}"`,
    `'${SECRET}'`,
    SECRET,
    ";",
    " ",
    '"',
    "=",
  );
  let taken = 0;
  fc.assert(
    fc.property(text, (jaas) => {
      try {
        const settings = parseAdminConfig({
          "bootstrap.servers": "localhost:4092",
          "security.protocol": "SASL_PLAINTEXT",
          "sasl.mechanism": "PLAIN",
          "sasl.jaas.config": jaas,
        });
        expect(settings.token).toBeDefined();
        // Not even by accident: a secret is not printed.
        expect(JSON.stringify(settings)).not.toContain(SECRET);
        taken++;
      } catch (error) {
        if (!ConfigError.is(error)) throw error;
        expect((error as Error).message).not.toContain(SECRET);
      }
    }),
    { numRuns: fuzzRuns(2_000) },
  );
  expect(taken).toBeGreaterThan(10);
});

test("names of topics and groups: Kafka's rule, and nothing else", () => {
  const name = near("a", "Z", "0", ".", "_", "-", "/", " ", "é", "__proto__", "x".repeat(83));
  fc.assert(
    fc.property(name, (text) => {
      const isTopic = /^[a-zA-Z0-9._-]{1,249}$/.test(text) && text !== "." && text !== "..";
      expect(topicNameProblem(text) === undefined).toBe(isTopic);
      const problem = idProblem("group id", text);
      expect(problem === undefined || typeof problem === "string").toBe(true);
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});
