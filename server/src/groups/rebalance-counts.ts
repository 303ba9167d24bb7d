// How often groups came to a new epoch, and what brought it about: counted from what happens, for the metrics.

import type { Happening } from "./effects.ts";

/** The label `reason` of brooklet_consumer_group_rebalances_total: a member came, left, or was removed; else what is read changed. */
export const rebalanceReasons = ["join", "leave", "eviction", "subscription"] as const;
/** Groups between what happened to them and their next epoch; a member that comes back to its old place leaves one behind. */
const MAX_CAUSES = 10_000;
type RebalanceReason = (typeof rebalanceReasons)[number];

export class RebalanceCounts {
  readonly #totals = new Map<RebalanceReason, number>(rebalanceReasons.map((reason) => [reason, 0]));
  /** What happened in a group since its last epoch; forgotten whole when it grows to MAX_CAUSES. */
  readonly #causes = new Map<string, RebalanceReason>();

  happened(groupId: string, event: Happening["event"]): void {
    if (event === "join" || event === "leave" || event === "eviction") {
      if (this.#causes.size >= MAX_CAUSES) this.#causes.clear();
      this.#causes.set(groupId, event);
    }
    if (event === "restore") this.#causes.delete(groupId);
    else if (event === "epoch") {
      const reason = this.#causes.get(groupId) ?? "subscription";
      this.#causes.delete(groupId);
      this.#totals.set(reason, (this.#totals.get(reason) ?? 0) + 1);
    }
  }

  totals(): Iterable<readonly [reason: string, count: number]> {
    return this.#totals;
  }
}
