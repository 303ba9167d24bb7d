// Which records of a log are of which leader epoch (Kafka's LeaderEpochFileCache): a short list, one entry for each boot epoch
// that left records here. By it a position that speaks of records that are gone, or were replaced, is recognised (KIP-320).
// Invariant: epochs and start offsets rise together.

import type { EpochStart, StoredLogIndex } from "../storage/storage.ts";

export class LeaderEpochs {
  #starts: EpochStart[] = [];
  #unsaved: EpochStart[] = [];

  /** From the stored state; `tail` are batches that the stored list may not know of. */
  load({ epochs, tail }: Pick<StoredLogIndex, "epochs" | "tail">, logStartOffset: number): void {
    this.#starts = [...epochs];
    for (const { leaderEpoch, baseOffset } of tail) this.assign(leaderEpoch, baseOffset);
    this.dropBefore(logStartOffset);
  }

  /** Something waits to be saved. */
  get hasUnsaved(): boolean {
    return this.#unsaved.length > 0;
  }

  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  /** Records of this epoch begin at the offset, unless they began earlier. */
  assign(leaderEpoch: number, startOffset: number): void {
    const latest = this.#starts.at(-1);
    if (latest !== undefined && latest.leaderEpoch >= leaderEpoch) return;
    const start = { leaderEpoch, startOffset };
    this.#starts.push(start);
    this.#unsaved.push(start);
  }

  /** What is to be saved; the caller gives it back if it could not be. */
  takeUnsaved(): readonly EpochStart[] {
    return this.#unsaved.splice(0);
  }

  giveBack(starts: readonly EpochStart[]): void {
    this.#unsaved = [...starts, ...this.#unsaved];
  }

  /** The epoch of the record at an offset; undefined when the log has none that begins there or earlier. */
  at(offset: number): number | undefined {
    return this.#starts.findLast(({ startOffset }) => startOffset <= offset)?.leaderEpoch;
  }

  /**
   * The largest epoch of the log that is not above the asked one, and the offset after its last record. A log without any such
   * record has the asked epoch end where its first later one begins, or at its end.
   *
   * Source: Kafka, LeaderEpochFileCache.endOffsetFor. Differs: an epoch that left no record has no entry of its own.
   */
  endOf(leaderEpoch: number, logEndOffset: number): { leaderEpoch: number; endOffset: number } {
    let floor = leaderEpoch;
    for (const start of this.#starts) {
      if (start.leaderEpoch > leaderEpoch) return { leaderEpoch: floor, endOffset: start.startOffset };
      floor = start.leaderEpoch;
    }
    return { leaderEpoch: floor, endOffset: logEndOffset };
  }

  /** The log begins here now. The epoch of its first record begins with it. */
  dropBefore(logStartOffset: number): void {
    const first = this.#starts.findLastIndex(({ startOffset }) => startOffset <= logStartOffset);
    const kept = this.#starts[first];
    if (kept === undefined) return;
    this.#starts.splice(0, first + 1, { leaderEpoch: kept.leaderEpoch, startOffset: logStartOffset });
  }
}
