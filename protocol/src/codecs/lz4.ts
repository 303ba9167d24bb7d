// lz4 as Kafka's Java client writes it: one LZ4 frame of blocks that do not depend on each other (KafkaLZ4BlockOutputStream).
// Invariant: the library is only given a frame that was walked before: it is whole, nothing follows it, and the tokens of
// its blocks make at most the bytes that are allowed. The library alone would take cut frames, and as much as they unpack to.

import { type Codec, codecIds, damaged, tooLarge } from "./codec.ts";
import { library } from "./library.ts";

interface Library {
  compressFrame(input: Uint8Array): Promise<Uint8Array>;
  decompressFrame(input: Uint8Array): Promise<Uint8Array>;
  decompressFrameSync(input: Uint8Array): Uint8Array;
}

const MAGIC = 0x184d_2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const INDEPENDENT_BIT = 0x20;
const BLOCK_CHECKSUM_BIT = 0x10;
const CONTENT_SIZE_BIT = 0x08;
const CONTENT_CHECKSUM_BIT = 0x04;
/** A dictionary, and the bit that is reserved. */
const REFUSED_BITS = 0x03;
/** The smallest block size has number 4; each number more is four times as much. */
const SMALLEST_BLOCK = 4;
const LARGEST_BLOCK = 7;
const SMALLEST_BLOCK_BYTES = 64 * 1024;
/** Magic, flags, block size. */
const DESCRIPTOR_AT = 4;
const CONTENT_SIZE_BYTES = 8;
const WORD_BYTES = 4;
const UNCOMPRESSED_BIT = 0x8000_0000;
const MIN_MATCH_BYTES = 4;
const OFFSET_BYTES = 2;

const load = library<Library>("lz4", "lz4-napi");

export const lz4: Codec = {
  id: codecIds.lz4,
  async compress(records) {
    return load().compressFrame(records);
  },
  async decompress(packed, maxBytes) {
    const { decompressFrame } = load();
    const sizeBytes = walk(packed, maxBytes);
    return exactly(sizeBytes, await decompressFrame(packed).catch(refuse));
  },
  decompressSync(packed, maxBytes) {
    const { decompressFrameSync } = load();
    const sizeBytes = walk(packed, maxBytes);
    let unpacked: Uint8Array;
    try {
      unpacked = decompressFrameSync(packed);
    } catch (error) {
      return refuse(error);
    }
    return exactly(sizeBytes, unpacked);
  },
};

/** How many bytes the frame unpacks to. Produces none of them. */
function walk(packed: Uint8Array, maxBytes: number): number {
  if (packed.length < DESCRIPTOR_AT + 3 || word(packed, 0) !== MAGIC) throw damaged("lz4", "they begin with no frame");
  const flags = packed[DESCRIPTOR_AT] as number;
  if ((flags & VERSION_MASK) !== VERSION || (flags & REFUSED_BITS) !== 0)
    throw damaged("lz4", `the frame's flags are 0x${flags.toString(16)}`);
  if ((flags & INDEPENDENT_BIT) === 0) throw damaged("lz4", "its blocks depend on each other, which Kafka refuses too");
  const blockNumber = (packed[DESCRIPTOR_AT + 1] as number) >> 4;
  if (blockNumber < SMALLEST_BLOCK || blockNumber > LARGEST_BLOCK)
    throw damaged("lz4", `there is no block size ${blockNumber}`);
  const maxBlockBytes = SMALLEST_BLOCK_BYTES * 4 ** (blockNumber - SMALLEST_BLOCK);

  const trailerBytes = (flags & BLOCK_CHECKSUM_BIT) === 0 ? 0 : WORD_BYTES;
  // The header ends with its own checksum, one byte; the library compares it.
  let at = DESCRIPTOR_AT + 3 + ((flags & CONTENT_SIZE_BIT) === 0 ? 0 : CONTENT_SIZE_BYTES);
  let sizeBytes = 0;
  for (;;) {
    if (packed.length - at < WORD_BYTES) throw damaged("lz4", "they end before their end mark");
    const size = word(packed, at);
    at += WORD_BYTES;
    if (size === 0) break;
    const length = size % UNCOMPRESSED_BIT;
    if (length > packed.length - at - trailerBytes)
      throw damaged("lz4", `a block says it has ${length} bytes, and ${packed.length - at} are left`);
    const blockBytes = size >= UNCOMPRESSED_BIT ? length : blockSizeBytes(packed, at, at + length);
    if (blockBytes > maxBlockBytes) throw damaged("lz4", `a block unpacks to more than ${maxBlockBytes} bytes`);
    sizeBytes += blockBytes;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    at += length + trailerBytes;
  }
  if ((flags & CONTENT_CHECKSUM_BIT) !== 0) at += WORD_BYTES;
  if (at > packed.length) throw damaged("lz4", "they end within their checksum");
  if (at < packed.length) throw damaged("lz4", `${packed.length - at} bytes follow their end`);
  return sizeBytes;
}

/** What the block's tokens make: each copies literals, and all but the last one also an earlier piece. */
function blockSizeBytes(packed: Uint8Array, from: number, end: number): number {
  let at = from;
  let sizeBytes = 0;
  while (at < end) {
    const token = packed[at++] as number;
    let literals = token >> 4;
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) {
        if (at >= end) throw damaged("lz4", "a block ends within a length");
        more = packed[at++] as number;
      }
    }
    at += literals;
    sizeBytes += literals;
    if (at === end) return sizeBytes;
    at += OFFSET_BYTES;
    if (at > end) throw damaged("lz4", "a block ends within its literals");
    let match = token & 15;
    if (match === 15) {
      for (let more = 255; more === 255; match += more) {
        if (at >= end) throw damaged("lz4", "a block ends within a length");
        more = packed[at++] as number;
      }
    }
    sizeBytes += match + MIN_MATCH_BYTES;
  }
  throw damaged("lz4", "a block does not end with literals");
}

function word(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  return low + (bytes[at + 3] as number) * 0x100_0000;
}

function exactly(sizeBytes: number, unpacked: Uint8Array): Uint8Array {
  if (unpacked.length !== sizeBytes) throw damaged("lz4", `they unpack to ${unpacked.length} bytes, not ${sizeBytes}`);
  return unpacked;
}

function refuse(error: unknown): never {
  throw damaged("lz4", error instanceof Error ? error.message : String(error), error);
}
