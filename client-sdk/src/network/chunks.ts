// Cuts what goes into one request so that its header, and that of the answer, stay within the broker's limit.

import { MAX_HEADER_BYTES } from "@brooklet/protocol";
import type { BrokerLimits } from "./client.ts";

/** Partitions of one fetch, offset query or metadata look-up: some 400 bytes each, there and back. */
export const MAX_PARTITIONS_PER_REQUEST = 1_000;
/** Ids and names around the items. */
const RESERVED_HEADER_BYTES = 8_192;
/** JSON in UTF-8 has at most this many bytes per UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

/** Parts of at most `max` items; none for no items. */
export function inParts<T>(items: readonly T[], max = MAX_PARTITIONS_PER_REQUEST): T[][] {
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += max) parts.push(items.slice(from, from + max));
  return parts;
}

/** Parts of at most `max` items whose JSON fits a header each; an item that fits none goes alone, and is refused before it is sent. */
export function inHeaders<T>(
  items: readonly T[],
  limits: BrokerLimits | undefined,
  max = MAX_PARTITIONS_PER_REQUEST,
): T[][] {
  const roomBytes = (limits?.maxHeaderBytes ?? MAX_HEADER_BYTES) - RESERVED_HEADER_BYTES;
  const parts: T[][] = [];
  let part: T[] = [];
  let partBytes = 0;
  for (const item of items) {
    const itemBytes = (JSON.stringify(item) ?? "null").length * MAX_BYTES_PER_UNIT + 1;
    if (part.length > 0 && (partBytes + itemBytes > roomBytes || part.length >= max)) {
      parts.push(part);
      part = [];
      partBytes = 0;
    }
    part.push(item);
    partBytes += itemBytes;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
