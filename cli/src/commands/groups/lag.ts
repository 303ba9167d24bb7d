// How far a group is behind, in records and in time. Pure.

import type { GroupDescription } from "@brooklet/client";
import { duration } from "../../format.ts";

/** Over all partitions: the records to read, and how long the oldest of them has waited; absent when that is unknown. */
export function lagOf({ offsets }: Pick<GroupDescription, "offsets">): { lag: number; lagSeconds?: number } {
  const lag = offsets.reduce((sum, offset) => sum + offset.lag, 0);
  let lagSeconds: number | undefined = 0;
  for (const offset of offsets)
    lagSeconds =
      lagSeconds === undefined || offset.lagSeconds === undefined ? undefined : Math.max(lagSeconds, offset.lagSeconds);
  return { lag, ...(lagSeconds === undefined ? {} : { lagSeconds }) };
}

/** `3.2 s`; nothing when nothing waits. */
export function behind(lagSeconds: number | undefined): string {
  if (lagSeconds === undefined) return "unknown";
  return lagSeconds === 0 ? "" : duration(lagSeconds * 1000);
}
