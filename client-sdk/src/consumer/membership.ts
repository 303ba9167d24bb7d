// One member of one group: a pure machine in the shape of KIP-848. Takes an event and the time, returns effects; the only
// caller is member-session.ts, which owns clock and network. Callbacks, commits and positions are not here (rebalance.ts).
//
// Invariants: every request takes a higher `seq`; answers of any request but the newest are ignored, so at most one counts;
// only the newest request's answer changes the epoch; `owned` never grows but by `reconciled`.

import { errorRow, invariant, isErrorCode } from "@brooklet/protocol";
import type { BrookletError } from "../errors.ts";
import { heartbeatRequest, JOIN_EPOCH, leaveRequest } from "./heartbeat-requests.ts";
import { InstanceClaim } from "./instance-claim.ts";
import { measuredSilence } from "./measured.ts";
import {
  type AssignedPartition,
  type HeartbeatAnswer,
  type LeaveMode,
  type MemberEffect,
  type MemberEvent,
  type MemberSettings,
  type MemberState,
  memberTransitions,
} from "./membership-states.ts";
import { samePartitions } from "./partition-identity.ts";

const NOTHING: MemberEffect[] = [];

export class Membership {
  readonly #settings: MemberSettings;
  #state: MemberState = "UNSUBSCRIBED";
  #epoch = JOIN_EPOCH;
  #seq = 0;
  #inFlightSeq: number | undefined;
  /** Another heartbeat is wanted as soon as the one in flight is answered. */
  #again = false;
  /** The next request says everything: at a join and after any error. */
  #full = true;
  #subscriptionChanged = false;
  #ownedChanged = false;
  #brokerIntervalMs = Number.POSITIVE_INFINITY;
  #failures = 0;
  #subscribed = false;
  #topics: readonly string[] = [];
  #pattern: string | undefined;
  #hadPattern = false;
  #owned: readonly AssignedPartition[] = [];
  #target: readonly AssignedPartition[] | undefined;
  #targetReason: string | undefined;
  #joined = false;
  /** The group has forgotten the member, or never knew it; nothing needs to be left. */
  #gone = true;
  #lastPollMs = Number.NEGATIVE_INFINITY;
  #fatal: BrookletError | undefined;
  #lossReason = "";
  #lossHandledOnce = false;
  #rejoinReason: string | undefined;
  #leaveReason = "";
  #leaveMode: LeaveMode = "default";
  readonly #claim = new InstanceClaim();
  /** Longest delay of the heartbeat timer since the last accepted heartbeat: explains an eviction. */
  #blockedMs = 0;

  constructor(settings: MemberSettings) {
    this.#settings = settings;
  }

  get state(): MemberState {
    return this.#state;
  }
  get memberId(): string {
    return this.#settings.memberId;
  }
  /** The epoch that commits carry; undefined while the group knows no such member. */
  get liveEpoch(): number | undefined {
    return this.#gone || !this.#joined ? undefined : this.#epoch;
  }
  get owned(): readonly AssignedPartition[] {
    return this.#owned;
  }
  /** What the broker assigned and the caller has yet to carry out. */
  get pendingTarget(): readonly AssignedPartition[] | undefined {
    return this.#state === "RECONCILING" ? this.#target : undefined;
  }
  get targetReason(): string | undefined {
    return this.#targetReason;
  }
  /** Partitions are lost and the caller has yet to drop them. */
  get lossPending(): boolean {
    return this.#state === "FENCED" || this.#state === "STALE" || (this.#state === "FATAL" && !this.#lossHandledOnce);
  }
  get lossReason(): string {
    return this.#lossReason;
  }
  get fatal(): BrookletError | undefined {
    return this.#state === "FATAL" ? this.#fatal : undefined;
  }
  /** No membership is left to give up: partitions are lost, not revoked. */
  get gone(): boolean {
    return this.#gone;
  }

