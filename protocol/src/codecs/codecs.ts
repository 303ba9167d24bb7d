// Compression of record batches: Kafka's five codecs by name, with the ids that a batch's attributes carry.
// Only `none` works yet; the others are refused by name, so that nobody stores or hands out what nobody can read.

import { ProtocolError } from "../errors.ts";

/** Kafka's `compression.type`. */
export type CodecName = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export interface Codec {
  /** Bits 0–2 of a batch's attributes. */
  readonly id: number;
  /** Works on the records of a batch, without its header. Errors: UNSUPPORTED_COMPRESSION_TYPE. */
  compress(records: Uint8Array): Uint8Array;
  decompress(records: Uint8Array): Uint8Array;
}

const identity = (records: Uint8Array): Uint8Array => records;

function unsupported(id: number, name: CodecName): Codec {
  const refuse = (): never => {
    throw new ProtocolError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `Compression ${name} is not supported yet: send batches with compression.type=none.`,
    );
  };
  return { id, compress: refuse, decompress: refuse };
}

export const codecs: Readonly<Record<CodecName, Codec>> = {
  none: { id: 0, compress: identity, decompress: identity },
  gzip: unsupported(1, "gzip"),
  snappy: unsupported(2, "snappy"),
  lz4: unsupported(3, "lz4"),
  zstd: unsupported(4, "zstd"),
};
