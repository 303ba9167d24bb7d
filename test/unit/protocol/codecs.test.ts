// The codecs by themselves: what is packed comes back, never more than allowed, and whatever is missing or too much is damage.

import lz4 from "lz4-napi";
import snappy from "snappy";
import { describe, expect, test } from "vitest";
import { type CodecName, codecIds } from "../../../protocol/src/codecs/codec.ts";
import { codecs } from "../../../protocol/src/codecs/codecs.node.ts";
import { codecs as browserCodecs } from "../../../protocol/src/codecs/codecs.ts";
import { library } from "../../../protocol/src/codecs/library.ts";
import { ProtocolError } from "../../../protocol/src/errors.ts";
import { refusal } from "../../support/bytes.ts";

const names = ["gzip", "snappy", "lz4", "zstd"] as const;

/** Text-like, so that it shrinks, and different all along. */
function sample(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = 97 + ((Math.imul(index >> 3, 0x9e37_79b1) >>> 16) % 9);
  return bytes;
}

async function failure(run: () => unknown): Promise<ProtocolError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("Kafka's ids, the same everywhere", () => {
  expect(codecIds).toEqual({ none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 });
  for (const table of [codecs, browserCodecs])
    for (const name of Object.keys(codecIds) as CodecName[]) expect(table[name].id).toBe(codecIds[name]);
});

test("none hands through what it was given", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  expect(await codecs.none.compress(bytes)).toBe(bytes);
  expect(await codecs.none.decompress(bytes, 0)).toBe(bytes);
  expect(codecs.none.decompressSync(bytes, 0)).toBe(bytes);
});

describe.each(names)("%s", (name) => {
  const codec = codecs[name];

  test.each([1, 61, 32_768, 32_769, 300_000, 2_000_000])("%i bytes come back, in both ways", async (length) => {
    const records = sample(length);
    const packed = await codec.compress(records);
    if (length > 1000) expect(packed.length).toBeLessThan(length);
    expect(Buffer.compare(await codec.decompress(packed, length), records)).toBe(0);
    expect(Buffer.compare(codec.decompressSync(packed, length), records)).toBe(0);
  });

  test("bytes that lie in the middle of others are taken exactly", async () => {
    const around = sample(1000);
    const packed = await codec.compress(around.subarray(300, 700));
    const shifted = new Uint8Array(packed.length + 20);
    shifted.set(packed, 7);
    const unpacked = codec.decompressSync(shifted.subarray(7, 7 + packed.length), 400);
    expect(Buffer.compare(unpacked, around.subarray(300, 700))).toBe(0);
  });

  test("one byte above the bound is refused as too large", async () => {
    const packed = await codec.compress(sample(70_000));
    for (const run of [() => codec.decompress(packed, 69_999), () => codec.decompressSync(packed, 69_999)]) {
      const error = await failure(run);
      expect(error.code).toBe("MESSAGE_TOO_LARGE");
      expect(error.message).toContain("69999");
      expect(error.hint).toContain("max.decompressed.batch.bytes");
    }
  });

  test("cut anywhere, or followed by anything, it is damaged", async () => {
    const packed = await codec.compress(sample(2_000));
    for (let length = 0; length < packed.length; length += length < 40 ? 1 : 37) {
      const cut = packed.subarray(0, length);
      expect(refusal(() => codec.decompressSync(cut, 10_000)).code).toBe("CORRUPT_MESSAGE");
      expect((await failure(() => codec.decompress(cut, 10_000))).code).toBe("CORRUPT_MESSAGE");
    }
    for (const tail of [[0], [1], [0, 0, 0, 0], [...Buffer.from("garbage")]]) {
      const longer = Buffer.concat([packed, Uint8Array.from(tail)]);
      expect(refusal(() => codec.decompressSync(longer, 10_000)).code).toBe("CORRUPT_MESSAGE");
      expect((await failure(() => codec.decompress(longer, 10_000))).code).toBe("CORRUPT_MESSAGE");
    }
  });

  test("a bomb is refused without the memory it asks for", async () => {
    const packed = await codec.compress(new Uint8Array(32 * 1024 * 1024));
    const before = process.memoryUsage().arrayBuffers;
    const error = refusal(() => codec.decompressSync(packed, 1024 * 1024));
    expect(error.code).toBe("MESSAGE_TOO_LARGE");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });
});

