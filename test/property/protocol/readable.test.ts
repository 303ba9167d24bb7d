// JSON that is not to be changed: the scanner against JSON.parse, and records in readable form, both ways.

import { ProtocolError } from "@brooklet/protocol";
import { parseRecords, readRecord, recordJson, recordPaths } from "@brooklet/protocol/readable";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cutValues, EACH, isSpliceable } from "../../../protocol/src/readable/json-text.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

const RUNS = 20_000;
const bounds = { maxValues: 100 };
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const textOf = (bytes: Uint8Array | undefined) => decoder.decode(bytes);

/** JSON texts as people and programs write them, and every mistake near them. */
const space = fc.constantFrom("", "", "", " ", "\n", "\t \r");
const scalar = fc.oneof(
  fc.constantFrom("0", "-0", "1.0", "1e400", "-1E-7", "12345678901234567890", "0.10", "true", "false", "null"),
  fc.constantFrom('""', '"\\u0061"', '"\\ud800"', '"\\/\\"\\\\"', '"a,]}{["', '"é\u{1f600}"', '"\u007f"'),
  fc.json({ maxDepth: 1 }),
);
const nameText = fc.constantFrom('"value"', '"v\\u0061lue"', '"records"', '"__proto__"', '"x"', '"val"', '"values"');
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    scalar,
    fc.tuple(space, fc.array(tie("value"), { maxLength: 3 })).map(([gap, items]) => `[${gap}${items.join(`${gap},`)}]`),
    fc
      .tuple(space, fc.array(fc.tuple(nameText, tie("value")), { maxLength: 3 }))
      .map(([gap, items]) => `{${gap}${items.map(([name, value]) => `${name}${gap}:${gap}${value}`).join(`,${gap}`)}}`),
  ),
})).value;
const brokenText = fc
  .tuple(
    jsonText,
    fc.nat(),
    fc.constantFrom("", ",", "]", "}", '"', "0", ".", "e", "-", "\\", ":", "[", "{", "\u0001", "n"),
  )
  .map(([text, place, extra]) => {
    const at = text.length === 0 ? 0 : place % text.length;
    return text.slice(0, at) + extra + text.slice(at + (place % 3 === 0 ? 0 : 1));
  });

const parses = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const cut = (text: string, path: readonly (string | typeof EACH)[]) => {
  try {
    return cutValues(Buffer.from(text), path, bounds);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "INVALID_REQUEST") return undefined;
    throw error;
  }
};

test("what is JSON for JSON.parse is JSON here, and nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(jsonText, brokenText, fc.string()), (text) => {
      // A lone surrogate is no UTF-8, so it never arrives.
      fc.pre(text.isWellFormed());
      expect(cut(text, ["absent"]) !== undefined, text).toBe(parses(text));
    }),
    { numRuns: RUNS },
  );
});

test("cutting and putting back gives the same text, and the same values as JSON.parse", () => {
  const paths: (string | typeof EACH)[][] = [
    ["value"],
    ["records", EACH, "value"],
    [EACH, "value"],
    [EACH, EACH, "value"],
    [],
  ];
  fc.assert(
    fc.property(jsonText, fc.constantFrom(...paths), (text, path) => {
      const { rest, values } = cut(text, path) ?? expect.fail("it is JSON");
      const at = (value: unknown, level: number): unknown => {
        if (level === path.length) return value === null ? null : JSON.parse(textOf(values.at(value as number)));
        const step = path[level];
        if (typeof step === "symbol") return Array.isArray(value) ? value.map((item) => at(item, level + 1)) : value;
        if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
        // Through JSON.parse's own eyes: __proto__ is an ordinary name for it.
        return Object.fromEntries(
          Object.entries(value).map(([name, item]) => [name, name === step ? at(item, level + 1) : item]),
        );
      };
      expect(at(JSON.parse(textOf(rest)), 0)).toEqual(JSON.parse(text));
    }),
    { numRuns: RUNS },
  );
});

const hostileBytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text))),
  jsonText.map((text) => new Uint8Array(Buffer.from(text))),
  brokenText.map((text) => new Uint8Array(Buffer.from(text))),
);
const nullable = fc.option(hostileBytes, { nil: null });
const record = fc.record({
  offset: fc.nat(),
  timestamp: fc.oneof(fc.constant(-1), fc.nat()),
  key: nullable,
  value: nullable,
  headers: fc.array(fc.record({ key: fc.string({ unit: "binary", maxLength: 5 }), value: nullable }), { maxLength: 3 }),
});
const plain = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString("hex"));

test("what is read can be posted again, and is the same bytes", () => {
  fc.assert(
    fc.property(record, (given) => {
      const line = recordJson(given, { topic: "t", partition: 3 });
      expect(line).not.toMatch(/[\n\r]/);
      expect(() => JSON.parse(line)).not.toThrow();
      for (const [path, text] of [
        [recordPaths.record, line],
        [recordPaths.list, `{"records":[${line}]}`],
        [recordPaths.produce, `{"acks":-1,"partitions":[{"records":[${line}]}]}`],
      ] as const) {
        const { fields, values } = parseRecords(Buffer.from(text), path, bounds);
        const [partition] = (fields.partitions ?? [fields]) as { records?: unknown[] }[];
        const json = path === recordPaths.record ? fields : partition?.records?.[0];
        const { record: again, ...place } = readRecord(json, values, 0);
        expect(place.partition).toBe(3);
        expect(again.timestamp).toBe(given.timestamp);
        expect(plain(again.key)).toBe(plain(given.key));
        expect(plain(again.value)).toBe(plain(given.value));
        expect(again.headers.map(({ key, value }) => [key, plain(value)])).toEqual(
          given.headers.map(({ key, value }) => [key, plain(value)]),
        );
      }
    }),
    { numRuns: fuzzRuns(RUNS / 4) },
  );
});

test.each([
  ['{"n":12345678901234567890}', true],
  ["1.0", true],
  ["1e400", true],
  ['{"a":1,"a":2}', true],
  ['"\\u0061\\ud800"', true],
  ['{"__proto__":{"x":1}}', true],
  ["[1, 2]", true],
  ['"plain"', true],
  [`${"[".repeat(32)}${"]".repeat(32)}`, true],
  [`${"[".repeat(33)}${"]".repeat(33)}`, false],
  ["null", false],
  ["[null]", true],
  [" 1", false],
  ["1 ", false],
  ["[1,\n2]", false],
  ["\ufeff1", false],
  ["plain", false],
  ["01", false],
  ["", false],
  ["NaN", false],
])("%s goes into an answer as JSON: %s", (text, spliced) => {
  expect(isSpliceable(Buffer.from(text))).toBe(spliced);
  const line = recordJson({ offset: 0, timestamp: 0, key: null, value: Buffer.from(text), headers: [] });
  expect(line).toContain(spliced ? `"value":${text}` : `"valueText":${JSON.stringify(text)}`);
});

test("a name that repeats counts once, the last time; names may be escaped; a value is cut where it counts only", () => {
  const one = (text: string) => {
    const { fields, values } = parseRecords(Buffer.from(text), recordPaths.record, bounds);
    return textOf(readRecord(fields, values, 0).record.value as Uint8Array);
  };
  expect(one('{"value":1,"value":{"a":2.0}}')).toBe('{"a":2.0}');
  expect(one('{"v\\u0061lue" : 9007199254740993 }')).toBe("9007199254740993");
  expect(one('{"x":{"value":1},"value":[ 1 ],"headers":[{"key":"value","value":"2"}]}')).toBe("[ 1 ]");
});

test("time grows with the length, not faster: deep, long and wide bodies are refused or read at once", () => {
  const refused = (text: string) => expect(cut(text, ["records", EACH, "value"])).toBeUndefined();
  refused("[".repeat(1_000_000));
  refused(`{"records":[{"value":${"[".repeat(1_000_000)}`);
  refused(`{"records":[${'{"value":1},'.repeat(101)}{}]}`);
  expect(cut(`{"records":[{"value":"${"x".repeat(5_000_000)}"}]}`, ["records", EACH, "value"])?.rest.length).toBe(25);
  refused('{"records":[{"value":"');
  expect(() => cutValues(Uint8Array.of(0x22, 0xff, 0x22), [], bounds)).toThrow("not UTF-8");
});
