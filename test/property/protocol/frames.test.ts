// Frames both ways, and under hostile changes: whatever the bytes are, decoding returns a frame or throws INVALID_REQUEST.

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame, type Frame, splitPayload } from "../../../protocol/src/frames.ts";
import { MAX_HEADER_BYTES } from "../../../protocol/src/limits.ts";
import { refusal } from "../../support/bytes.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

const bounds = { maxHeaderBytes: MAX_HEADER_BYTES };
const poison = new Set(["__proto__", "constructor"]);
const key = fc.string({ unit: "grapheme", maxLength: 10 }).filter((name) => !poison.has(name));
const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("__proto__", "constructor", "\u0000", "\ud800"));
const header = fc.dictionary(
  key,
  fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value,
  { maxKeys: 6, noNullPrototype: true },
);
const payload = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 });

test("what is encoded comes back, and its payload in the same parts", () => {
  fc.assert(
    fc.property(header, payload, (fields, parts) => {
      const frame = decodeFrame(encodeFrame(fields, parts), bounds);
      expect(frame.header).toEqual(fields);
      const lengths = parts.map(({ length }) => ({ bytes: length }));
      expect(splitPayload(frame.payload, lengths)).toEqual(parts);
    }),
  );
});

test("a frame cut before the end of its header is refused; cut after it, only payload is missing", () => {
  fc.assert(
    fc.property(header, payload, (fields, parts) => {
      const frame = encodeFrame(fields, parts);
      const headerEnd = 4 + new DataView(frame.buffer).getUint32(0);
      for (let length = 0; length < headerEnd; length++) {
        expect(refusal(() => decodeFrame(frame.subarray(0, length), bounds)).code).toBe("INVALID_REQUEST");
      }
      expect(decodeFrame(frame.subarray(0, headerEnd), bounds).header).toEqual(fields);
    }),
    { numRuns: 30 },
  );
});

/** Decodes, or refuses with INVALID_REQUEST; nothing else. */
function decodeOrRefuse(bytes: Uint8Array): Frame | undefined {
  let frame: Frame;
  try {
    frame = decodeFrame(bytes, bounds);
  } catch {
    expect(refusal(() => decodeFrame(bytes, bounds)).code).toBe("INVALID_REQUEST");
    return undefined;
  }
  return frame;
}

test("any changed bytes, and any bytes at all", () => {
  const change = fc.record({ place: fc.nat(), byte: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(header, fc.array(change, { minLength: 1, maxLength: 3 }), (fields, changes) => {
      const frame = encodeFrame(fields);
      for (const { place, byte } of changes) frame[place % frame.length] = byte;
      const decoded = decodeOrRefuse(frame);
      if (decoded !== undefined) expect(Object.getPrototypeOf(decoded.header)).toBe(Object.prototype);
    }),
    { numRuns: fuzzRuns(1_000) },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeOrRefuse(bytes)),
    { numRuns: fuzzRuns(1_000) },
  );
});

test("a poisonous key is refused wherever it stands and however it is escaped", () => {
  const escaped = (name: string, mask: number) =>
    [...name]
      .map((letter, index) =>
        (mask >> (index % 16)) & 1 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : letter,
      )
      .join("");
  fc.assert(
    fc.property(
      fc.constantFrom(...poison),
      fc.nat({ max: 0xffff }),
      fc.nat({ max: 5 }),
      fc.constantFrom("1", "null", '"x"', "{}", '{"prototype":{}}', "[]"),
      (name, mask, depth, value) => {
        const json = `${'{"a":['.repeat(depth)}{"${escaped(name, mask)}" : ${value}}${"]}".repeat(depth)}`;
        const bytes = new TextEncoder().encode(json);
        const frame = new Uint8Array(4 + bytes.length);
        new DataView(frame.buffer).setUint32(0, bytes.length);
        frame.set(bytes, 4);
        expect(refusal(() => decodeFrame(frame, bounds)).code).toBe("INVALID_REQUEST");
      },
    ),
    { numRuns: fuzzRuns(500) },
  );
});
