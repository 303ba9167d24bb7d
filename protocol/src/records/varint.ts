// Variable-length integers as records use them: zigzag, seven bits a byte, low ones first (Kafka's ByteUtils),
// and the cursor that reads the fields of records.
// Invariant: the cursor never leaves its record or batch; it throws CORRUPT_MESSAGE instead, before it allocates.

import { ProtocolError } from "../errors.ts";

const TWO_27 = 0x800_0000;

/** Reads forward through `bytes`, from `at` up to `end`; inside a record `end` is the record's. */
export class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** The next byte, unsigned. */
  readByte(): number {
    if (this.at >= this.end) throw cut(this.at);
    return this.bytes[this.at++] as number;
  }

  /** A signed 32-bit varint; five bytes at most. */
  readVarint(): number {
    let byte = this.readByte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let raw = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.readByte();
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
    }
    byte = this.readByte();
    if (byte > 0x0f) throw overlong(this.at, 32);
    raw |= byte << 28;
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A signed 64-bit varint; ten bytes at most, and a safe integer. */
  readVarlong(): number {
    let byte = this.readByte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.readByte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let middle = 0;
    for (let shift = 0; shift < 28 && byte >= 0x80; shift += 7) {
      byte = this.readByte();
      middle |= (byte & 0x7f) << shift;
    }
    let high = 0;
    if (byte >= 0x80) {
      byte = this.readByte();
      high = byte & 0x7f;
      if (byte >= 0x80) {
        byte = this.readByte();
        if (byte > 1) throw overlong(this.at, 64);
        high |= byte << 7;
      }
    }
    if (high !== 0) throw unsafe(this.at);
    // Zigzag by halves: the raw number may be one bit wider than a double is exact.
    const half = middle * TWO_27 + (low >>> 1);
    const value = low & 1 ? -half - 1 : half;
    if (!Number.isSafeInteger(value)) throw unsafe(this.at);
    return value;
  }

  /** Reads a record's length and its attributes (unused in v2) and stays inside it; returns the end to give to leaveRecord. */
  enterRecord(): number {
    const outerEnd = this.end;
    const length = this.readLength();
    this.end = this.at + length;
    this.readByte();
    return outerEnd;
  }

  /** Leaves a record, which must have been read to its exact end. */
  leaveRecord(outerEnd: number): void {
    if (this.at !== this.end) throw damaged(`a record has ${this.end - this.at} bytes too many`, this.at);
    this.end = outerEnd;
  }

  /** A length that must not be null, of bytes that are there. */
  readLength(): number {
    const length = this.readVarint();
    if (length < 0 || length > this.end - this.at) throw this.#badLength(length);
    return length;
  }

  /** -1 for null, or the length of bytes that are there. */
  readNullableLength(): number {
    const length = this.readVarint();
    if (length < -1 || length > this.end - this.at) throw this.#badLength(length);
    return length;
  }

  readHeaderCount(): number {
    const count = this.readVarint();
    // Each header takes two bytes at least.
    if (count < 0 || count * 2 > this.end - this.at) throw damaged(`a record says it has ${count} headers`, this.at);
    return count;
  }

  /** Skips what readLength or readNullableLength announced. */
  skip(length: number): void {
    if (length > 0) this.at += length;
  }

  /** A view of what readLength announced. */
  readBytes(length: number): Uint8Array {
    const { bytes, at } = this;
    this.at = at + length;
    // Not subarray(): of a Buffer it would be one, and it is the slower call.
    return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
  }

  readNullableBytes(): Uint8Array | null {
    const length = this.readNullableLength();
    return length < 0 ? null : this.readBytes(length);
  }

  #badLength(length: number): ProtocolError {
    return damaged(`a field says it has ${length} bytes, and ${this.end - this.at} are left in its record`, this.at);
  }
}

function cut(at: number): ProtocolError {
  return damaged("a record ends in the middle of a field", at);
}

function overlong(at: number, bits: number): ProtocolError {
  return damaged(`a varint has more than ${bits} bits`, at);
}

function unsafe(at: number): ProtocolError {
  return damaged("a varint is outside ±(2^53 - 1)", at);
}

function damaged(problem: string, at: number): ProtocolError {
  return new ProtocolError("CORRUPT_MESSAGE", `The record batch is damaged: at byte ${at} ${problem}.`);
}

/** How many bytes writeVarint takes for a signed 32-bit integer. */
export function varintSizeBytes(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0;
  if (raw < 0x80) return 1;
  if (raw < 0x4000) return 2;
  if (raw < 0x20_0000) return 3;
  return raw < 0x1000_0000 ? 4 : 5;
}

/** How many bytes writeVarlong takes for a safe integer. */
export function varlongSizeBytes(value: number): number {
  const half = value < 0 ? -value - 1 : value;
  if (half < 0x4000_0000) return varintSizeBytes(value);
  let size = 5;
  for (let limit = 2 ** 34; half >= limit; limit *= 128) size++;
  return size;
}

/** Writes a signed 32-bit integer at `at`; returns where it ends. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  while (raw >= 0x80) {
    bytes[at++] = (raw & 0x7f) | 0x80;
    raw >>>= 7;
  }
  bytes[at++] = raw;
  return at;
}

/** Writes a safe integer at `at`; returns where it ends. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  const half = value < 0 ? -value - 1 : value;
  if (half < 0x4000_0000) return writeVarint(bytes, at, value);
  bytes[at++] = ((half % 64) * 2 + (value < 0 ? 1 : 0)) | 0x80;
  let rest = Math.floor(half / 64);
  while (rest >= 0x80) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}
