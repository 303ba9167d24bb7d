// What the broker reads as text: positions of streams, query values, hosts and origins, lines of records, patterns and values of
// topic configurations. Whatever the text is, it is read or refused in the words of the protocol; nothing else is thrown.

import { ProtocolError } from "@brooklet/protocol";
import { systemClock } from "@brooklet/protocol/world";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Patterns } from "../../../server/src/groups/patterns.ts";
import { parseHost } from "../../../server/src/hosts.ts";
import { Guard } from "../../../server/src/listeners/guard.ts";
import { Lines } from "../../../server/src/listeners/http-ndjson.ts";
import { isolationOf, numberOf } from "../../../server/src/listeners/http-query.ts";
import { formatPositions, parsePositions } from "../../../server/src/listeners/stream-positions.ts";
import { checkTopicConfigs, topicConfigDefinitions } from "../../../server/src/log/topic-configs.ts";
import { digestOf, digestsOf, isKnownToken } from "../../../server/src/tokens.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

/** The value, or undefined when it was refused with one of these codes. */
function orRefused<T>(codes: readonly string[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (!codes.includes(error.code)) throw error;
    return undefined;
  }
}

/** Text that is near the grammar whose characters these are, or any. */
const near = (...pieces: string[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  );

const offsets = fc.uniqueArray(fc.tuple(fc.nat(), fc.maxSafeNat()), {
  selector: ([partition]) => partition,
  minLength: 1,
  maxLength: 20,
});

test("stream positions: what is written is read back", () => {
  const topicId = fc.stringMatching(/^[A-Za-z0-9_-]{22}$/);
  fc.assert(
    fc.property(offsets, topicId, (pairs, id) => {
      const read = parsePositions(formatPositions(new Map(pairs), id));
      expect([...read.offsets]).toEqual(pairs);
      expect(read.topicId).toBe(id);
    }),
    { numRuns: fuzzRuns(3_000) },
  );
});

test("stream positions: any text is positions, or refused; what is taken means what it says", () => {
  const text = near(
    "0",
    "1",
    "15",
    "9007199254740992",
    ":",
    ",",
    "@",
    "-",
    " ",
    "topic",
    "0:1",
    "1:20",
    "+1",
    "0x1",
    "１",
  );
  let taken = 0;
  fc.assert(
    fc.property(text, (from) => {
      const read = orRefused(["INVALID_REQUEST"], () => parsePositions(from));
      if (read === undefined) return;
      taken++;
      // Leading zeros apart, it is the text that would be written.
      const list = [...read.offsets].map(([partition, offset]) => `${partition}:${offset}`).join(",");
      const [given = "", topicId] = from.split("@");
      expect([given.replace(/(^|[,:])0+(?=\d)/g, "$1"), topicId]).toEqual([list, read.topicId]);
    }),
    { numRuns: fuzzRuns(20_000) },
  );
  expect(taken).toBeGreaterThan(10);
});

test("numbers and isolation in a query", () => {
  const value = fc.oneof(
    near("0", "9", "1", "-", "+", ".", "e", " ", "0x", "９"),
    fc.array(fc.string({ maxLength: 3 }), { maxLength: 2 }),
    fc.constant(undefined),
    fc.maxSafeNat().map(String),
  );
  fc.assert(
    fc.property(value, fc.nat({ max: 100 }), fc.maxSafeNat(), (text, min, max) => {
      const number = orRefused(["INVALID_REQUEST"], () => numberOf(text, "maxBytes", min, max));
      const isGood = typeof text === "string" && /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(Number(text));
      if (isGood && Number(text) >= min && Number(text) <= max) expect(number).toBe(Number(text));
      else expect(number).toBeUndefined();
      const isolation = orRefused(["INVALID_REQUEST"], () => isolationOf({ isolation: text }));
      expect(isolation).toBe(text === undefined ? "read_uncommitted" : undefined);
    }),
    { numRuns: fuzzRuns(4_000) },
  );
});

const hostText = near(
  "localhost",
  "127.0.0.1",
  "[::1]",
  "evil.test",
  ".",
  ":",
  "4092",
  "@",
  "/",
  "%00",
  "a",
  "LOCALHOST",
  "٣",
);

test("hosts: nothing throws, and what is read is exactly what stands there", () => {
  fc.assert(
    fc.property(hostText, (text) => {
      const host = parseHost(text);
      if (host === undefined) return;
      expect(text.toLowerCase()).toBe(host.port === undefined ? host.name : `${host.name}:${host.port}`);
    }),
    { numRuns: fuzzRuns(20_000) },
  );
});

test("the guard lets no request pass whose host or origin is not one of its own", () => {
  const guard = new Guard({ allowedHosts: ["broker.test"], allowedOrigins: ["https://console.test"] });
  guard.opened(4092);
  const origin = fc.option(
    fc.oneof(
      hostText.map((host) => `http://${host}`),
      near("https://console.test", "http://", "null", "localhost:4092", ".", "evil"),
    ),
    { nil: undefined },
  );
  const site = fc.option(near("same-origin", "none", "cross-site", "same-site"), { nil: undefined });
  fc.assert(
    fc.property(hostText, origin, site, (host, from, fetchSite) => {
      const headers = {
        host,
        ...(from === undefined ? {} : { origin: from }),
        ...(fetchSite === undefined ? {} : { "sec-fetch-site": fetchSite }),
      };
      const rawHeaders = Object.entries(headers).flat();
      if (guard.check({ url: "/v1/status", headers, rawHeaders }) !== undefined) return;
      expect(host.toLowerCase()).toMatch(
        /^(([a-z0-9-]+\.)*localhost:4092|127\.\d+\.\d+\.\d+:4092|\[::1\]:4092|broker\.test(:\d+)?)$/,
      );
      if (from !== undefined) expect([`http://${host.toLowerCase()}`, "https://console.test"]).toContain(from);
      else expect([undefined, "same-origin", "none"]).toContain(fetchSite);
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("lines of a body: the same lines however the bytes are cut, and one too long costs itself only", () => {
  const MAX_BYTES = 12;
  const line = fc.array(fc.constantFrom(0x20, 0x7b, 0x22, 0x61, 0xff, 0x0d), { maxLength: 16 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.array(fc.nat({ max: 60 }), { maxLength: 6 }), (lines, cuts) => {
      const bytes = Uint8Array.from(lines.flatMap((each) => [...each, 0x0a]).slice(0, -1));
      const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
        (a, b) => a - b,
      );
      const cutter = new Lines(MAX_BYTES);
      const found = places.flatMap((from, at) => [...cutter.push(bytes.subarray(from, places[at + 1] ?? from))]);
      const last = cutter.end();
      if (last !== undefined) found.push(last);
      const expected = (lines.at(-1)?.length === 0 ? lines.slice(0, -1) : lines).map((each) =>
        each.length > MAX_BYTES ? "MESSAGE_TOO_LARGE" : Buffer.from(each).toString("hex"),
      );
      expect(
        found.map((each) => (each instanceof ProtocolError ? each.code : Buffer.from(each).toString("hex"))),
      ).toEqual(expected);
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("patterns: any text is RE2 or refused, at once, and matching it never throws", () => {
  const patterns = new Patterns({
    catalog: { topics: () => [] } as never,
    clock: systemClock,
    maxLength: 256,
    onMatched() {},
  });
  const text = near(
    "a",
    ".",
    "*",
    "+",
    "?",
    "(",
    ")",
    "[",
    "]",
    "|",
    "\\",
    "{2}",
    "{1000}",
    "\\p{L}",
    "(?i)",
    "\\1",
    "^",
    "$",
    "(?=",
    "(?:",
  );
  let taken = 0;
  fc.assert(
    fc.property(text, fc.constantFrom("orders", "a", "aa", "x.y", "__proto__"), (pattern, topic) => {
      const isTaken =
        orRefused(["INVALID_REGULAR_EXPRESSION"], () => {
          patterns.check(pattern);
          return true;
        }) === true;
      if (!isTaken) return;
      taken++;
      expect(typeof patterns.matches(pattern, topic)).toBe("boolean");
    }),
    { numRuns: fuzzRuns(3_000) },
  );
  expect(taken).toBeGreaterThan(100);
});

test("topic configurations: any name and value is taken or refused with INVALID_CONFIG", () => {
  const name = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...topicConfigDefinitions.keys()) },
    { weight: 1, arbitrary: near("retention", ".", "ms", "__proto__", "constructor") },
  );
  const value = fc.oneof(
    fc.constant(null),
    near(
      "0",
      "1",
      "-1",
      "e9",
      ".",
      " ",
      "CreateTime",
      "LogAppendTime",
      "delete",
      "compact",
      ",",
      "true",
      "FALSE",
      "0x",
      "NaN",
    ),
    fc.maxSafeInteger().map(String),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (pairs) => {
      const configs = Object.fromEntries(pairs);
      const isTaken = orRefused(["INVALID_CONFIG"], () => checkTopicConfigs("orders", configs) === undefined) === true;
      if (isTaken) for (const key of Object.keys(configs)) expect(topicConfigDefinitions.has(key)).toBe(true);
    }),
    { numRuns: fuzzRuns(4_000) },
  );
});

test("tokens: what is taken is known by itself only, what is refused is not repeated", () => {
  const token = fc.oneof(
    fc.string({ unit: "grapheme-ascii", minLength: 10, maxLength: 30 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.stringMatching(/^[!-~]{16,40}$/),
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 3 }), token, (tokens, other) => {
      const { digests, problems } = digestsOf(tokens);
      expect(digests.length === 0).toBe(problems.length > 0);
      for (const one of tokens) {
        if (digests.length > 0) expect(isKnownToken(one, digests)).toBe(true);
        else if (one.length > 12) expect(problems.join()).not.toContain(one);
      }
      expect(isKnownToken(other, digests)).toBe(digests.length > 0 && tokens.includes(other));
      expect(digestOf(other)).toHaveLength(32);
    }),
    { numRuns: fuzzRuns(5_000) },
  );
});
