// A log that was replaced below a position (KIP-320, hard place 8): the broker came back without its newest records, and others
// may stand at their offsets now. What the application is told, and where reading goes on. Pure.

import { type BrookletError, LogTruncationError } from "../errors.ts";
import type { PartitionState } from "./positions.ts";
import { nameOf, plain } from "./types.ts";

/** FENCED: other records now; UNKNOWN: the broker has never come as far as that epoch, its data is an older copy. */
const TRUNCATIONS: ReadonlySet<string> = new Set(["FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"]);

export function isTruncation({ code }: BrookletError): boolean {
  return TRUNCATIONS.has(code);
}

/** Where the log and what was read part; undefined when the broker cannot say. */
export interface Divergence {
  readonly offset: number;
  readonly leaderEpoch: number;
}

export function divergenceOf({ context }: BrookletError): Divergence | undefined {
  const { endOffset, leaderEpoch } = context ?? {};
  if (typeof endOffset !== "number" || endOffset < 0) return undefined;
  return { offset: endOffset, leaderEpoch: typeof leaderEpoch === "number" ? leaderEpoch : -1 };
}

/** `resetsTo`: `auto.offset.reset`; with `none` nothing moves until the application seeks. */
export function truncationError(
  { topic, partition, position = -1, leaderEpoch }: PartitionState,
  cause: BrookletError,
  resetsTo: string,
): LogTruncationError {
  const name = nameOf({ topic, partition });
  const divergence = divergenceOf(cause);
  const until =
    divergence === undefined
      ? "the broker cannot say where they part"
      : `they are the same up to offset ${divergence.offset}; what was read from there on is gone`;
  const target = divergence?.offset ?? `the offset that auto.offset.reset=${resetsTo} says`;
  return new LogTruncationError(
    `the log of ${name} is not the one that was read: position ${position} follows records of leader epoch ${leaderEpoch}, and ${until}. The broker has lost its newest records, as after a power loss below durability disk or a restored copy (${cause.message})`,
    {
      code: "LOG_TRUNCATION",
      cause,
      hint:
        resetsTo === "none"
          ? `seek to ${divergence?.offset ?? "an offset that exists"} to go on; undo what was done with the lost records if that matters`
          : `the position has moved to ${target}: the next poll goes on there; undo what was done with the lost records if that matters`,
      context: {
        ...plain({ topic, partition }),
        offset: position,
        leaderEpoch,
        ...(divergence === undefined
          ? {}
          : { divergentOffset: divergence.offset, divergentLeaderEpoch: divergence.leaderEpoch }),
      },
    },
  );
}
