// Carries out what the membership machine wants: sends heartbeats, keeps its timers, reports. The only place where the
// machine meets clock, chance and network. Beats beside poll and never depends on it.
//
// Invariant: after close() no timer is left and nothing that arrives late reaches the machine.

import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import { BrookletError } from "../errors.ts";
import type { BrokerClient } from "../network/client.ts";
import type { ClientLogger } from "../world.ts";
import type { Call, Calls } from "./calls.ts";
import { Membership } from "./membership.ts";
import type {
  AssignedPartition,
  LeaveMode,
  MemberEffect,
  MemberEvent,
  MemberSettings,
  MemberState,
} from "./membership-states.ts";
import type { ConsumerEvent } from "./types.ts";

/** After so much of max.poll.interval.ms without a poll the application is warned. */
const POLL_NEAR_SHARE = 0.8;
/** So long a leave waits for a broker that cannot be reached; longer than one takes to restart. Its session ends without us. */
export const LEAVE_UNREACHABLE_MS = 3_000;
const LEAVE_LOOK_INTERVAL_MS = 250;

export interface MemberSessionOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly member: MemberSettings;
  readonly requestTimeoutMs: number;
  readonly logger: ClientLogger;
  readonly calls: Calls;
  emit(event: ConsumerEvent, detail: Record<string, unknown>): void;
  /** Fenced: drops the partitions now if no callback has to run on the caller; says whether it did. */
  dropLost(reason: string): boolean;
}

