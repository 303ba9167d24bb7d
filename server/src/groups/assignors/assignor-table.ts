// The assignors there are, by Kafka's names, and which of them a group uses.

import type { Assign } from "./assignor.ts";
import { assignRange } from "./range.ts";
import { assignUniform } from "./uniform.ts";

const assignors: ReadonlyMap<string, Assign> = new Map([
  ["uniform", assignUniform],
  ["range", assignRange],
]);

/** Every name that group.consumer.assignors may hold. */
export const ASSIGNOR_NAMES: readonly string[] = [...assignors.keys()];

/** The assignor of this name; uniform for a name that an older data file may know and this broker does not. */
export function assignorOf(name: string): Assign {
  return assignors.get(name) ?? assignUniform;
}

/**
 * The assignor that most members ask for; who asks for none does not vote. Of equally many, and when nobody votes, the first
 * of `enabled` (Kafka's group.consumer.assignors).
 */
export function electAssignor(votes: Iterable<string | undefined>, enabled: readonly string[]): string {
  const counts = new Map(enabled.map((name) => [name, 0]));
  for (const vote of votes) {
    const count = counts.get(vote ?? "");
    if (vote !== undefined && count !== undefined) counts.set(vote, count + 1);
  }
  const most = Math.max(...counts.values());
  return enabled.find((name) => counts.get(name) === most) ?? "uniform";
}
