// Bytes that gather for one write: a system call per record would be most of the time that printing takes.
// Invariant: what was taken is never written to again, because a stream may keep it until its reader comes.

const FIRST_BYTES = 64 * 1024;
/** UTF-8 of a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

export class ByteSink {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #size = 0;

  /** How many bytes wait. */
  get size(): number {
    return this.#size;
  }

  bytes(data: Uint8Array): void {
    this.#makeRoom(data.length);
    this.#buffer.set(data, this.#size);
    this.#size += data.length;
  }

  text(text: string): void {
    this.#makeRoom(text.length * MAX_UNIT_BYTES);
    this.#size += this.#buffer.write(text, this.#size);
  }

  /** Big-endian, signed. */
  int32(value: number): void {
    this.#makeRoom(4);
    this.#size = this.#buffer.writeInt32BE(value, this.#size);
  }

  /** Hands over all that waits; the sink is empty then. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#size);
    this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#size = 0;
    return taken;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#size + bytes;
    if (needed <= this.#buffer.length) return;
    const wider = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
    wider.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = wider;
  }
}
