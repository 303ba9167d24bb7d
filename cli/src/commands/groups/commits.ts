// `brooklet groups describe --commits`: what was recorded last of each partition, and which commits were refused and why.

import type { GroupDescription } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { timeOfDay } from "../../format.ts";
import { namingOf } from "./timeline.ts";

export async function showCommits(call: Call, group: GroupDescription): Promise<void> {
  const { offsets, refusedCommits } = group;
  if (offsets.length === 0) await call.output.line("  nothing is committed");
  else
    await call.output.table(
      ["  PARTITION", "COMMITTED", "AT", "METADATA"],
      offsets.map(({ topic, partition, offset, committedAtMs, metadata }) => [
        `  ${topic}-${partition}`,
        offset,
        timeOfDay(committedAtMs),
        metadata,
      ]),
    );
  if (refusedCommits.length === 0)
    return void (await call.output.line("  no commit was refused since the broker started"));
  const naming = namingOf(group);
  await call.output.line("  Refused, the latest last:");
  await call.output.table(
    ["  LAST", "MEMBER", "PARTITION", "OFFSET", "TIMES", "WHY"],
    refusedCommits.map(({ atMs, member, memberEpoch, topic, partition, offset, count, code, reason }) => [
      `  ${timeOfDay(atMs)}`,
      member === undefined ? "none" : naming(member),
      `${topic}-${partition}`,
      offset,
      count,
      `${code}${memberEpoch < 0 ? "" : ` (in epoch ${memberEpoch})`}: ${naming(reason)}`,
    ]),
  );
}
