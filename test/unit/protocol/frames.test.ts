import { expect, test } from "vitest";
import { ProtocolError } from "../../../protocol/src/errors.ts";
import { decodeFrame, encodeFrame, parseHeader, splitPayload } from "../../../protocol/src/frames.ts";
import { MAX_HEADER_BYTES, MAX_JSON_DEPTH, MAX_JSON_KEYS } from "../../../protocol/src/limits.ts";
import { fromHex, refusal, toHex, utf8 } from "../../support/bytes.ts";

const bounds = { maxHeaderBytes: MAX_HEADER_BYTES };

/** A frame by hand: the length is right unless told otherwise. */
function frameOf(json: string | Uint8Array, headerBytes?: number): Uint8Array {
  const header = typeof json === "string" ? utf8(json) : json;
  const frame = new Uint8Array(4 + header.length);
  new DataView(frame.buffer).setUint32(0, headerBytes ?? header.length);
  frame.set(header, 4);
  return frame;
}

test.each([
  ["no fields, no payload", {}, [], "000000027b7d"],
  ["a cancel", { cancel: 7 }, [], "0000000c7b2263616e63656c223a377d"],
  [
    "two parts of payload",
    { id: 1, api: "produce" },
    [Uint8Array.of(1, 2), Uint8Array.of(255)],
    "000000187b226964223a312c22617069223a2270726f64756365227d0102ff",
  ],
  [
    "the heartbeat hint, with a name beyond ASCII",
    { event: "heartbeatNow", groupId: "grüppe" },
    [],
    "0000002c7b226576656e74223a226865617274626561744e6f77222c2267726f75704964223a226772c3bc707065227d",
  ],
])("golden frame: %s", (_, header, payload, hex) => {
  const frame = encodeFrame(header, payload);
  expect(toHex(frame)).toBe(hex);
  const decoded = decodeFrame(fromHex(hex), bounds);
  expect(decoded.header).toEqual(header);
  expect(toHex(decoded.payload)).toBe(payload.map(toHex).join(""));
});

test("a header longer than the encoder's scratch memory, and beyond ASCII, comes back", () => {
  const header = { text: "ä€😀".repeat(5_000) };
  const frame = encodeFrame(header, [Uint8Array.of(9)]);
  expect(decodeFrame(frame, bounds)).toEqual({ header, payload: Uint8Array.of(9) });
});

test("the payload is a view into the frame, also of one that begins inside a larger buffer", () => {
  const chunk = new Uint8Array(100);
  chunk.set(encodeFrame({ id: 3 }, [Uint8Array.of(1, 2, 3)]), 17);
  const { header, payload } = decodeFrame(chunk.subarray(17, 17 + 4 + 8 + 3), bounds);
  expect(header).toEqual({ id: 3 });
  expect(payload.buffer).toBe(chunk.buffer);
  expect([...payload]).toEqual([1, 2, 3]);
});

test.each([
  ["nothing", new Uint8Array(0), /has 0 bytes/],
  ["three bytes", Uint8Array.of(0, 0, 0), /has 3 bytes/],
  ["a length beyond the end", frameOf("{}", 3), /header of 3 bytes and ends after 2/],
  ["the largest length there is", frameOf("{}", 0xffff_ffff), /header has 4294967295 bytes; at most 1048576/],
  ["an empty header", frameOf(""), /JSON/],
  ["an array", frameOf("[]"), /not a JSON object/],
  ["null", frameOf("null"), /not a JSON object/],
  ["a number", frameOf("7"), /not a JSON object/],
  ["a string", frameOf('"x"'), /not a JSON object/],
  ["no JSON", frameOf("GET / HTTP/1.1"), /JSON/],
  ["JSON that is cut off", frameOf('{"id":1'), /JSON/],
  ["a string that ends in a backslash", frameOf('{"a":"\\'), /JSON/],
  ["two objects", frameOf("{}{}"), /JSON/],
  ["invalid UTF-8", frameOf(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d)), /not UTF-8/],
  ["half of a surrogate pair in UTF-8", frameOf(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)), /not UTF-8/],
  ["__proto__ as a key", frameOf('{"__proto__":{"admin":true}}'), /forbidden/],
  ["__proto__ as a key inside", frameOf('{"a":[{"b":{"__proto__":1}}]}'), /forbidden/],
  ["__proto__ in escapes", frameOf('{"\\u005f_proto_\\u005F":1}'), /forbidden/],
  ["constructor as a key", frameOf('{"constructor":{"prototype":{"admin":true}}}'), /forbidden/],
  ["constructor as a key without a prototype", frameOf('{"a":[{"constructor":1}]}'), /"constructor"/],
  ["constructor in escapes", frameOf('{"\\u0063onstructor":1}'), /"constructor"/],
])("refused: %s", (_, frame, message) => {
  const error = refusal(() => decodeFrame(frame, bounds));
  expect(error.code).toBe("INVALID_REQUEST");
  expect(error.message).toMatch(message);
});

