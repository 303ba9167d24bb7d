// The codecs on Node: gzip and zstd are its own, snappy and lz4 libraries that are loaded when they are first used.

import { promisify } from "node:util";
import zlib from "node:zlib";
import { type Codec, type CodecName, codecIds, damaged, none, tooLarge } from "./codec.ts";
import { lz4 } from "./lz4.ts";
import { snappy } from "./snappy.ts";

/** What zlib fills at once. Each filling is one way through its thread pool. */
const MIN_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;
/** Records shrink to about so much; a wrong guess costs another chunk. */
const USUAL_RATIO = 4;

/** What zlib gives with `info`. */
interface Unpacked {
  readonly buffer: Uint8Array;
  /** Its engine says how much of the input was used. */
  readonly engine: { readonly bytesWritten: number };
}

// Node's types do not know of `info`.
const gunzip = promisify(zlib.gunzip) as unknown as (packed: Uint8Array, options: object) => Promise<Unpacked>;
const zstdDecompress = promisify(zlib.zstdDecompress) as unknown as typeof gunzip;
const gunzipSync = zlib.gunzipSync as unknown as (packed: Uint8Array, options: object) => Unpacked;
const zstdDecompressSync = zlib.zstdDecompressSync as unknown as typeof gunzipSync;
const gzipCompress = promisify(zlib.gzip) as (records: Uint8Array, options: object) => Promise<Uint8Array>;
const zstdCompress = promisify(zlib.zstdCompress) as (records: Uint8Array, options: object) => Promise<Uint8Array>;

const gzip: Codec = {
  id: codecIds.gzip,
  compress: (records, level) =>
    gzipCompress(records, { chunkSize: chunkBytes(records.length), ...(level === undefined ? {} : { level }) }),
  decompress: async (packed, maxBytes) => {
    try {
      return whole("gzip", packed, await gunzip(packed, unpacking(packed, maxBytes)));
    } catch (error) {
      throw refusal("gzip", error, maxBytes);
    }
  },
  decompressSync: (packed, maxBytes) => {
    try {
      return whole("gzip", packed, gunzipSync(packed, unpacking(packed, maxBytes)));
    } catch (error) {
      throw refusal("gzip", error, maxBytes);
    }
  },
};

const zstd: Codec = {
  id: codecIds.zstd,
  compress: (records, level) =>
    zstdCompress(records, {
      chunkSize: chunkBytes(records.length),
      ...(level === undefined ? {} : { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } }),
    }),
  decompress: async (packed, maxBytes) => {
    try {
      return whole("zstd", packed, await zstdDecompress(packed, unpacking(packed, maxBytes)));
    } catch (error) {
      throw refusal("zstd", error, maxBytes);
    }
  },
  decompressSync: (packed, maxBytes) => {
    try {
      return whole("zstd", packed, zstdDecompressSync(packed, unpacking(packed, maxBytes)));
    } catch (error) {
      throw refusal("zstd", error, maxBytes);
    }
  },
};

export const codecs: Readonly<Record<CodecName, Codec>> = { none, gzip, snappy, lz4, zstd };

function unpacking(packed: Uint8Array, maxBytes: number): object {
  const chunkSize = Math.min(chunkBytes(packed.length * USUAL_RATIO), Math.max(MIN_CHUNK_BYTES, maxBytes));
  return { maxOutputLength: Math.max(1, maxBytes), chunkSize, info: true };
}

function chunkBytes(expectedBytes: number): number {
  return Math.max(MIN_CHUNK_BYTES, Math.min(MAX_CHUNK_BYTES, expectedBytes));
}

/** zlib lets pass what follows the end of the data; a batch has nothing there. */
function whole(name: CodecName, packed: Uint8Array, { buffer, engine }: Unpacked): Uint8Array {
  const left = packed.length - engine.bytesWritten;
  if (left !== 0) throw damaged(name, `${left} bytes follow their end`);
  return buffer;
}

function refusal(name: CodecName, error: unknown, maxBytes: number): Error {
  if (!(error instanceof Error) || !("code" in error)) return damaged(name, String(error), error);
  if (error.name === "ProtocolError") return error;
  if (error.code === "ERR_BUFFER_TOO_LARGE") return tooLarge(maxBytes);
  return damaged(name, error.message, error);
}
