// The values that a run sends: its own mark, a number, and padding. By the mark a run knows its records in a topic that has others.

const MARK_BYTES = 8;
const NUMBER_BYTES = 4;
/** A value has no fewer bytes. */
export const MIN_RECORD_BYTES = MARK_BYTES + NUMBER_BYTES;

export class NumberedValues {
  readonly #mark: Uint8Array;
  readonly #padding: Uint8Array;

  /** `mark`: different for each run; its first eight bytes count. */
  constructor(mark: string, recordBytes: number) {
    this.#mark = Buffer.from(mark.padEnd(MARK_BYTES, "-").slice(0, MARK_BYTES), "latin1");
    this.#padding = Buffer.alloc(recordBytes - MIN_RECORD_BYTES, "brooklet bench ");
  }

  write(number: number): Uint8Array {
    const value = Buffer.allocUnsafe(MIN_RECORD_BYTES + this.#padding.length);
    value.set(this.#mark, 0);
    value.writeUInt32BE(number, MARK_BYTES);
    value.set(this.#padding, MIN_RECORD_BYTES);
    return value;
  }

  /** The number, or undefined for a value that is not of this run, or not whole. */
  read(value: Uint8Array | null): number | undefined {
    if (value === null || value.length !== MIN_RECORD_BYTES + this.#padding.length) return undefined;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
    if (bytes.compare(this.#mark, 0, MARK_BYTES, 0, MARK_BYTES) !== 0) return undefined;
    if (bytes.compare(this.#padding, 0, this.#padding.length, MIN_RECORD_BYTES) !== 0) return undefined;
    return bytes.readUInt32BE(MARK_BYTES);
  }
}
