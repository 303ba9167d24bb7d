import { expect, test } from "vitest";
import { type CodecName, codecs as codecsOnNode } from "../../../protocol/src/codecs/codecs.node.ts";
import { codecs } from "../../../protocol/src/codecs/codecs.ts";
import { refusal } from "../../support/bytes.ts";

const ids: Record<CodecName, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

test.each([
  ["everywhere", codecs],
  ["on Node", codecsOnNode],
])("%s: Kafka's ids, and refusals by name", (_, table) => {
  expect(Object.fromEntries(Object.entries(table).map(([name, { id }]) => [name, id]))).toEqual(ids);
  const bytes = Uint8Array.of(1, 2, 3);
  expect(table.none.decompress(table.none.compress(bytes))).toBe(bytes);
  for (const name of ["gzip", "snappy", "lz4", "zstd"] as const) {
    for (const run of [table[name].compress, table[name].decompress]) {
      const error = refusal(() => run(bytes));
      expect(error.code).toBe("UNSUPPORTED_COMPRESSION_TYPE");
      expect(error.message).toContain(name);
    }
  }
});
