// kcat's formats: each token, each escape, null against empty, and bytes that are no text.

import { expect, test } from "vitest";
import { ByteSink } from "../../../cli/src/commands/records/byte-sink.ts";
import { formatOf, formatTokens, parseFormat, unescaped } from "../../../cli/src/commands/records/format.ts";

const record = {
  topic: "orders",
  partition: 3,
  offset: 41,
  leaderEpoch: 0,
  timestamp: 1_700_000_000_123,
  timestampType: "CreateTime" as const,
  key: Buffer.from("anna") as Uint8Array | null,
  value: Uint8Array.of(0xff, 0x00, 0x0a) as Uint8Array | null,
  headers: [
    { key: "a", value: Buffer.from("1") },
    { key: "a", value: null },
    { key: "ü", value: new Uint8Array(0) },
  ],
};

function written(format: string, fields: Partial<typeof record> = {}, options?: { nullText: string }): string {
  const sink = new ByteSink();
  formatOf(format, options)({ ...record, ...fields }, sink);
  return Buffer.from(sink.take()).toString("latin1");
}

test.each([
  ["%t", "orders"],
  ["%p", "3"],
  ["%o", "41"],
  ["%k", "anna"],
  ["%K", "4"],
  ["%s", "\xff\x00\n"],
  ["%S", "3"],
  ["%R", "\0\0\0\x03"],
  ["%T", "1700000000123"],
  ["%h", "a=1,a=NULL,\xc3\xbc="],
  ["%%", "%"],
  ["%%s", "%s"],
  ["", ""],
  ["Topic %t [%p] at offset %o: key %k\\n", "Topic orders [3] at offset 41: key anna\n"],
])("%j", (format, expected) => {
  expect(written(format)).toBe(expected);
});

test("null is nothing, or the null text; its length is -1; empty is neither", () => {
  const nothing = { key: null, value: null, headers: [] };
  expect(written("%k,%s,%K,%S,%R,%h", nothing)).toBe(",,-1,-1,\xff\xff\xff\xff,");
  expect(written("%k,%s,%K,%S,%h", nothing, { nullText: "NULL" })).toBe("NULL,NULL,-1,-1,");
  const empty = { key: new Uint8Array(0), value: new Uint8Array(0) };
  expect(written("%k,%s,%K,%S,%R", empty, { nullText: "NULL" })).toBe(",,0,0,\0\0\0\0");
});

test.each([
  ["\\n\\r\\t", "\n\r\t"],
  ["\\x1e\\xFf\\x4", "\x1e\xff\x04"],
  ["\\x00", "\0"],
  ["\\x1ef", "\x1ef"],
  ["\\0\\65\\0101\\08\\255", "\0AA\x008\xff"],
  ["\\\\n", "\\n"],
  ["\\%p", "\\3"],
  ["\\q\\,", "q,"],
  ["end\\", "end\\"],
  ["ä", "\xc3\xa4"],
])("%j escapes", (format, expected) => {
  expect(written(format)).toBe(expected);
});

test("a number that is no byte, and a token that is none, are refused by name", () => {
  expect(() => unescaped("a\\256")).toThrow(/\\256 is no byte/);
  expect(() => parseFormat("%t %x")).toThrow(/no token %x; there are %s %S %R %k %K %T %h %t %p %o and %%/);
  expect(() => parseFormat("50%")).toThrow(/no token %;/);
  for (const name of ["__proto__", "constructor"]) expect(() => parseFormat(`%${name}`)).toThrow(/no token/);
});

test("pieces are tokens and what stands between them, without empty ones", () => {
  const pieces = parseFormat("a%%b%k%s\\n");
  expect(pieces.map((piece) => (typeof piece === "string" ? piece : [Buffer.from(piece).toString()]))).toEqual([
    ["a%b"],
    "k",
    "s",
    ["\n"],
  ]);
  expect(Object.keys(formatTokens).every((letter) => parseFormat(`%${letter}`)[0] === letter)).toBe(true);
});

test("what was taken from a sink stays as it was, however much follows", () => {
  const sink = new ByteSink();
  sink.text("first");
  const first = sink.take();
  sink.bytes(new Uint8Array(200_000).fill(7));
  sink.text("é😀");
  sink.int32(-2);
  expect(sink.size).toBe(200_010);
  const second = Buffer.from(sink.take());
  expect(Buffer.from(first).toString()).toBe("first");
  expect(second.subarray(0, 200_000).every((byte) => byte === 7)).toBe(true);
  expect(second.subarray(200_000, 200_006).toString()).toBe("é😀");
  expect(second.readInt32BE(200_006)).toBe(-2);
  expect(sink.size).toBe(0);
});