  handle(event: MemberEvent, nowMs: number): MemberEffect[] {
    switch (event.type) {
      case "subscribe":
        return this.#subscribe(event.topics, event.pattern);
      case "poll":
        return this.#poll(nowMs);
      case "pollTimer":
        return this.#pollTimer(nowMs);
      case "heartbeatTimer":
        this.#blockedMs = Math.max(this.#blockedMs, event.lateMs);
        return this.#heartbeatNow();
      case "hint":
        return this.#isActive() && this.#joined ? this.#heartbeatNow() : [];
      case "answer":
        return this.#answer(event.seq, event.answer);
      case "failure":
        return this.#failure(event, nowMs);
      case "reconciled":
        return this.#reconciled(event.owned);
      case "lossHandled":
        return this.#lossHandled(nowMs);
      case "prepareLeave":
        return this.#prepareLeave();
      case "leave":
        return this.#leave(event.reason, event.mode ?? "default");
      case "forgetLeave":
        return this.#state === "LEAVING" || this.#state === "PREPARE_LEAVING" ? this.#left() : [];
    }
  }

  /** In the group or on the way into it. */
  #isActive(): boolean {
    const state = this.#state;
    return state === "JOINING" || state === "RECONCILING" || state === "ACKNOWLEDGING" || state === "STABLE";
  }

  #to(next: MemberState): void {
    const legal: readonly MemberState[] = memberTransitions[this.#state];
    invariant(legal.includes(next), `a member goes from ${this.#state} to ${next}`);
    this.#state = next;
  }

  #subscribe(topics: readonly string[], pattern: string | undefined): MemberEffect[] {
    this.#subscribed = true;
    this.#topics = topics;
    this.#pattern = pattern;
    this.#hadPattern ||= pattern !== undefined;
    this.#subscriptionChanged = true;
    return [];
  }

  #poll(nowMs: number): MemberEffect[] {
    // After a blocked event loop user code runs before any timer: the check here must not wait for it (hard place 4).
    if (this.#isActive() && nowMs - this.#lastPollMs > this.#settings.maxPollIntervalMs) return this.#goStale(nowMs);
    this.#lastPollMs = nowMs;
    if (this.#state === "UNSUBSCRIBED" && this.#subscribed) return this.#join(nowMs);
    return this.#subscriptionChanged && this.#joined && this.#isActive() ? this.#heartbeatNow() : NOTHING;
  }

  /** Polls do not move the timer, which would cost one per record; it looks how long ago the last one was. */
  #pollTimer(nowMs: number): MemberEffect[] {
    if (!this.#isActive()) return [];
    const leftMs = this.#lastPollMs + this.#settings.maxPollIntervalMs - nowMs;
    return leftMs > 0 ? [{ type: "schedule", timer: "poll", delayMs: leftMs }] : this.#goStale(nowMs);
  }

  #join(nowMs: number): MemberEffect[] {
    this.#to("JOINING");
    this.#epoch = JOIN_EPOCH;
    this.#joined = false;
    this.#gone = false;
    this.#full = true;
    this.#again = false;
    this.#owned = [];
    this.#target = undefined;
    this.#fatal = undefined;
    const pollDueMs = this.#lastPollMs + this.#settings.maxPollIntervalMs;
    return [
      { type: "schedule", timer: "poll", delayMs: Math.max(0, pollDueMs - nowMs) },
      ...this.#send(),
      { type: "changed" },
    ];
  }

  #goStale(nowMs: number): MemberEffect[] {
    const { maxPollIntervalMs } = this.#settings;
    const silence = `${((nowMs - this.#lastPollMs) / 1000).toFixed(1)} s`;
    const reason = `max.poll.interval.ms ${maxPollIntervalMs} exceeded: the application did not call poll for ${silence}`;
    this.#lastPollMs = nowMs;
    this.#to("STALE");
    this.#rejoinReason = `polls again after it left: ${reason}`;
    return this.#lose(reason, [this.#leaveRequest(reason, "default")]);
  }

  /** The membership is over, whoever ended it. */
  #lose(reason: string, last: MemberEffect[] = []): MemberEffect[] {
    this.#gone = true;
    this.#joined = false;
    this.#target = undefined;
    this.#lossReason = reason;
    this.#lossHandledOnce = false;
    return [
      ...last,
      { type: "cancel", timer: "heartbeat" },
      { type: "cancel", timer: "poll" },
      { type: "lose", reason },
      { type: "changed" },
    ];
  }

  #heartbeatNow(): MemberEffect[] {
    const sends = this.#isActive() || this.#state === "LEAVING" || (this.#state === "PREPARE_LEAVING" && !this.#gone);
    if (!sends) return [];
    if (this.#inFlightSeq !== undefined) {
      this.#again = true;
      return [];
    }
    return this.#state === "LEAVING" ? [this.#leaveRequest(this.#leaveReason, this.#leaveMode)] : this.#send();
  }

  #send(): MemberEffect[] {
    const request = heartbeatRequest(this.#settings, {
      epoch: this.#epoch,
      seq: ++this.#seq,
      full: this.#full,
      topics: this.#topics,
      pattern: this.#pattern,
      subscriptionChanged: this.#subscriptionChanged,
      hadPattern: this.#hadPattern,
      owned: this.#owned,
      ownedChanged: this.#ownedChanged,
      reason: this.#rejoinReason,
    });
    this.#inFlightSeq = request.seq;
    this.#again = false;
    this.#subscriptionChanged = false;
    this.#ownedChanged = false;
    const effects: MemberEffect[] = [
      { type: "send", request },
      { type: "schedule", timer: "heartbeat", delayMs: this.#intervalMs() },
    ];
    if (this.#state === "ACKNOWLEDGING") {
      const settled = this.#target === undefined || samePartitions(this.#owned, this.#target);
      this.#to(settled ? "STABLE" : "RECONCILING");
      effects.push({ type: "changed" });
    }
    return effects;
  }

  #intervalMs(): number {
    return Math.min(this.#settings.heartbeatIntervalMs, this.#brokerIntervalMs);
  }

  #leaveRequest(reason: string, mode: LeaveMode): MemberEffect {
    this.#inFlightSeq = ++this.#seq;
    this.#again = false;
    return { type: "send", request: leaveRequest(this.#settings, this.#seq, reason, mode) };
  }

  #answer(seq: number, answer: HeartbeatAnswer): MemberEffect[] {
    if (seq !== this.#inFlightSeq) return [];
    this.#inFlightSeq = undefined;
    if (this.#state === "LEAVING") return this.#left();
    if (!this.#isActive() && this.#state !== "PREPARE_LEAVING") return [];
    if (this.#gone) return [];

    this.#failures = 0;
    this.#blockedMs = 0;
    this.#claim.reset();
    this.#full = false;
    this.#rejoinReason = undefined;
    this.#brokerIntervalMs = Math.max(1, answer.heartbeatIntervalMs);
    this.#epoch = answer.memberEpoch;
    const firstAnswer = !this.#joined;
    this.#joined = true;
    if (this.#state === "PREPARE_LEAVING") return this.#again ? this.#heartbeatNow() : [];

    const target = answer.assignment ?? (firstAnswer ? [] : undefined);
    if (target !== undefined) this.#accept(target, answer.reason, firstAnswer);
    return [{ type: "changed" }, ...(this.#again ? this.#heartbeatNow() : [])];
  }

  #accept(target: readonly AssignedPartition[], reason: string | undefined, firstAnswer: boolean): void {
    this.#target = target;
    this.#targetReason = reason;
    const differs = firstAnswer || !samePartitions(this.#owned, target);
    // While acknowledging, the new target waits until the acknowledgement is sent.
    if (differs && (this.#state === "JOINING" || this.#state === "STABLE")) this.#to("RECONCILING");
  }

  #failure(
    { seq, error, jitter, connectionSeq }: Extract<MemberEvent, { type: "failure" }>,
    nowMs: number,
  ): MemberEffect[] {
    if (seq !== this.#inFlightSeq) return [];
    this.#inFlightSeq = undefined;
    this.#full = true;
    const recovery = isErrorCode(error.code) ? errorRow(error.code).recovery : "raise";
    if (this.#state === "LEAVING") return error.retriable ? this.#retry(jitter) : this.#left();
    if (this.#state === "PREPARE_LEAVING") {
      if (error.retriable) return this.#retry(jitter);
      this.#gone = true;
      return [{ type: "cancel", timer: "heartbeat" }, { type: "changed" }];
    }
    if (!this.#isActive()) return [];
    if (error.code === "UNRELEASED_INSTANCE_ID") return this.#unreleased(error, { jitter, connectionSeq, nowMs });
    this.#claim.reset();
    // A refused `seq` was overtaken by a newer connection's: the next one is higher.
    if (error.retriable || error.code === "STALE_MEMBER_EPOCH") return this.#retry(jitter);
    if (error.code === "TOPIC_AUTHORIZATION_FAILED") return [{ type: "raise", error }, ...this.#retry(jitter)];
    if (recovery === "rejoin") {
      // A join that is answered so was overtaken by something: only then a back-off keeps it from spinning.
      if (this.#state === "JOINING") return this.#retry(jitter);
      const measured = this.measured(nowMs);
      this.#to("FENCED");
      this.#rejoinReason = `joins again after ${error.code}${measured}`;
      return this.#lose(`${error.message}${measured}`);
    }
    return this.#fail(error);
  }

  #fail(error: BrookletError): MemberEffect[] {
    this.#to("FATAL");
    this.#fatal = error;
    return this.#lose(error.message);
  }

  /** The last holder of the instance id still counts as alive: its place becomes free when its session ends. */
  #unreleased(
    error: BrookletError,
    { jitter, connectionSeq, nowMs }: { jitter: number; connectionSeq: number; nowMs: number },
  ): MemberEffect[] {
    const backoffMs = this.#backoffMs(jitter);
    const waitMs = this.#claim.refused(error, this.#settings, { backoffMs, nowMs, connectionSeq });
    if (waitMs === undefined) return this.#fail(this.#claim.givenUp(error, nowMs));
    this.#again = false;
    return [{ type: "schedule", timer: "heartbeat", delayMs: waitMs }];
  }

  #retry(jitter: number): MemberEffect[] {
    const delayMs = this.#backoffMs(jitter);
    this.#again = false;
    return [{ type: "schedule", timer: "heartbeat", delayMs }];
  }

  #backoffMs(jitter: number): number {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#settings;
    const plainMs = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return plainMs * (0.8 + 0.4 * jitter);
  }

  /** For errors: what was measured here that may explain a lost membership. */
  measured(nowMs: number): string {
    return measuredSilence(this.#blockedMs, nowMs - this.#lastPollMs, this.#intervalMs());
  }

  #reconciled(owned: readonly AssignedPartition[]): MemberEffect[] {
    if (this.#state !== "RECONCILING") return [];
    this.#owned = owned;
    this.#ownedChanged = true;
    this.#to("ACKNOWLEDGING");
    return [{ type: "changed" }, ...this.#heartbeatNow()];
  }

  #lossHandled(nowMs: number): MemberEffect[] {
    if (!this.lossPending) return [];
    this.#owned = [];
    this.#lossHandledOnce = true;
    return this.#state === "FATAL" ? [] : this.#join(nowMs);
  }

  #prepareLeave(): MemberEffect[] {
    this.#subscribed = false;
    this.#topics = [];
    this.#pattern = undefined;
    if (this.#state === "UNSUBSCRIBED" || this.#state === "PREPARE_LEAVING" || this.#state === "LEAVING") return [];
    this.#to("PREPARE_LEAVING");
    return [{ type: "cancel", timer: "poll" }, { type: "changed" }];
  }

  #leave(reason: string, mode: LeaveMode): MemberEffect[] {
    if (this.#state !== "PREPARE_LEAVING") return [];
    if (this.#gone) return this.#left();
    this.#to("LEAVING");
    this.#leaveReason = reason;
    this.#leaveMode = mode;
    this.#gone = true;
    this.#owned = [];
    // It may follow an unanswered heartbeat: its seq supersedes that one.
    return [{ type: "cancel", timer: "heartbeat" }, this.#leaveRequest(reason, mode), { type: "changed" }];
  }

  #left(): MemberEffect[] {
    this.#to("UNSUBSCRIBED");
    this.#gone = true;
    this.#joined = false;
    this.#owned = [];
    this.#target = undefined;
    this.#inFlightSeq = undefined;
    this.#failures = 0;
    return [{ type: "cancel", timer: "heartbeat" }, { type: "cancel", timer: "poll" }, { type: "changed" }];
  }
}
