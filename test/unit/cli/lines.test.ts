// Lines of a stream: bytes in, the same bytes out, however the stream was cut.

import fc from "fast-check";
import { expect, test } from "vitest";
import { linesOf } from "../../../cli/src/commands/records/lines.ts";

async function lines(chunks: readonly Uint8Array[]): Promise<string[]> {
  async function* source() {
    yield* chunks;
  }
  const found: string[] = [];
  for await (const line of linesOf(source())) found.push(Buffer.from(line).toString("latin1"));
  return found;
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

test("where the stream is cut makes no difference, and no byte changes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constant(0x0a), fc.integer({ min: 0, max: 255 })), { maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 6 }),
      async (content, cuts) => {
        const bytes = Uint8Array.from(content);
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        const text = Buffer.from(bytes).toString("latin1");
        const expected = text.split("\n");
        if (expected.at(-1) === "") expected.pop();
        expect(await lines(chunks)).toEqual(expected);
      },
    ),
  );
});
