// The lines of a stream, as bytes: nothing is decoded, so what is no UTF-8 comes through unchanged.
// Invariant: at most one line of MAX_LINE_BYTES is held.

import { UsageError } from "../../exits.ts";

const NEWLINE = 0x0a;
/** Far above what a broker takes in one record; below what would exhaust memory. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Each line without its newline; the last one also when it has none. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  for await (const chunk of chunks) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield pieces.length === 0 ? bytes.subarray(start, end) : Buffer.concat([...pieces, bytes.subarray(start, end)]);
      pieces = [];
      pieceBytes = 0;
      start = end + 1;
    }
    if (start === bytes.length) continue;
    pieces.push(bytes.subarray(start));
    pieceBytes += bytes.length - start;
    if (pieceBytes > MAX_LINE_BYTES) throw new UsageError(`a line is longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (pieceBytes > 0) yield Buffer.concat(pieces);
}
