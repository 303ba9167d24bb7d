// Why members go, as people read it: in timelines, in the reasons of epochs and in the refusals of who comes too late.

import type { FarewellWords } from "./farewells.ts";
import type { Member } from "./member.ts";
import { listed, spoken, type Topics } from "./partitions.ts";
import { printable } from "./words.ts";

/** What happened, and what to do about it. */
export type PartingWords = Pick<FarewellWords, "why" | "advice">;

const REJOIN = "Join again with epoch 0.";

export function silence({ lastHeardMs }: Member, nowMs: number): PartingWords {
  return {
    why: `no heartbeat for ${spoken(nowMs - lastHeardMs)}`,
    advice: "Raise session.timeout.ms or move the work off the event loop.",
  };
}

/** Of a static member that was gone and kept its place. */
export function noReturn({ instanceId, lastHeardMs }: Member, nowMs: number): PartingWords {
  return { why: `nobody came back as static member ${instanceId} for ${spoken(nowMs - lastHeardMs)}`, advice: REJOIN };
}

export function notGivenUp({ pendingRevocation, rebalanceTimeoutMs }: Member, topics: Topics): PartingWords {
  const late = listed(topics, pendingRevocation.values());
  return {
    why: `it did not give up ${late} within ${spoken(rebalanceTimeoutMs)}`,
    advice: "Call poll() more often or raise max.poll.interval.ms.",
  };
}

export function connectionClosed(graceMs: number): PartingWords {
  return {
    why: `its connection closed and it did not come back within ${spoken(graceMs)} (group.disconnect.grace.ms)`,
    advice: "Look for why its process ended or lost its network, or raise group.disconnect.grace.ms.",
  };
}

export function removedByAdministrator(reason: string | undefined): PartingWords {
  const said = printable(reason) ?? "";
  return { why: `an administrator removed it${said === "" ? "" : `: ${said}`}`, advice: REJOIN };
}

export function ownLeave(reason: string | undefined): PartingWords {
  return { why: printable(reason) ?? "it left the group", advice: REJOIN };
}

export const JOIN_NOT_STORED: PartingWords = { why: "its join could not be stored", advice: REJOIN };
