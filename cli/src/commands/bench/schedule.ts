// When each record should be sent. Nothing that happens during a run changes it: that is what makes the load an open loop.

export interface Schedule {
  readonly recordsPerSecond: number;
  /** How many records in all, those of the warm-up first. */
  readonly records: number;
  /** The first so many are sent and counted, but their latency is not. */
  readonly warmUpRecords: number;
}

/** When record `number` (from 0) is due, in milliseconds after the start. */
export function dueMs({ recordsPerSecond }: Schedule, number: number): number {
  return (number * 1_000) / recordsPerSecond;
}
