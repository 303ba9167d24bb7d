// Records as lines of JSON: exact in both directions, whatever the bytes.

import fc from "fast-check";
import { expect, test } from "vitest";
import { recordLine, recordOfLine } from "../../../cli/src/commands/records/readable.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: "binary", maxLength: 20 });
const nullable = (arbitrary: fc.Arbitrary<Uint8Array>) => fc.option(arbitrary, { nil: null });
const mixed = fc.oneof(
  bytes,
  text.map((value) => new Uint8Array(Buffer.from(value))),
);

function record(fields: {
  key?: Uint8Array | null;
  value?: Uint8Array | null;
  headers?: { key: string; value: Uint8Array | null }[];
}) {
  return {
    topic: "from",
    partition: 2,
    offset: 7,
    leaderEpoch: 0,
    timestamp: 1_000,
    timestampType: "CreateTime" as const,
    key: null,
    value: null,
    headers: [],
    ...fields,
  };
}

const plain = (value: Uint8Array | null | undefined) => (value ? [...value] : value);

test("a line says exactly the record it was made of", () => {
  fc.assert(
    fc.property(
      nullable(mixed),
      nullable(mixed),
      fc.array(fc.record({ key: text, value: nullable(mixed) }), { maxLength: 3 }),
      (key, value, headers) => {
        const line = recordLine(record({ key, value, headers }));
        expect(line).not.toContain("\n");
        const read = recordOfLine(Buffer.from(line));
        expect(plain(read.key)).toEqual(plain(key));
        expect(plain(read.value)).toEqual(plain(value));
        expect(read.headers?.map((header) => [header.key, plain(header.value)])).toEqual(
          headers.map((header) => [header.key, plain(header.value)]),
        );
        expect(read).toMatchObject({ partition: 2, timestamp: 1_000 });
      },
    ),
  );
});

test("bytes that are no UTF-8 go as base64; a byte order mark stays", () => {
  expect(JSON.parse(recordLine(record({ value: Uint8Array.of(0xff) })))).toMatchObject({ valueBase64: "/w==" });
  const marked = recordLine(record({ value: Uint8Array.of(0xef, 0xbb, 0xbf, 0x41) }));
  expect(plain(recordOfLine(Buffer.from(marked)).value)).toEqual([0xef, 0xbb, 0xbf, 0x41]);
});

test("a tombstone is a value of null, and not the text", () => {
  expect(recordOfLine(Buffer.from('{"key":"a","value":null}')).value).toBeNull();
  expect(JSON.parse(recordLine(record({ value: Buffer.from("null") })))).toMatchObject({ valueText: "null" });
});

test("JSON goes as it is, in both directions: numbers, names that repeat, escapes", () => {
  for (const value of ["9007199254740993", "1.0", "1e400", '{"a":1,"a":2,"__proto__":[]}', '"\\u0061"']) {
    const line = recordLine(record({ value: Buffer.from(value) }));
    expect(line).toContain(`"value":${value}`);
    expect(plain(recordOfLine(Buffer.from(line)).value)).toEqual([...Buffer.from(value)]);
  }
  expect(plain(recordOfLine(Buffer.from('{"value": { "n" : 1.0 } }')).value)).toEqual([
    ...Buffer.from('{ "n" : 1.0 }'),
  ]);
});

test.each([
  ["not json", /The JSON cannot be read: byte 0/],
  ["[1]", /it is not a JSON object/],
  ['{"key":"a"}', /needs value/],
  ['{"valueText":3}', /value is a text, or null/],
  ['{"valueText":"a","headers":{}}', /headers is a list/],
  ['{"valueText":"a","headers":[{}]}', /a header's key is a text/],
  ['{"valueText":"a","partition":"0"}', /partition is a whole number/],
  ['{"valueBase64":"!"}', /valueBase64 is not base64/],
])("%s is refused", (line, message) => {
  expect(() => recordOfLine(Buffer.from(line))).toThrow(message);
});
