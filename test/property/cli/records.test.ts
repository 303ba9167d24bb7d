// What the commands for records read as text, and formats in both directions: what `consume -f` writes, `produce -f` reads.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteSink } from "../../../cli/src/commands/records/byte-sink.ts";
import { formatOf, parseFormat, unescaped } from "../../../cli/src/commands/records/format.ts";
import { formatReader, type RecordParts } from "../../../cli/src/commands/records/format-reader.ts";
import { parseHeaders } from "../../../cli/src/commands/records/headers.ts";
import { UsageError } from "../../../cli/src/exits.ts";
import { parseMoment } from "../../../cli/src/moment.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

function orUsage<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

const near = (...pieces: string[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all).toString("latin1")) },
  );
const bytes = fc.option(fc.uint8Array({ maxLength: 12 }), { nil: null });
const record = fc.record({ key: bytes, value: bytes, offset: fc.nat(), partition: fc.nat(9), timestamp: fc.nat() });
type Made = typeof record extends fc.Arbitrary<infer T> ? T : never;

function written(format: string, records: readonly Made[]): Uint8Array {
  const sink = new ByteSink();
  const write = formatOf(format);
  for (const one of records)
    write({ ...one, topic: "t", leaderEpoch: 0, timestampType: "CreateTime", headers: [] }, sink);
  return sink.take();
}

/** The input in chunks of these sizes, over and over. */
async function* chunksOf(input: Uint8Array, sizes: readonly number[]) {
  let index = 0;
  for (let at = 0; at < input.length; index++) {
    const size = Math.max(1, sizes[index % sizes.length] ?? input.length);
    yield input.subarray(at, at + size);
    at += size;
  }
}

/** The records until the end, or until a usage error. */
async function read(format: string, input: Uint8Array, sizes: readonly number[], emptyIsNull = false) {
  const records: RecordParts[] = [];
  let isRefused = false;
  try {
    for await (const some of formatReader(format, { emptyIsNull })(chunksOf(input, sizes))) records.push(...some);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    isRefused = true;
  }
  return { records, isRefused };
}

const hex = (data: Uint8Array | null) => (data === null ? null : Buffer.from(data).toString("hex"));
const plain = ({ key, value, ...rest }: RecordParts) => ({ key: hex(key), value: hex(value), ...rest });
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 });

test("formats: any text is one, or a usage error", () => {
  const text = near("%", "s", "k", "%S", "%R", "%h", "\\", "n", "x", "4", "1", "255", "256", "ä", ",", "\0");
  fc.assert(
    fc.property(text, (format) => {
      const pieces = orUsage(() => parseFormat(format));
      if (pieces === undefined) return;
      for (const [index, piece] of pieces.entries()) {
        if (typeof piece === "string") expect(format).toContain(`%${piece}`);
        else expect([piece.length > 0, typeof pieces[index + 1] !== "object"]).toEqual([true, true]);
      }
      if (!/[%\\]/.test(format)) expect(Buffer.concat(pieces as Uint8Array[])).toEqual(Buffer.from(format));
    }),
    { numRuns: fuzzRuns(5_000) },
  );
});

test("delimiters: every byte can be written", () => {
  for (let byte = 0; byte < 256; byte++)
    for (const text of [`\\x${byte.toString(16)}`, `\\${byte}`, `\\0${byte.toString(8)}`])
      expect([...unescaped(text)]).toEqual([byte]);
});

test("moments: any text is a time since 1970, or none", () => {
  const text = near("2026", "-", "01", "31", "T", " ", "12", ":", "59", ".", "Z", "+", "02", "h", "d", "ms", "9");
  fc.assert(
    fc.property(text, fc.nat(), (moment, nowMs) => {
      const ms = parseMoment(moment, nowMs);
      if (ms !== undefined) expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
    }),
    { numRuns: fuzzRuns(5_000) },
  );
});

test("-H: a name, and all that stands behind the first =", () => {
  fc.assert(
    fc.property(near("=", "a", "ä", " ", ",", "\0"), (text) => {
      const [header] = orUsage(() => parseHeaders([text])) ?? [];
      if (header === undefined) expect(text === "" || text.startsWith("=")).toBe(true);
      else
        expect(Buffer.from(header.key + (header.value === null ? "" : `=${header.value}`))).toEqual(Buffer.from(text));
    }),
    { numRuns: fuzzRuns(1_000) },
  );
});

