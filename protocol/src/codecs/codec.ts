// What a codec of record batches is, and Kafka's five by name and number. Who does the work differs by platform: behind
// #codecs stands codecs.node.ts on Node and codecs.ts everywhere else.
// Invariant: whatever the bytes are, unpacking ends with records of at most the bytes it was given as bound, or with an
// error; what follows the end of the compressed data, or is missing before it, is damage.

import { ProtocolError } from "../errors.ts";

/** Kafka's `compression.type`. */
export type CodecName = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** Bits 0–2 of a batch's attributes (Kafka: CompressionType). */
export const codecIds: Readonly<Record<CodecName, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

/** Works on the records of a batch, without its header. */
export interface Codec {
  readonly id: number;
  /**
   * Packs off the calling thread, where the platform can.
   *
   * Shape: bytes of their own, or `records` themselves for `none`. `level` is the codec's own scale; absent: its default.
   * Errors: UNSUPPORTED_COMPRESSION_TYPE.
   */
  compress(records: Uint8Array, level?: number): Promise<Uint8Array>;
  /**
   * Unpacks off the calling thread, where the platform can.
   *
   * Errors: MESSAGE_TOO_LARGE above `maxBytes`, CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE.
   */
  decompress(packed: Uint8Array, maxBytes: number): Promise<Uint8Array>;
  /** The same at once, for threads that may be held up; browsers have none. */
  decompressSync(packed: Uint8Array, maxBytes: number): Uint8Array;
}

/** The bound that holds where nobody set another: the default of the broker's `max.decompressed.batch.bytes`. */
export const DEFAULT_MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
/** The largest bound that a broker may set. */
export const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;

export const none: Codec = {
  id: codecIds.none,
  compress: (records) => Promise.resolve(records),
  decompress: (packed) => Promise.resolve(packed),
  decompressSync: (packed) => packed,
};

/** A codec that this platform does not have. */
export function unsupported(name: CodecName, why: string, hint: string): Codec {
  const refusal = () =>
    new ProtocolError("UNSUPPORTED_COMPRESSION_TYPE", `Compression ${name} cannot be used: ${why}.`, { hint });
  return {
    id: codecIds[name],
    compress: () => Promise.reject(refusal()),
    decompress: () => Promise.reject(refusal()),
    decompressSync: () => {
      throw refusal();
    },
  };
}

export function tooLarge(maxBytes: number): ProtocolError {
  return new ProtocolError(
    "MESSAGE_TOO_LARGE",
    `The records of a compressed batch have more than ${maxBytes} bytes when they are unpacked.`,
    { hint: "Send smaller batches, or raise the broker's max.decompressed.batch.bytes." },
  );
}

export function damaged(name: CodecName, problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "CORRUPT_MESSAGE",
    `The record batch is damaged: its records are no ${name} data: ${problem}.`,
    { cause },
  );
}
