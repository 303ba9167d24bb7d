// Fixed-width big-endian integers, read and written in place. 64-bit ones are safe-integer numbers throughout brooklet;
// what does not fit is damage. Callers have checked that the bytes are there.

import { ProtocolError } from "./errors.ts";

const TWO_32 = 0x1_0000_0000;

export function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number);
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** Errors: CORRUPT_MESSAGE, naming `field`, outside the safe integers. */
export function readInt64(bytes: Uint8Array, at: number, field: string): number {
  const value = readInt32(bytes, at) * TWO_32 + readUint32(bytes, at + 4);
  if (!Number.isSafeInteger(value)) {
    throw new ProtocolError("CORRUPT_MESSAGE", `The batch's ${field} is outside ±(2^53 - 1).`);
  }
  return value;
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / TWO_32));
  writeInt32(bytes, at + 4, value % TWO_32);
}
