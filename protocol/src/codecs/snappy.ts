// snappy as Kafka's Java client writes it: the framing of snappy-java (xerial), blocks of 32 KiB behind a header of 16 bytes.
// Other clients write one raw block without it; both are read (Kafka: SnappyInputStream; KafkaJS).
// Invariant: every block's length is known and within the bound before a byte of it is unpacked.

import { readInt32, writeInt32 } from "../integers.ts";
import { type Codec, codecIds, damaged, tooLarge } from "./codec.ts";
import { library } from "./library.ts";

interface Library {
  compress(input: Uint8Array): Promise<Uint8Array>;
  uncompress(input: Uint8Array): Promise<Uint8Array | string>;
  uncompressSync(input: Uint8Array): Uint8Array | string;
}

/** 0x82 "SNAPPY" 0, the version of the format, and the oldest that can read it. */
const HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
const MAGIC_BYTES = 8;
/** SnappyOutputStream's default. */
const BLOCK_BYTES = 32 * 1024;
const LENGTH_BYTES = 4;
/** A raw block begins with its unpacked length, a varint of at most so many bytes. */
const MAX_PREAMBLE_BYTES = 5;
/** The best element makes 64 bytes of three. */
const MAX_RATIO = 64;

interface Block {
  readonly packed: Uint8Array;
  readonly sizeBytes: number;
}

const load = library<Library>("snappy", "snappy");

export const snappy: Codec = {
  id: codecIds.snappy,
  async compress(records) {
    const { compress } = load();
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < records.length; at += BLOCK_BYTES)
      blocks.push(await compress(records.subarray(at, at + BLOCK_BYTES)));
    return framed(blocks);
  },
  async decompress(packed, maxBytes) {
    const { uncompress } = load();
    const { blocks, unpacked } = prepared(packed, maxBytes);
    let at = 0;
    for (const block of blocks) at = put(unpacked, at, block, await uncompress(block.packed).catch(refuse));
    return unpacked;
  },
  decompressSync(packed, maxBytes) {
    const { uncompressSync } = load();
    const { blocks, unpacked } = prepared(packed, maxBytes);
    let at = 0;
    for (const block of blocks) {
      let bytes: Uint8Array | string;
      try {
        bytes = uncompressSync(block.packed);
      } catch (error) {
        return refuse(error);
      }
      at = put(unpacked, at, block, bytes);
    }
    return unpacked;
  },
};

function framed(blocks: readonly Uint8Array[]): Uint8Array {
  const sizeBytes = blocks.reduce((sum, { length }) => sum + LENGTH_BYTES + length, HEADER.length);
  const whole = new Uint8Array(sizeBytes);
  whole.set(HEADER);
  let at = HEADER.length;
  for (const block of blocks) {
    writeInt32(whole, at, block.length);
    whole.set(block, at + LENGTH_BYTES);
    at += LENGTH_BYTES + block.length;
  }
  return whole;
}

/** The blocks, and memory for what they say they hold. */
function prepared(packed: Uint8Array, maxBytes: number): { blocks: readonly Block[]; unpacked: Uint8Array } {
  const blocks = beginsWithMagic(packed, 0) ? blocksOf(packed) : [blockOf(packed)];
  let sizeBytes = 0;
  for (const block of blocks) {
    // A length beyond what so few bytes can hold is a lie, and costs no memory.
    if (block.sizeBytes > block.packed.length * MAX_RATIO)
      throw damaged("snappy", `${block.packed.length} bytes say they hold ${block.sizeBytes}`);
    sizeBytes += block.sizeBytes;
  }
  if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
  return { blocks, unpacked: new Uint8Array(sizeBytes) };
}

function blocksOf(packed: Uint8Array): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  while (at < packed.length) {
    // Streams may be appended to each other, each with its header.
    if (beginsWithMagic(packed, at)) {
      if (packed.length - at < HEADER.length) throw damaged("snappy", "they end within a header");
      at += HEADER.length;
      continue;
    }
    if (packed.length - at < LENGTH_BYTES) throw damaged("snappy", "they end within the length of a block");
    const length = readInt32(packed, at);
    at += LENGTH_BYTES;
    if (length < 1 || length > packed.length - at)
      throw damaged("snappy", `a block says it has ${length} bytes, and ${packed.length - at} are left`);
    blocks.push(blockOf(packed.subarray(at, at + length)));
    at += length;
  }
  if (blocks.length === 0) throw damaged("snappy", "they hold no block");
  return blocks;
}

function beginsWithMagic(bytes: Uint8Array, at: number): boolean {
  if (bytes.length - at < MAGIC_BYTES) return false;
  for (let index = 0; index < MAGIC_BYTES; index++) if (bytes[at + index] !== HEADER[index]) return false;
  return true;
}

function blockOf(packed: Uint8Array): Block {
  let sizeBytes = 0;
  let factor = 1;
  for (let index = 0; index < MAX_PREAMBLE_BYTES; index++) {
    const byte = packed[index];
    if (byte === undefined) break;
    sizeBytes += (byte & 0x7f) * factor;
    if (byte < 0x80) return { packed, sizeBytes };
    factor *= 128;
  }
  throw damaged("snappy", "a block has no length");
}

function put(unpacked: Uint8Array, at: number, { sizeBytes }: Block, bytes: Uint8Array | string): number {
  if (typeof bytes === "string" || bytes.length !== sizeBytes)
    throw damaged("snappy", `a block of ${sizeBytes} bytes unpacks to ${bytes.length}`);
  unpacked.set(bytes, at);
  return at + sizeBytes;
}

function refuse(error: unknown): never {
  throw damaged("snappy", error instanceof Error ? error.message : String(error), error);
}