describe("snappy's framing", () => {
  const header = Buffer.from("82534e41505059000000000100000001", "hex");

  test("xerial: a header of 16 bytes, and blocks of 32 KiB, each behind its length", async () => {
    const records = sample(70_000);
    const packed = Buffer.from(await codecs.snappy.compress(records));
    expect(packed.subarray(0, 16)).toEqual(header);
    const sizes: number[] = [];
    for (let at = 16; at < packed.length; ) {
      const length = packed.readInt32BE(at);
      sizes.push((snappy.uncompressSync(packed.subarray(at + 4, at + 4 + length)) as Buffer).length);
      at += 4 + length;
    }
    expect(sizes).toEqual([32_768, 32_768, 4_464]);
  });

  test("one raw block, as other clients write it, is read too", () => {
    const records = sample(50_000);
    const raw = snappy.compressSync(records);
    expect(Buffer.compare(codecs.snappy.decompressSync(raw, 50_000), records)).toBe(0);
  });

  test("streams that were appended to each other are one", async () => {
    const packed = await codecs.snappy.compress(sample(1000));
    const unpacked = codecs.snappy.decompressSync(Buffer.concat([packed, packed]), 2_000);
    expect(Buffer.compare(unpacked, Buffer.concat([sample(1000), sample(1000)]))).toBe(0);
  });

  test("a block that says it holds what it cannot hold costs no memory", () => {
    const lie = Uint8Array.of(0x80, 0x80, 0x80, 0x10, 0, 97);
    const before = process.memoryUsage().arrayBuffers;
    expect(refusal(() => codecs.snappy.decompressSync(lie, 2 ** 30)).code).toBe("CORRUPT_MESSAGE");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });
});

describe("lz4's frames", () => {
  const frame = () => Buffer.from(lz4.compressFrameSync(Buffer.from(sample(2_000))));

  test("blocks do not depend on each other, as Kafka's consumer demands", async () => {
    const packed = await codecs.lz4.compress(sample(200_000));
    expect((packed[4] as number) & 0x20).toBe(0x20);
  });

  test("with checksums of blocks and content they are read, and a wrong one is damage", () => {
    const packed = lz4.compressFrameSync(Buffer.from(sample(2_000)), { blockChecksums: true, contentChecksum: true });
    expect(Buffer.compare(codecs.lz4.decompressSync(packed, 2_000), sample(2_000))).toBe(0);
    packed[packed.length - 1] = (packed.at(-1) as number) ^ 1;
    expect(refusal(() => codecs.lz4.decompressSync(packed, 2_000)).code).toBe("CORRUPT_MESSAGE");
  });

  test.each([
    ["another magic", (bytes: Buffer) => bytes.writeUInt8(5, 0)],
    ["dependent blocks", (bytes: Buffer) => bytes.writeUInt8((bytes[4] as number) & ~0x20, 4)],
    ["a dictionary", (bytes: Buffer) => bytes.writeUInt8((bytes[4] as number) | 1, 4)],
    ["no such block size", (bytes: Buffer) => bytes.writeUInt8(0x30, 5)],
    ["a wrong header checksum", (bytes: Buffer) => bytes.writeUInt8((bytes[6] as number) ^ 1, 6)],
  ])("%s is refused", (_, change) => {
    const bytes = frame();
    change(bytes);
    expect(refusal(() => codecs.lz4.decompressSync(bytes, 2_000)).code).toBe("CORRUPT_MESSAGE");
  });
});

test("a package that is not there is named, with what to do", () => {
  const load = library("snappy", "snappy", () => {
    throw new Error("Cannot find module 'snappy'\nRequire stack: …");
  });
  const error = refusal(load);
  expect(error.code).toBe("UNSUPPORTED_COMPRESSION_TYPE");
  expect(error.message).toContain("the package snappy could not be loaded (Cannot find module 'snappy')");
  expect(error.hint).toContain("npm install snappy");
});

describe("in browsers", () => {
  test("gzip goes both ways, bounded, and what is cut or too long is damaged", async () => {
    const records = sample(100_000);
    const packed = await browserCodecs.gzip.compress(records);
    expect(Buffer.compare(codecs.gzip.decompressSync(packed, 100_000), records)).toBe(0);
    expect(Buffer.compare(await browserCodecs.gzip.decompress(packed, 100_000), records)).toBe(0);
    expect((await failure(() => browserCodecs.gzip.decompress(packed, 99_999))).code).toBe("MESSAGE_TOO_LARGE");
    for (const wrong of [packed.subarray(0, -1), Buffer.concat([packed, Uint8Array.of(1)]), sample(30)])
      expect((await failure(() => browserCodecs.gzip.decompress(wrong, 100_000))).code).toBe("CORRUPT_MESSAGE");
  });

  test.each(["snappy", "lz4", "zstd"] as const)("%s is refused by name", async (name) => {
    for (const run of [
      () => browserCodecs[name].compress(sample(10)),
      () => browserCodecs[name].decompress(sample(10), 10),
      () => browserCodecs[name].decompressSync(sample(10), 10),
    ]) {
      const error = await failure(run);
      expect(error.code).toBe("UNSUPPORTED_COMPRESSION_TYPE");
      expect(error.message).toContain(name);
      expect(error.hint).toContain("gzip");
    }
  });

  test("nothing is unpacked at once", () => {
    expect(refusal(() => browserCodecs.gzip.decompressSync(sample(10), 10)).code).toBe("UNSUPPORTED_COMPRESSION_TYPE");
  });
});