export class MemberSession {
  readonly #options: MemberSessionOptions;
  readonly #machine: Membership;
  readonly #timers: Timers;
  readonly #stopHints: () => void;
  readonly #raised: BrookletError[] = [];
  #lastFailure: BrookletError | undefined;
  #lastPollMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: MemberSessionOptions) {
    this.#options = options;
    this.#machine = new Membership(options.member);
    this.#timers = options.clock.timers();
    this.#stopHints = options.client.onHeartbeatNow((groupId) => {
      if (groupId === options.member.groupId) this.handle({ type: "hint" });
    });
  }

  get state(): MemberState {
    return this.#machine.state;
  }
  get memberId(): string {
    return this.#machine.memberId;
  }
  get instanceId(): string | undefined {
    return this.#options.member.instanceId;
  }
  get liveEpoch(): number | undefined {
    return this.#machine.liveEpoch;
  }
  get pendingTarget(): readonly AssignedPartition[] | undefined {
    return this.#machine.pendingTarget;
  }
  get targetReason(): string | undefined {
    return this.#machine.targetReason;
  }
  get lossPending(): boolean {
    return this.#machine.lossPending;
  }
  get lossReason(): string {
    return this.#machine.lossReason;
  }
  get fatal(): BrookletError | undefined {
    return this.#machine.fatal;
  }
  /** Why the newest heartbeat got no answer; undefined when it did. */
  get lastFailure(): BrookletError | undefined {
    return this.#lastFailure;
  }
  get gone(): boolean {
    return this.#machine.gone;
  }
  /** What was measured here and may explain why the broker has put the member out; in parentheses, or nothing. */
  get measured(): string {
    return this.#machine.measured(this.#options.clock.nowMs());
  }

  handle(event: MemberEvent): void {
    if (this.#closed) return;
    const nowMs = this.#options.clock.nowMs();
    if (event.type === "poll") this.#lastPollMs = nowMs;
    for (const effect of this.#machine.handle(event, nowMs)) this.#apply(effect);
  }

  /** An error that the application is told once. */
  takeRaised(): BrookletError | undefined {
    return this.#raised.shift();
  }

  /**
   * Leaves and waits for the answer: as long as the call has time, and for `LEAVE_UNREACHABLE_MS` while there is no connection.
   * Says whether the broker confirmed it.
   */
  async leave(reason: string, call: Call, mode: LeaveMode = "default"): Promise<boolean> {
    const { calls, client, clock } = this.#options;
    this.handle({ type: "leave", reason, mode });
    let unreachableSinceMs: number | undefined;
    while (this.#machine.state !== "UNSUBSCRIBED") {
      const { version } = calls;
      const nowMs = clock.nowMs();
      unreachableSinceMs = client.disconnected === undefined ? undefined : (unreachableSinceMs ?? nowMs);
      const isUnreachable = unreachableSinceMs !== undefined && nowMs - unreachableSinceMs >= LEAVE_UNREACHABLE_MS;
      if (call.expired || isUnreachable) break;
      // Nobody says that a connection is gone.
      this.#timers.schedule("leaveLook", LEAVE_LOOK_INTERVAL_MS, () => calls.changed());
      await call.change(version);
    }
    this.#timers.cancel("leaveLook");
    const isConfirmed = this.#machine.state === "UNSUBSCRIBED";
    this.handle({ type: "forgetLeave" });
    return isConfirmed;
  }

  close(): void {
    this.#closed = true;
    this.#timers.close();
    this.#stopHints();
  }

  #apply(effect: MemberEffect): void {
    switch (effect.type) {
      case "send":
        void this.#send(effect.request);
        return;
      case "schedule":
        if (effect.timer === "poll") this.#watchPolls();
        this.#timers.schedule(effect.timer, effect.delayMs, (lateMs) => {
          if (effect.timer === "poll") this.handle({ type: "pollTimer" });
          else this.#heartbeatDue(lateMs);
        });
        return;
      case "cancel":
        this.#timers.cancel(effect.timer);
        if (effect.timer === "poll") this.#timers.cancel("pollNear");
        return;
      case "lose":
        this.#lost(effect.reason);
        return;
      case "raise":
        this.#raised.push(effect.error);
        this.#options.calls.changed();
        return;
      case "changed":
        this.#options.calls.changed();
        return;
    }
  }

  /** Like the machine's own timer it is not moved by polls, but looks how long ago the last one was. */
  #watchPolls(): void {
    const { member, clock, emit, logger } = this.#options;
    const nearMs = member.maxPollIntervalMs * POLL_NEAR_SHARE;
    const sincePollMs = clock.nowMs() - this.#lastPollMs;
    const isNear = sincePollMs >= nearMs;
    this.#timers.schedule("pollNear", isNear ? nearMs : nearMs - sincePollMs, () => this.#watchPolls());
    if (!isNear) return;
    const { groupId, memberId, maxPollIntervalMs } = member;
    const leftMs = Math.max(0, maxPollIntervalMs - sincePollMs);
    const detail = { groupId, memberId, sincePollMs, leftMs, maxPollIntervalMs };
    logger.warn(
      detail,
      `no poll for ${Math.round(sincePollMs)} ms: in ${Math.round(leftMs)} ms (max.poll.interval.ms) the member leaves the group`,
    );
    emit("pollIntervalNear", detail);
  }

  #heartbeatDue(lateMs: number): void {
    const { member, emit, logger } = this.#options;
    if (lateMs >= member.heartbeatIntervalMs) {
      const { groupId, memberId, sessionTimeoutMs } = member;
      const detail = { groupId, memberId, blockedMs: lateMs, sessionTimeoutMs };
      logger.warn(detail, `the event loop was blocked: a heartbeat is ${Math.round(lateMs)} ms late`);
      emit("heartbeatLate", detail);
    }
    this.handle({ type: "heartbeatTimer", lateMs });
  }

  async #send(request: Extract<MemberEffect, { type: "send" }>["request"]): Promise<void> {
    const { client, member, requestTimeoutMs, random } = this.#options;
    const { seq } = request;
    try {
      // Half a session: a silent connection must leave time for another attempt.
      const timeoutMs = Math.min(requestTimeoutMs, Math.ceil(member.sessionTimeoutMs / 2));
      const { header } = await client.request("groupHeartbeat", request, { timeoutMs });
      this.#lastFailure = undefined;
      this.handle({ type: "answer", seq, answer: header });
    } catch (thrown) {
      const error = asBrookletError(thrown);
      const detail = { groupId: member.groupId, memberId: member.memberId, code: error.code, seq };
      // The first of a row is worth a line; the others say the same.
      const isFirst = this.#lastFailure === undefined && !this.#closed;
      this.#options.logger[isFirst ? "warn" : "debug"](detail, `heartbeat failed: ${error.message}`);
      this.#lastFailure = error;
      this.handle({ type: "failure", seq, error, jitter: random.next(), connectionSeq: client.connectionSeq });
    }
  }

  #lost(reason: string): void {
    const { member, logger, dropLost } = this.#options;
    const detail = { groupId: member.groupId, memberId: member.memberId, state: this.#machine.state };
    logger.warn(detail, `the member lost its place in the group: ${reason}`);
    // Only a fenced member goes on without its application: a stale one waits for it to poll, a fatal one is over.
    if (this.#machine.state === "FENCED" && dropLost(reason)) this.handle({ type: "lossHandled" });
  }
}

export function asBrookletError(thrown: unknown): BrookletError {
  if (BrookletError.is(thrown)) return thrown as BrookletError;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BrookletError(message, { code: "UNEXPECTED", definite: false, cause: thrown });
}
