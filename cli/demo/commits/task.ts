// What a consumer of the demo about commits is told to do.

export const wayNames = ["autoAwaited", "autoNotAwaited", "commitAsync", "commit"] as const;

export type WayName = (typeof wayNames)[number];

export interface CommitsTask {
  readonly name: WayName;
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly autoCommitIntervalMs: number;
  /** max.poll.records: the batch that poll() hands out. */
  readonly batchRecords: number;
  /** How long the work on one record takes. */
  readonly workMs: number;
}
