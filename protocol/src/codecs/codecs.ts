// The codecs where there is no Node: gzip by the platform's streams, which are asynchronous; the others are refused by name.

import { type Codec, type CodecName, damaged, none, tooLarge, unsupported } from "./codec.ts";

const NOT_HERE = "browsers have no such codec";
const HINT = "Use compression.type=gzip (or none) where browsers read or write; Node has all of Kafka's codecs.";

const gzip: Codec = {
  ...unsupported("gzip", "browsers unpack asynchronously only", HINT),
  async compress(records) {
    return collect(through(records, new CompressionStream("gzip")), Number.POSITIVE_INFINITY);
  },
  async decompress(packed, maxBytes) {
    return collect(through(packed, new DecompressionStream("gzip")), maxBytes);
  },
};

export const codecs: Readonly<Record<CodecName, Codec>> = {
  none,
  gzip,
  snappy: unsupported("snappy", NOT_HERE, HINT),
  lz4: unsupported("lz4", NOT_HERE, HINT),
  zstd: unsupported("zstd", NOT_HERE, HINT),
};

function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): ReadableStream<Uint8Array> {
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(new Uint8Array(bytes));
      controller.close();
    },
  });
  return source.pipeThrough(stream);
}

/** Reads to the end; a stream that gives more than `maxBytes` is left at once. */
async function collect(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      // The platform may give no reason at all.
      const why = error instanceof Error && error.message !== "" ? error.message : "they cannot be unpacked";
      throw damaged("gzip", why, error);
    });
    if (done) break;
    sizeBytes += value.length;
    if (sizeBytes > maxBytes) {
      void reader.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
