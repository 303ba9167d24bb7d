// Pieces of a stream: bytes in, the same bytes out, however the stream was cut.

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { linesOf, MAX_PIECE_BYTES, wholeOf } from "../../../cli/src/commands/records/lines.ts";

async function* source(chunks: readonly Uint8Array[]) {
  yield* chunks;
}

async function lines(chunks: readonly Uint8Array[], delimiter?: string): Promise<string[]> {
  const found: string[] = [];
  const mark = delimiter === undefined ? undefined : Buffer.from(delimiter, "latin1");
  for await (const some of linesOf(source(chunks), mark))
    for (const line of some) found.push(Buffer.from(line).toString("latin1"));
  return found;
}

/** The bytes, cut at these places. */
function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

test.each([
  ["", []],
  ["a\nb\n", ["a", "b"]],
  ["a\nb", ["a", "b"]],
  ["\n\na", ["", "", "a"]],
  ["a\r\nb", ["a\r", "b"]],
])("%j", async (text, expected) => {
  expect(await lines([Buffer.from(text)])).toEqual(expected);
});

test("where the stream is cut makes no difference, and no byte changes, whatever ends a line", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("\n", "\r\n", "aa", "\0--\0"),
      fc.array(fc.oneof(fc.constantFrom(0x0a, 0x0d, 0x61, 0x00, 0x2d), fc.integer({ min: 0, max: 255 })), {
        maxLength: 60,
      }),
      fc.array(fc.nat(60), { maxLength: 6 }),
      async (delimiter, content, cuts) => {
        const bytes = Uint8Array.from(content);
        const expected = Buffer.from(bytes).toString("latin1").split(delimiter);
        if (expected.at(-1) === "") expected.pop();
        expect(await lines(cut(bytes, cuts), delimiter)).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test("a line without an end is given up on, after all that stood before it", async () => {
  const chunk = Buffer.alloc(MAX_PIECE_BYTES / 4, "x");
  const found: string[] = [];
  const reading = (async () => {
    for await (const some of linesOf(source([Buffer.from("first\n"), chunk, chunk, chunk, chunk, chunk])))
      for (const line of some) found.push(String(line));
  })();
  await expect(reading).rejects.toThrow(/a line is longer than 67108864 bytes/);
  expect(found).toEqual(["first"]);
});

test.each(["\n", "\r\n"])(
  "a long line is not copied with every chunk that it comes in, whatever ends it",
  async (delimiter) => {
    const chunk = Buffer.alloc(1_000, "x");
    const chunks = [...Array.from({ length: 100 }, () => chunk), Buffer.from(`${delimiter}b`)];
    const concat = vi.spyOn(Buffer, "concat");
    try {
      const found = await lines(chunks, delimiter);
      expect(found.map(({ length }) => length)).toEqual([100_000, 1]);
      const copied = concat.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
      expect(copied).toBeLessThan(3 * 100_000);
    } finally {
      concat.mockRestore();
    }
  },
);

test("a whole input is one piece, and nothing is none", async () => {
  const pieces = async (...chunks: Uint8Array[]) => {
    const found: (readonly Uint8Array[])[] = [];
    for await (const some of wholeOf(source(chunks))) found.push(some);
    return found.flat().map(String);
  };
  expect(await pieces(Buffer.from("a\nb"), Buffer.from("\n"))).toEqual(["a\nb\n"]);
  expect(await pieces()).toEqual([]);
});
