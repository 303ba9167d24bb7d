import { expect, test } from "vitest";
import { murmur2, partitionForKey } from "../../../protocol/src/murmur2.ts";
import { utf8 } from "../../support/bytes.ts";

// Kafka's own test vectors (UtilsTest.testMurmur2); many more are in test/contract/protocol.
test.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("murmur2 of %s", (key, hash) => {
  expect(murmur2(utf8(key))).toBe(hash);
});

test("a negative hash loses its sign bit, not its sign", () => {
  expect(partitionForKey(utf8("21"), 1_000)).toBe((-973932308 & 0x7fffffff) % 1_000);
  expect(partitionForKey(utf8("21"), 1_000)).not.toBe(973932308 % 1_000);
});
