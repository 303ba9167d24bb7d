// Static members (KIP-345, hard place 12): whose an instance id is, who may take it over, and when. Pure rules; group.ts acts.
//
// | the holder of the instance id | a join (epoch 0) with another member id | any other epoch |
// | --- | --- | --- |
// | is alive | UNRELEASED_INSTANCE_ID, and the claim is remembered | FENCED_INSTANCE_ID |
// | departed (left with -2, or its session ended while a claim waited) | takes over place, epochs and partitions | FENCED_INSTANCE_ID |
// | is unknown or removed | joins as a new member | UNKNOWN_MEMBER_ID |

import { ProtocolError } from "@brooklet/protocol";
import type { FarewellWords } from "./farewells.ts";
import { type HeartbeatRequest, type Member, spokenName } from "./member.ts";
import { spoken } from "./partitions.ts";
import type { Roster } from "./roster.ts";

/** A place that a claimant was told to wait for is kept for so many heartbeat intervals after its holder's session. */
const CLAIM_WAIT_INTERVALS = 2;

const OWN_INSTANCE_ID = "Give every process its own group.instance.id.";

/** Throws unless the member may speak under this instance id. A member keeps its instance id for life. */
export function checkInstance(member: Member, { instanceId }: HeartbeatRequest): void {
  if (instanceId === undefined || instanceId === member.instanceId) return;
  const known = member.instanceId === undefined ? "no instance id" : `the instance id ${member.instanceId}`;
  throw new ProtocolError(
    "INVALID_REQUEST",
    `member ${spokenName(member)} has ${known} and speaks for ${instanceId}: a member keeps its instance id`,
    { hint: "Use a fresh member id for every client object." },
  );
}

/** FENCED_INSTANCE_ID: somebody else is this static member. */
export function fencedInstance(holder: Member, memberId: string): ProtocolError {
  return new ProtocolError(
    "FENCED_INSTANCE_ID",
    `static member ${holder.instanceId} is ${spokenName(holder)} now, not ${memberId}`,
    { hint: OWN_INSTANCE_ID, context: { memberId: holder.id } },
  );
}

/**
 * UNRELEASED_INSTANCE_ID: the holder may still be alive.
 *
 * Context: `memberId` of the holder; `retryAfterMs` until its session, or group.disconnect.grace.ms, would end.
 */
export function unreleasedInstance(holder: Member, nowMs: number): ProtocolError {
  const dueMs = Math.min(
    holder.sessionDueMs ?? nowMs + holder.sessionTimeoutMs,
    holder.graceDueMs ?? Number.POSITIVE_INFINITY,
  );
  const retryAfterMs = Math.max(1, Math.ceil(dueMs - nowMs));
  return new ProtocolError(
    "UNRELEASED_INSTANCE_ID",
    `static member ${holder.instanceId} is ${spokenName(holder)}, last heard ${spoken(nowMs - holder.lastHeardMs)} ago; ` +
      `unless it is heard again its session ends in ${spoken(retryAfterMs)}`,
    {
      hint: "Wait for retryAfterMs and join again; or stop the other process that has this group.instance.id.",
      context: { memberId: holder.id, retryAfterMs },
    },
  );
}

/** What the departed member hears when it speaks again. */
export function replacedBy(memberId: string, { instanceId }: Member, atMs: number): FarewellWords {
  const why = `member ${memberId} came as static member ${instanceId}`;
  return { verb: "was replaced", code: "FENCED_INSTANCE_ID", why, advice: OWN_INSTANCE_ID, atMs };
}

/** Who waits for the place of a member whose time is over; undefined: nobody, it is removed. */
export function waitingClaimant({ departed, claimant }: Member): string | undefined {
  return departed ? undefined : claimant;
}

/** How long the place is kept for the claimant. */
export function claimWaitMs({ sessionTimeoutMs }: Member, heartbeatIntervalMs: number): number {
  return Math.min(sessionTimeoutMs, CLAIM_WAIT_INTERVALS * heartbeatIntervalMs);
}

/** The member that somebody names by its member id, its instance id or both (Kafka's LeaveGroup), or why there is none. */
export function findNamed(
  roster: Roster,
  { memberId = "", instanceId = "" }: { readonly memberId?: string; readonly instanceId?: string },
  unknownMember: (memberId: string) => ProtocolError,
): Member | ProtocolError {
  if (memberId === "" && instanceId === "")
    return new ProtocolError("INVALID_REQUEST", "a member to remove is named by its member id or its instance id");
  const member = instanceId === "" ? roster.members.get(memberId) : roster.holderOf(instanceId);
  if (member === undefined)
    return memberId === ""
      ? new ProtocolError("UNKNOWN_MEMBER_ID", `there is no static member ${JSON.stringify(instanceId)} in the group`)
      : unknownMember(memberId);
  return memberId === "" || member.id === memberId ? member : fencedInstance(member, memberId);
}
