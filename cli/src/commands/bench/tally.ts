// Which of the numbered records were acknowledged and which arrived, how often and in what order.
// Invariant: one byte per record, so that a run is bounded by MAX_RECORDS and by nothing that happens in it.

/** A run has no more: 50 MB of counting. */
export const MAX_RECORDS = 50_000_000;

const ACKNOWLEDGED = 1;
const ARRIVED = 2;

export class Tally {
  readonly #seen: Uint8Array;
  /** By partition: the highest number that arrived. */
  readonly #highest = new Map<number, number>();
  acknowledged = 0;
  /** Different records. */
  arrived = 0;
  duplicates = 0;
  /** Arrived for the first time, after a later one of the same partition. */
  outOfOrder = 0;
  /** Acknowledged and not there yet; at the end of a run: lost. */
  missing = 0;

  constructor(records: number) {
    if (records > MAX_RECORDS) throw new RangeError(`a tally counts up to ${MAX_RECORDS} records; this is ${records}`);
    this.#seen = new Uint8Array(records);
  }

  /** A tally of the same acknowledged records, none of which has arrived: for reading them again. */
  again(): Tally {
    const other = new Tally(this.#seen.length);
    for (const [number, seen] of this.#seen.entries()) if ((seen & ACKNOWLEDGED) !== 0) other.acknowledge(number);
    return other;
  }

  acknowledge(number: number): void {
    const seen = this.#seen[number];
    if (seen === undefined || (seen & ACKNOWLEDGED) !== 0) return;
    this.#seen[number] = seen | ACKNOWLEDGED;
    this.acknowledged++;
    if ((seen & ARRIVED) === 0) this.missing++;
  }

  /** Counts an arrival; true when it is the first of this record. A number that nobody sent is no arrival. */
  arrive(number: number, partition: number): boolean {
    const seen = this.#seen[number];
    if (seen === undefined) return false;
    if ((seen & ARRIVED) !== 0) {
      this.duplicates++;
      return false;
    }
    this.#seen[number] = seen | ARRIVED;
    this.arrived++;
    if ((seen & ACKNOWLEDGED) !== 0) this.missing--;
    const highest = this.#highest.get(partition) ?? -1;
    if (number < highest) this.outOfOrder++;
    else this.#highest.set(partition, number);
    return true;
  }
}
