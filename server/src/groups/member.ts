// One member of a group: what is durable of it, what lives only in memory, and the checks of its requests.
// The group (group.ts) changes members; nobody else does.

import { type ApiRequest, instanceIdProblem, ProtocolError, topicNameProblem } from "@brooklet/protocol";
import type { Peer } from "../peer.ts";
import type { HeartbeatAnswer, ReplyTo } from "./effects.ts";
import { type HeldPartition, keyOf, type PartitionKey } from "./partitions.ts";

export type HeartbeatRequest = ApiRequest<"groupHeartbeat">;

/**
 * STABLE: has what its epoch gives it. UNREVOKED_PARTITIONS: must give up partitions before it moves on; its epoch stays.
 * UNRELEASED_PARTITIONS: waits for partitions that others still hold.
 */
export type MemberState = "STABLE" | "UNREVOKED_PARTITIONS" | "UNRELEASED_PARTITIONS";

/** A heartbeat that has not been answered. While there is one, the member's deadlines stand still. */
export interface OwedAnswer {
  readonly to: ReplyTo;
  readonly seq: number;
  /** The epoch the member has proved to know. */
  readonly claimedEpoch: number;
  /** What it says it holds; undefined: unchanged. */
  readonly owned: ReadonlySet<PartitionKey> | undefined;
  /** It said everything and wants to hear everything. */
  readonly full: boolean;
  /** Set once it is known what to answer; it leaves when the group's state of `version` is durable. */
  ready: { readonly answer: HeartbeatAnswer; readonly version: number; readonly assignmentVersion: number } | undefined;
}

export interface Member {
  readonly id: string;

  // Durable.
  /** group.instance.id of a static member (KIP-345). */
  instanceId: string | undefined;
  /**
   * A static member that is gone and keeps its place until its session ends or somebody comes back as it: it left with epoch
   * -2, or its session ended while a claimant was waiting. It holds nothing; it is assigned what waits for its return.
   */
  departed: boolean;
  clientId: string;
  epoch: number;
  /** The last epoch the member proved to know before `epoch`: an answer that got lost must not fence it. */
  previousEpoch: number;
  state: MemberState;
  assigned: Map<PartitionKey, HeldPartition>;
  pendingRevocation: Map<PartitionKey, HeldPartition>;
  subscription: readonly string[];
  /** An RE2 expression: it subscribes to the topics that match it, beside `subscription`. */
  pattern: string | undefined;
  assignor: string | undefined;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;

  // Of the group's versions, the one that last changed this member, and the one that last changed what it is assigned.
  version: number;
  assignmentVersion: number;

  // In memory only.
  /** The last heartbeat accepted; undefined after a broker start, when the first one seen is accepted. */
  seq: number | undefined;
  commitSeq: number | undefined;
  peer: Peer | undefined;
  /** A hint went out and no heartbeat has come since. */
  hinted: boolean;
  /** The assignmentVersion of the last answer that left. */
  told: number | undefined;
  owed: OwedAnswer | undefined;
  /** Since when its rebalance deadline runs; undefined while it does not. */
  rebalanceArmedMs: number | undefined;
  /** How long that deadline may still run in all for what it is to give up now; undefined: it was not told yet. */
  revocationLeftMs: number | undefined;
  lastHeardMs: number;
  /** When its session ends if nothing is heard; undefined while its deadlines stand still. */
  sessionDueMs: number | undefined;
  /** When group.disconnect.grace.ms ends for it; undefined while its client is connected. */
  graceDueMs: number | undefined;
  /** Whose claim of its instance id was refused last since it was heard. */
  claimant: string | undefined;
  /** Its session was prolonged once because its peer was held back, and no heartbeat has come since. */
  prolonged: boolean;
}

/** The bounds a group keeps its members to. */
export interface GroupLimits {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly defaultSessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly maxMembers: number;
  /** Those that members may ask for; the first is the default. */
  readonly assignors: readonly string[];
}

/** Kafka's max.poll.interval.ms, for a hand-made join that names no rebalance timeout. */
const DEFAULT_REBALANCE_TIMEOUT_MS = 300_000;

/** A member as it is admitted: nothing assigned, epoch 0. */
export function newMember(id: string, limits: GroupLimits): Member {
  return {
    id,
    instanceId: undefined,
    departed: false,
    clientId: "",
    epoch: 0,
    previousEpoch: 0,
    state: "STABLE",
    assigned: new Map(),
    pendingRevocation: new Map(),
    subscription: [],
    pattern: undefined,
    assignor: undefined,
    sessionTimeoutMs: limits.defaultSessionTimeoutMs,
    rebalanceTimeoutMs: DEFAULT_REBALANCE_TIMEOUT_MS,
    version: 0,
    assignmentVersion: 0,
    seq: undefined,
    commitSeq: undefined,
    peer: undefined,
    hinted: false,
    told: undefined,
    owed: undefined,
    rebalanceArmedMs: undefined,
    revocationLeftMs: undefined,
    lastHeardMs: 0,
    sessionDueMs: undefined,
    graceDueMs: undefined,
    claimant: undefined,
    prolonged: false,
  };
}

