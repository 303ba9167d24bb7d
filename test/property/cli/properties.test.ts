// The grammar of configuration files: what is written is read back, and whatever the bytes are, reading ends well.

import fc from "fast-check";
import { expect, test } from "vitest";
import { parseProperties } from "../../../cli/src/commands/broker/properties.ts";
import { assignments } from "../../../cli/src/commands/broker/settings.ts";
import { parseSettings, settingDefinitions } from "../../../server/src/settings.ts";

test.each([
  ["a=1", [["a", "1", 1]]],
  ["  a.b-c = x y \t", [["a.b-c", "x y", 1]]],
  ["a: 1", [["a", "1", 1]]],
  ["a=b=c:d", [["a", "b=c:d", 1]]],
  ["a=", [["a", "", 1]]],
  ["# c\n! c\n\n a=1 # no comment", [["a", "1 # no comment", 4]]],
  [
    "a=1\r\nb=2\rc=3",
    [
      ["a", "1", 1],
      ["b", "2", 2],
      ["c", "3", 3],
    ],
  ],
  [
    "a=x,\\\n   y,\\\n z\nb=1",
    [
      ["a", "x,y,z", 1],
      ["b", "1", 4],
    ],
  ],
  [
    "a=x\\\\\nb=1",
    [
      ["a", "x\\", 1],
      ["b", "1", 2],
    ],
  ],
  ["a=\\u0041\\t\\n\\r\\f\\q\\=", [["a", "A\t\n\r\fq=", 1]]],
  ["a=\\u00", [["a", "u00", 1]]],
  ["\uFEFFa=1", [["a", "1", 1]]],
  ["a=1\\", [["a", "1", 1]]],
  [
    "__proto__=1\nconstructor=2",
    [
      ["__proto__", "1", 1],
      ["constructor", "2", 2],
    ],
  ],
])("%j is read", (text, expected) => {
  const { properties, problems } = parseProperties(text);
  expect(problems).toEqual([]);
  expect(properties.map(({ name, value, line }) => [name, value, line])).toEqual(expected);
});

test.each(["a", "=1", ":", "a b=1", "\\"])("%j is no property", (text) => {
  expect(parseProperties(`ok=1\n${text}`)).toEqual({
    properties: [{ name: "ok", value: "1", line: 1 }],
    problems: [{ line: 2, problem: "is no name=value" }],
  });
});

test("what is written with escapes is read back", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/);
  const value = fc.string({ unit: "grapheme" });
  const escaped = (text: string) =>
    text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (entries) => {
      const text = entries.map(([key, to]) => `${key}=${escaped(to)}`).join("\n");
      const { properties, problems } = parseProperties(text);
      expect(problems).toEqual([]);
      expect(properties.map((property) => [property.name, property.value])).toEqual(entries);
    }),
    { numRuns: 300 },
  );
});

test("20,000 texts of any kind: each line is a property, a problem, a comment or nothing, and nothing throws", () => {
  const piece = fc.constantFrom(
    "a",
    "=",
    ":",
    "\\",
    "\n",
    "\r\n",
    "#",
    "!",
    " ",
    "\t",
    "\\u",
    "0041",
    "\uFEFF",
    "\u0000",
    "é",
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("")),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(text, (given) => {
      const lineCount = given.split(/\r\n|\n|\r/).length;
      const { properties, problems } = parseProperties(given);
      if (properties.length + problems.length > lineCount) throw new Error("more than lines");
      let last = 0;
      for (const { line, name } of properties) {
        if (line <= last || line > lineCount || name === "" || /[\s=:]/.test(name)) throw new Error(`bad ${name}`);
        last = line;
      }
    }),
    { numRuns: 20_000 },
  );
});

test("20,000 settings of any kind are read or refused, and what is read lies in its range", () => {
  const names = Object.keys(settingDefinitions);
  const name = fc.oneof(
    fc.constantFrom(...names),
    fc.string(),
    fc.constantFrom("__proto__", "constructor", "toString"),
  );
  const value = fc.oneof(fc.string(), fc.integer().map(String), fc.anything(), fc.constantFrom("true", "false", "-1"));
  fc.assert(
    fc.property(name, value, (setting, given) => {
      const { settings, problems } = parseSettings(Object.fromEntries([[setting, given]]));
      if (Object.keys(settings).length !== names.length) throw new Error("a setting is missing");
      if (!names.includes(setting) && given !== undefined && problems.length === 0)
        throw new Error("unknown, and taken");
      for (const [known, definition] of Object.entries(settingDefinitions)) {
        const read = settings[known as keyof typeof settings];
        if (typeof read !== (definition.type === "integer" ? "number" : definition.type)) throw new Error(known);
        if (
          typeof read === "number" &&
          definition.type === "integer" &&
          (read < definition.min || read > definition.max)
        )
          throw new Error(`${known}=${read}`);
      }
    }),
    { numRuns: 20_000 },
  );
});

test("20,000 assignments of --set are read or refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      try {
        const [[name] = [""]] = [...assignments("--set", [text])];
        if (!text.startsWith(name) && !text.trimStart().startsWith(name)) throw new Error(`${text} gave ${name}`);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "UsageError") throw error;
      }
    }),
    { numRuns: 20_000 },
  );
});
