// What a consumer process and its test say to each other: one JSON document a line. The records of a poll are told before
// anything of them is committed, so that after a kill the test knows at least what the process knew.

import type { ConsumerConfig } from "@brooklet/client";

/** The program's argument. */
export interface ConsumerTask {
  readonly config: Omit<ConsumerConfig<string, string>, "key.deserializer" | "value.deserializer">;
  readonly topics: readonly string[];
  /** Commits after so many polls that gave records; 0: only when told to. */
  readonly commitEveryPolls: number;
}

export type ToConsumer =
  | { readonly do: "commit" }
  /** Blocks the event loop until the file is there, then commits before anything else can happen. */
  | { readonly do: "blockUntil"; readonly file: string }
  | { readonly do: "close" };

export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

export interface CommitRefusal {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly definite: boolean;
}

export type FromConsumer =
  | { readonly kind: "started"; readonly memberId: string }
  | { readonly kind: "assigned" | "revoked" | "lost"; readonly partitions: readonly number[] }
  | { readonly kind: "records"; readonly records: readonly Delivery[] }
  | { readonly kind: "committed"; readonly offsets: readonly { readonly partition: number; readonly offset: number }[] }
  | { readonly kind: "commitFailed"; readonly error: CommitRefusal }
  | { readonly kind: "unblocked" }
  | { readonly kind: "closed" };
