// A group's partitions as people read them: what is committed, what is left to read, and who owns them. Pure.

import type { GroupDescription } from "@brooklet/client";
import { memberNames } from "./members.ts";

type GroupOffset = GroupDescription["offsets"][number];

export interface Share {
  readonly topic: string;
  readonly partition: number;
  /** What the group has committed, and the log beyond it; absent: nothing is committed. */
  readonly committed?: Pick<GroupOffset, "offset" | "highWatermark" | "lag" | "lagSeconds">;
  /** A short name of the member that owns it now; absent: nobody. */
  readonly owner?: string;
}

/** Every partition that is committed or owned, by topic and number. */
export function sharesOf(group: Pick<GroupDescription, "members" | "offsets">): Share[] {
  const names = memberNames(group);
  const shares = new Map<string, Share>();
  for (const { topic, partition, offset, highWatermark, lag, lagSeconds } of group.offsets) {
    const committed = { offset, highWatermark, lag, ...(lagSeconds === undefined ? {} : { lagSeconds }) };
    shares.set(`${topic}-${partition}`, { topic, partition, committed });
  }
  for (const { memberId, assignment } of group.members)
    for (const { topic, partition } of assignment) {
      const known = shares.get(`${topic}-${partition}`) ?? { topic, partition };
      shares.set(`${topic}-${partition}`, { ...known, owner: names.get(memberId) ?? memberId });
    }
  return [...shares.values()].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  );
}