const LENGTHS = ["%K,%k%S,%s\\n", "%R%s%K:%k", "%p %T %o %t %K %S %k%s", "%S\\x00%K\\x00%s%k\\0"];

test.each(LENGTHS)("%s: with lengths every record comes back as it was", async (format) => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 5 }), sizes, async (records, cuts) => {
      const back = await read(format, written(format, records), cuts);
      expect(back).toEqual({ records: expect.any(Array), isRefused: false });
      const named = /%p/.test(format);
      expect(back.records.map(plain)).toEqual(
        records.map(({ key, value, partition, timestamp }) =>
          plain({ key, value, ...(named ? { partition, timestamp } : {}) }),
        ),
      );
    }),
    { numRuns: fuzzRuns(200) },
  );
});

test.each(["%k,%s\\n", "[%k] = %s;", "%s\\t%k\\r\\n"])(
  "%s: without what ends them, fields come back",
  async (format) => {
    const field = fc.stringMatching(/^[a-z0-9 ä]*$/).map((text) => Buffer.from(text));
    const safe = fc.record({ key: field, value: field, offset: fc.nat(), partition: fc.nat(9), timestamp: fc.nat() });
    await fc.assert(
      fc.asyncProperty(fc.array(safe, { maxLength: 5 }), sizes, fc.boolean(), async (records, cuts, emptyIsNull) => {
        const back = await read(format, written(format, records), cuts, emptyIsNull);
        expect(back.isRefused).toBe(false);
        const part = (data: Uint8Array) => (emptyIsNull && data.length === 0 ? null : data);
        expect(back.records.map(plain)).toEqual(
          records.map(({ key, value }) => plain({ key: part(key), value: part(value) })),
        );
      }),
      { numRuns: fuzzRuns(200) },
    );
  },
);

test("produce -f: any bytes are records or a usage error, the same ones however they are cut", async () => {
  const input = fc
    .array(fc.constantFrom(..."ab,\n:01-9\0ÿ"), { maxLength: 40 })
    .map((all) => Buffer.from(all.join("")));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...LENGTHS, "%k,%s\\n", "a%s\\n"), input, sizes, async (format, all, cuts) => {
      const whole = await read(format, all, [all.length]);
      const inPieces = await read(format, all, cuts);
      expect(inPieces.isRefused).toBe(whole.isRefused);
      expect(inPieces.records.map(plain)).toEqual(whole.records.map(plain));
    }),
    { numRuns: fuzzRuns(1_000) },
  );
});

test.each([
  ["%k%s\\n", /%k and %s stand side by side: nothing says where one ends.*%K,%k/],
  ["%k,%s", /nothing ends the %s at the end of the format: end it with \\n/],
  ["%k\\n", /no %s/],
  ["%s,%s\\n", /reads %s twice/],
  ["%h %s\\n", /%h cannot be read back/],
  ["%s %S\\n", /%S says how long %s is, so it must stand before it/],
  ["%K%k%s\\n", /%K and %k stand side by side/],
  ["%p1%s\\n", /behind the number %p stands "1"/],
  ["%x", /no token %x/],
])("%s is refused before anything is read", (format, message) => {
  expect(() => formatReader(format, { emptyIsNull: false })).toThrow(message);
});

test.each([
  ["a%s\\n", "a1\nb2\n", 1, /where "a" should stand is "b"/],
  ["%S %s\\n", "1 a\n5 b\nc", 1, /in the middle of a record/],
  ["%S %s\\n", "1 a\n2 b\nc", 1, /where "\\n" should stand is "c"/],
  ["%T %s\\n", "12 a\nsoon b\n", 1, /%T is a number; there stands "soon"/],
  ["%R%s", "\xff\xff\xff\xfe", 0, /-2 is no length/],
])("%s: what does not fit stops it, after the records before", async (format, input, count, message) => {
  const records: RecordParts[] = [];
  const reading = (async () => {
    const chunks = chunksOf(Buffer.from(input, "latin1"), [3]);
    for await (const some of formatReader(format, { emptyIsNull: false })(chunks)) records.push(...some);
  })();
  await expect(reading).rejects.toThrow(message);
  expect(records).toHaveLength(count);
});
