// Text in columns, and tables and fields at any width: nothing is cut away, nothing is wider than it may be.

import fc from "fast-check";
import { expect, test } from "vitest";
import { fieldLines, table, tableLines } from "../../../cli/src/table.ts";
import { clipped, padded, widthOf, wrapped, wrappedCommand, wrappedOutline } from "../../../cli/src/text.ts";

test("wide characters count twice, marks and control characters not at all", () => {
  expect([
    widthOf("abc"),
    widthOf("größe"),
    widthOf("日本"),
    widthOf("e\u0301"),
    widthOf("😀"),
    widthOf("\u0007"),
  ]).toEqual([3, 5, 4, 1, 2, 0]);
  expect(padded("日本", 6)).toBe("日本  ");
  expect(clipped("日本語", 4)).toBe("日…");
  expect(clipped("abc", 3)).toBe("abc");
});

test("lines are broken between words; a word that is too long stays whole", () => {
  expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
  expect(wrapped("a http://very.long.example/path b", 10)).toEqual(["a", "http://very.long.example/path", "b"]);
  expect(wrappedOutline("head\n  indented text here", 15)).toEqual(["head", "  indented text", "  here"]);
});

test("property: wrapping loses no word, and no line of several words is too wide", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-zé日]{1,12}$/)), fc.integer({ min: 1, max: 60 }), (words, width) => {
      const lines = wrapped(words.join(" "), width);
      expect(lines.join(" ")).toBe(words.join(" "));
      for (const line of lines) expect(!line.includes(" ") || widthOf(line) <= width).toBe(true);
    }),
  );
});

test("a broken command is still the same command: quotes stay whole", () => {
  const line = `printf 'anna,2 apples\\nben,1 pear\\n' | brooklet produce "or ders" -k ,`;
  const lines = wrappedCommand(line, 36);
  expect(lines).toEqual([
    "printf \\",
    "    'anna,2 apples\\nben,1 pear\\n' \\",
    '    | brooklet produce "or ders" \\',
    "    -k ,",
  ]);
  expect(lines.join("\n").replace(/ \\\n +/g, " ")).toBe(line);
});

const head = ["TOPIC", "PARTITIONS", "REASON"];
const rows = [
  ["orders", 3, "a member left because its session ended after a while"],
  ["a", 12, ""],
];

test("a table that fits, and every table in a pipe, has one line a row", () => {
  const whole = table(head, rows);
  expect(whole.split("\n")).toHaveLength(3);
  expect(
    tableLines(head, rows, 200)
      .map(({ text }) => text)
      .join("\n"),
  ).toBe(whole);
});

test("where the table does not fit the last column is broken, then each row is a block", () => {
  const at = (columns: number) => tableLines(head, rows, columns).map(({ text }) => text);
  expect(at(50)).toEqual([
    "TOPIC   PARTITIONS  REASON",
    "orders  3           a member left because its",
    "                    session ended after a while",
    "a       12",
  ]);
  expect(at(34)).toEqual([
    "orders",
    "  PARTITIONS  3",
    "  REASON      a member left",
    "              because its session",
    "              ended after a while",
    "a",
    "  PARTITIONS  12",
  ]);
  for (let columns = 26; columns < 120; columns++)
    for (const line of at(columns)) expect(widthOf(line)).toBeLessThanOrEqual(columns);
});

test("a table of two columns that does not fit needs no heads", () => {
  const lines = tableLines(
    ["PROPERTY", "VALUE"],
    [
      ["cluster id", "an id of words and more"],
      ["url", "http://127.0.0.1:4092"],
    ],
    26,
  );
  expect(lines.map(({ text }) => text)).toEqual([
    "cluster id  an id of words",
    "            and more",
    "url",
    "  http://127.0.0.1:4092",
  ]);
});

test("fields stand beside their names, or below them where they do not fit; commands can be copied", () => {
  const fields = [
    { name: "url", value: "http://127.0.0.1:4092" },
    { name: "data file", value: "/a/folder/with/a/long/name/brooklet.db" },
    { name: "try it", value: 'echo "hello" | brooklet produce greetings', isCommand: true },
  ];
  expect(fieldLines(fields, undefined)[2]).toBe('  try it     echo "hello" | brooklet produce greetings');
  expect(fieldLines(fields, 40)).toEqual([
    "  url        http://127.0.0.1:4092",
    "  data file",
    "    /a/folder/with/a/long/name/brooklet.db",
    "  try it",
    '    echo "hello" | brooklet produce \\',
    "      greetings",
  ]);
});