/** What of a member no failed turn takes back (hard place 1); of one that was gone only its numbers are known. */
export function keepVolatile(member: Member, known: Partial<Member> & Pick<Member, "lastHeardMs">): void {
  member.seq = known.seq;
  member.commitSeq = known.commitSeq;
  member.peer = known.peer;
  member.hinted = known.hinted ?? false;
  member.rebalanceArmedMs = known.rebalanceArmedMs;
  member.revocationLeftMs = known.revocationLeftMs;
  member.lastHeardMs = known.lastHeardMs;
  member.sessionDueMs = known.sessionDueMs;
  member.graceDueMs = known.graceDueMs;
  member.claimant = known.claimant;
}

/** "w1", or "w1 (billing-worker)" where the client gave itself a name. */
export function spokenName({ id, clientId }: Pick<Member, "id" | "clientId">): string {
  return clientId === "" || clientId === id ? id : `${id} (${clientId})`;
}

const INSTANCE_ID_HINT = 'Choose another group.instance.id: 1 to 249 letters, digits, ".", "_" or "-".';

/** Throws unless the request is legal by itself, whatever the group is. */
export function checkRequest(request: HeartbeatRequest, limits: GroupLimits): void {
  const { memberEpoch, instanceId, subscription, assignor, sessionTimeoutMs } = request;
  const instanceProblem = instanceId === undefined ? undefined : instanceIdProblem(instanceId);
  if (instanceProblem !== undefined)
    throw new ProtocolError("INVALID_REQUEST", instanceProblem, { hint: INSTANCE_ID_HINT });
  if (assignor !== undefined && !limits.assignors.includes(assignor))
    throw new ProtocolError(
      "UNSUPPORTED_ASSIGNOR",
      `there is no assignor ${JSON.stringify(assignor)}; there is ${limits.assignors.join(", ")} (group.consumer.assignors)`,
      { hint: `Set group.remote.assignor to ${limits.assignors.join(" or ")}, or leave it out.` },
    );
  for (const topic of subscription ?? []) {
    const problem = topicNameProblem(topic);
    if (problem !== undefined) throw new ProtocolError("INVALID_REQUEST", `the subscription is not legal: ${problem}`);
  }
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = limits;
  if (
    sessionTimeoutMs !== undefined &&
    (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs)
  )
    throw new ProtocolError(
      "INVALID_SESSION_TIMEOUT",
      `session.timeout.ms is ${sessionTimeoutMs}; the broker takes ${minSessionTimeoutMs} to ${maxSessionTimeoutMs} ` +
        "(group.min.session.timeout.ms, group.max.session.timeout.ms)",
    );
  if (request.rebalanceTimeoutMs === 0)
    throw new ProtocolError("INVALID_REQUEST", "the rebalance timeout must be at least 1 ms");
  if (memberEpoch !== 0) return;
  if (subscription === undefined && request.pattern === undefined)
    throw new ProtocolError(
      "INVALID_REQUEST",
      "a joining request (member epoch 0) must name its subscription or a pattern",
    );
  if ((request.owned?.length ?? 0) > 0)
    throw new ProtocolError(
      "INVALID_REQUEST",
      "a joining request (member epoch 0) holds no partitions: owned must be empty",
    );
}

/** Throws STALE_MEMBER_EPOCH for a frame of an older connection: only a risen number speaks for the member (hard place 5). */
export function checkSeq(what: "heartbeat" | "commit", memberId: string, last: number | undefined, seq: number): void {
  if (last === undefined || seq > last) return;
  throw new ProtocolError(
    "STALE_MEMBER_EPOCH",
    `${what} ${seq} of member ${memberId} came after its ${what} ${last}: it is an old connection's frame or a repetition, ` +
      "and a retry takes a new number",
    { hint: `Send it with a higher seq; each ${what} of a member takes the next one.` },
  );
}

/** What the request says the member holds; undefined: unchanged. */
export function ownedKeys({ owned }: HeartbeatRequest): ReadonlySet<PartitionKey> | undefined {
  return owned === undefined ? undefined : new Set(owned.map(keyOf));
}

/** Throws FENCED_MEMBER_EPOCH unless the member speaks for its current epoch, or for the previous one after a lost answer. */
export function checkEpoch(member: Member, request: HeartbeatRequest): void {
  const { memberEpoch } = request;
  if (memberEpoch === 0) return;
  if (member.departed)
    throw new ProtocolError(
      "FENCED_MEMBER_EPOCH",
      `member ${spokenName(member)} has left and keeps its place as static member ${member.instanceId}. ` +
        "Join again with epoch 0.",
    );
  if (memberEpoch === member.epoch) return;
  const owned = ownedKeys(request);
  const holds = (key: PartitionKey) => member.assigned.has(key) || member.pendingRevocation.has(key);
  const knowsPrevious = memberEpoch === member.previousEpoch;
  if (knowsPrevious && owned !== undefined && [...owned].every(holds)) return;
  const why = !knowsPrevious
    ? ""
    : owned === undefined
      ? "; in the epoch before, it must say what it holds"
      : "; in the epoch before, it holds partitions that are not its own";
  throw new ProtocolError(
    "FENCED_MEMBER_EPOCH",
    `member ${spokenName(member)} speaks for epoch ${memberEpoch}; the group knows it in epoch ${member.epoch}${why}. ` +
      "Join again with epoch 0.",
    { context: { memberEpoch: member.epoch } },
  );
}
