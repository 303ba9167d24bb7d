// What a worker of the demo and its parent tell each other. Times are wall times of the one machine.

/** One record that a worker has processed. */
export interface Delivery {
  readonly partition: number;
  readonly offset: number;
  readonly airport: string;
  readonly flightDate: string;
  readonly costDollars: number;
}

export type FromWorker =
  | { readonly kind: "assigned" | "revoked" | "lost"; readonly partitions: readonly number[]; readonly atMs: number }
  | { readonly kind: "processed"; readonly deliveries: readonly Delivery[]; readonly atMs: number }
  | { readonly kind: "committed"; readonly offsets: readonly { partition: number; offset: number }[] }
  | { readonly kind: "failed"; readonly message: string };

export interface WorkerTask {
  readonly name: string;
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly commitIntervalMs: number;
}

export type ToWorker = { readonly kind: "start"; readonly task: WorkerTask } | { readonly kind: "close" };
