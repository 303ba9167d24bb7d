// What a child of the demos and its parent tell each other. Times are wall times of the one machine.

/** A record by its name: there is no other with this partition and offset. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** One record that a member of the group has processed. */
export interface Delivery extends Place {
  readonly airport: string;
  readonly flightDate: string;
  readonly costDollars: number;
}

/** `offsets` of commits are the next to read, as in Kafka. */
export type FromChild<D extends Place = Delivery> =
  | { readonly kind: "assigned" | "revoked" | "lost"; readonly partitions: readonly number[]; readonly atMs: number }
  | { readonly kind: "processed"; readonly deliveries: readonly D[]; readonly atMs: number }
  | { readonly kind: "committed"; readonly offsets: readonly Place[] }
  | { readonly kind: "commitFailed"; readonly offsets: readonly Place[]; readonly code: string; readonly text: string }
  | { readonly kind: "failed"; readonly text: string };

/** `stall`: the next batch takes so long to process. */
export type ToChild<Task> =
  | { readonly kind: "start"; readonly task: Task }
  | { readonly kind: "stall"; readonly stallMs: number }
  | { readonly kind: "close" };