test("names of objects are legal as values, and hasOwnProperty as a key", () => {
  const header = {
    topic: "__proto__",
    groupId: "constructor",
    topics: ["hasOwnProperty", "prototype"],
    hasOwnProperty: 1,
  };
  expect(decodeFrame(encodeFrame(header), bounds).header).toEqual(header);
});

test("a header of exactly the bound is taken, one byte more is not", () => {
  const frame = encodeFrame({ a: "12345" });
  expect(decodeFrame(frame, { maxHeaderBytes: 13 }).header).toEqual({ a: "12345" });
  expect(refusal(() => decodeFrame(frame, { maxHeaderBytes: 12 })).message).toMatch(/at most 12/);
});

test("nesting is bounded before the parser recurses", () => {
  const nested = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  expect(() => parseHeader(utf8(nested(MAX_JSON_DEPTH)))).not.toThrow();
  expect(refusal(() => parseHeader(utf8(nested(MAX_JSON_DEPTH + 1)))).message).toMatch(/nested more than 32/);
  expect(refusal(() => parseHeader(utf8('{"a":'.repeat(200_000)))).message).toMatch(/nested more than 32/);
  // Brackets in strings are text, whatever is escaped around them.
  expect(() => parseHeader(utf8(JSON.stringify({ a: '\\"'.repeat(9) + "[{".repeat(99) })))).not.toThrow();
});

test("splitPayload cuts in order and wants every byte accounted for", () => {
  const payload = Uint8Array.of(1, 2, 3, 4, 5);
  const parts = splitPayload(payload, [{ bytes: 2 }, { bytes: 0 }, { bytes: 3 }]);
  expect(parts.map((part) => [...part])).toEqual([[1, 2], [], [3, 4, 5]]);
  expect(parts[0]?.buffer).toBe(payload.buffer);
  expect(splitPayload(new Uint8Array(0), [])).toEqual([]);
});

test.each([
  ["too few", [{ bytes: 4 }]],
  ["too many", [{ bytes: 4 }, { bytes: 2 }]],
  ["none", []],
  ["negative", [{ bytes: -1 }, { bytes: 6 }]],
  ["a fraction", [{ bytes: 2.5 }, { bytes: 2.5 }]],
  ["not a number", [{ bytes: Number.NaN }, { bytes: 5 }]],
])("splitPayload refuses %s", (_, items) => {
  const error = refusal(() => splitPayload(Uint8Array.of(1, 2, 3, 4, 5), items));
  expect(error).toBeInstanceOf(ProtocolError);
  expect(error.code).toBe("INVALID_REQUEST");
});

test("an object has a bounded number of keys, at any depth; many small objects, and colons in texts, are no wide one", () => {
  const wide = (keys: number) => Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, index]));
  for (const wrap of [(inner: object) => inner, (inner: object) => ({ a: [{ b: 1 }, inner] })]) {
    expect(() => parseHeader(utf8(JSON.stringify(wrap(wide(MAX_JSON_KEYS)))))).not.toThrow();
    expect(refusal(() => parseHeader(utf8(JSON.stringify(wrap(wide(MAX_JSON_KEYS + 1)))))).message).toMatch(
      /more than 10000 keys/,
    );
  }
  const narrow = {
    partitions: Array.from({ length: 30_000 }, () => ({ topic: "t", partition: 1 })),
    text: ":".repeat(99_999),
  };
  expect(() => parseHeader(utf8(JSON.stringify(narrow)))).not.toThrow();
  expect(refusal(() => parseHeader(utf8(`{${'"a":1,'.repeat(1_000_000)}"b":1}`))).message).toMatch(
    /more than 10000 keys/,
  );
});
