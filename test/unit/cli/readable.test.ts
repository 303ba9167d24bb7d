// Records as lines of JSON: exact in both directions, whatever the bytes.

import fc from "fast-check";
import { expect, test } from "vitest";
import { recordLine, recordOfLine } from "../../../cli/src/readable.ts";

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
        const read = recordOfLine(Buffer.from(line), "to");
        expect(plain(read.key)).toEqual(plain(key));
        expect(plain(read.value)).toEqual(plain(value));
        expect(read.headers?.map((header) => [header.key, plain(header.value)])).toEqual(
          headers.map((header) => [header.key, plain(header.value)]),
        );
        expect(read).toMatchObject({ topic: "to", partition: 2, timestamp: 1_000 });
      },
    ),
  );
});

test("bytes that are no UTF-8 go as base64; a byte order mark stays", () => {
  expect(JSON.parse(recordLine(record({ value: Uint8Array.of(0xff) })))).toMatchObject({ valueBase64: "/w==" });
  const marked = recordLine(record({ value: Uint8Array.of(0xef, 0xbb, 0xbf, 0x41) }));
  expect(plain(recordOfLine(Buffer.from(marked), "to").value)).toEqual([0xef, 0xbb, 0xbf, 0x41]);
});

test("a tombstone is a value of null, and not the text", () => {
  expect(recordOfLine(Buffer.from('{"key":"a","value":null}'), "t").value).toBeNull();
  expect(JSON.parse(recordLine(record({ value: Buffer.from("null") })))).toMatchObject({ valueText: "null" });
});

test.each([
  ["not json", /this is no JSON/],
  ["[1]", /a record is a JSON object/],
  ['{"key":"a"}', /needs "valueText"/],
  ['{"value":3}', /takes only null/],
  ['{"valueText":3}', /valueText must be text/],
  ['{"valueText":"a","headers":{}}', /headers must be an array/],
  ['{"valueText":"a","headers":[{}]}', /a header needs a key/],
  ['{"valueText":"a","partition":"0"}', /partition must be a whole number/],
])("%s is refused", (line, message) => {
  expect(() => recordOfLine(Buffer.from(line), "t")).toThrow(message);
});
