// The pieces of a stream, as bytes: lines, or whole inputs. Nothing is decoded, so what is no UTF-8 comes through unchanged.
// Invariant: at most one piece of MAX_PIECE_BYTES is held, beside what came with its end.

import { UsageError } from "../../exits.ts";

export const NEWLINE: Uint8Array = Uint8Array.of(0x0a);
/** Far above what a broker takes in one record; below what would exhaust memory. */
export const MAX_PIECE_BYTES = 64 * 1024 * 1024;

export type Chunks = AsyncIterable<Uint8Array | string>;

/** What a reader of chunks has too much of. Errors: UsageError. */
export function checkPieceBytes(bytes: number, what: string): void {
  if (bytes > MAX_PIECE_BYTES) throw new UsageError(`${what} is longer than ${MAX_PIECE_BYTES} bytes`);
}

export function bytesOf(chunk: Uint8Array | string): Buffer {
  return typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** The lines, as many as have come, without their delimiter; the last one also when it has none. */
export async function* linesOf(chunks: Chunks, delimiter = NEWLINE): AsyncGenerator<readonly Uint8Array[]> {
  // A line that goes on is put together once, at its end: else a long one would be copied with every chunk.
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let bytes = bytesOf(chunk);
    // A delimiter may have begun in what was searched already.
    const searched = lastBytes(parts, delimiter.length - 1);
    const found = (searched.length === 0 ? bytes : Buffer.concat([searched, bytes])).indexOf(delimiter);
    if (found < 0) {
      parts.push(bytes);
      size += bytes.length;
      checkPieceBytes(size, "a line");
      continue;
    }
    bytes = parts.length === 0 ? bytes : Buffer.concat([...parts, bytes]);
    const lines: Uint8Array[] = [];
    let start = 0;
    let end = size - searched.length + found;
    for (; end >= 0; end = bytes.indexOf(delimiter, start)) {
      lines.push(bytes.subarray(start, end));
      start = end + delimiter.length;
    }
    yield lines;
    parts.length = 0;
    if (start < bytes.length) parts.push(bytes.subarray(start));
    size = bytes.length - start;
    checkPieceBytes(size, "a line");
  }
  if (size > 0) yield [Buffer.concat(parts)];
}

/** The last bytes of the parts, `count` at most. */
function lastBytes(parts: readonly Buffer[], count: number): Buffer {
  let tail: Buffer = Buffer.alloc(0);
  for (let at = parts.length - 1; at >= 0 && tail.length < count; at--)
    tail = Buffer.concat([(parts[at] as Buffer).subarray(-(count - tail.length)), tail]);
  return tail;
}

/** All of it as one piece; nothing of nothing. */
export async function* wholeOf(chunks: Chunks): AsyncGenerator<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    pieces.push(bytesOf(chunk));
    size += bytesOf(chunk).length;
    checkPieceBytes(size, "the input");
  }
  if (size > 0) yield [Buffer.concat(pieces)];
}
