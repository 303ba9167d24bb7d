// Counts what a run delivered: every record carries its number, so loss, duplicates and wrong order show.
// Invariant: the bench prints no figure of a run whose count is not exact.

/** Writes record numbers into values of a fixed size, and checks them off again. */
export class Count {
  readonly #seen: Uint8Array;
  readonly #lastOfPartition = new Map<number, number>();
  distinct = 0;
  duplicates = 0;
  outOfOrder = 0;

  constructor(capacity: number) {
    this.#seen = new Uint8Array(capacity);
  }

  /** A value of `bytes` (at least 4) that carries `number`. */
  static value(number: number, bytes: number): Uint8Array {
    const value = Buffer.alloc(bytes, "v");
    value.writeUInt32BE(number, 0);
    return value;
  }

  /** One delivered record; numbers rise within a partition. */
  add(partition: number, value: Uint8Array | null): void {
    if (value === null) throw new Error(`partition ${partition} delivered a record without a value`);
    const number = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0);
    if (this.#seen[number] === 1) {
      this.duplicates++;
      return;
    }
    this.#seen[number] = 1;
    this.distinct++;
    if (number <= (this.#lastOfPartition.get(partition) ?? -1)) this.outOfOrder++;
    this.#lastOfPartition.set(partition, number);
  }

  /** Throws unless exactly `records` came, once each and in order. */
  check(what: string, records: number): void {
    const lost = records - this.distinct;
    if (lost !== 0 || this.duplicates !== 0 || this.outOfOrder !== 0)
      throw new Error(`${what}: ${lost} lost, ${this.duplicates} delivered twice, ${this.outOfOrder} out of order`);
  }
}
