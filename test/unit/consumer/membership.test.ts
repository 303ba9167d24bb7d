import { describe, expect, test } from "vitest";
import { Membership } from "../../../client-sdk/src/consumer/membership.ts";
import {
  type HeartbeatRequest,
  type MemberEffect,
  type MemberEvent,
  type MemberSettings,
  type MemberState,
  memberTransitions,
} from "../../../client-sdk/src/consumer/membership-states.ts";
import { samePartitions } from "../../../client-sdk/src/consumer/partition-identity.ts";
import type { BrookletError } from "../../../client-sdk/src/errors.ts";
import { failure } from "./fake-broker.ts";

const settings: MemberSettings = {
  groupId: "g",
  memberId: "m",
  clientId: "c",
  assignor: "uniform",
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 3000,
  maxPollIntervalMs: 300_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1000,
};
const p0 = { topic: "orders", topicId: "id", partition: 0 };
const p1 = { topic: "orders", topicId: "id", partition: 1 };

/** A machine with the plumbing of its driver: the newest request, and time. */
class Driven {
  readonly machine = new Membership(settings);
  nowMs = 0;
  sent: HeartbeatRequest[] = [];

  on(event: MemberEvent): MemberEffect[] {
    const effects = this.machine.handle(event, this.nowMs);
    for (const effect of effects) if (effect.type === "send") this.sent.push(effect.request);
    return effects;
  }
  get last(): HeartbeatRequest {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error("nothing was sent");
    return last;
  }
  answer(memberEpoch: number, assignment?: (typeof p0)[]): MemberEffect[] {
    const answer = { memberId: "m", memberEpoch, heartbeatIntervalMs: 5000 };
    return this.on({
      type: "answer",
      seq: this.last.seq,
      answer: assignment === undefined ? answer : { ...answer, assignment },
    });
  }
  fail(error: BrookletError): MemberEffect[] {
    return this.on({ type: "failure", seq: this.last.seq, error, jitter: 0.5, connectionSeq: 1 });
  }
  /** Brought into a state by the shortest story. */
  static in(state: MemberState): Driven {
    const it = new Driven();
    it.on({ type: "subscribe", topics: ["orders"] });
    if (state === "UNSUBSCRIBED") return it;
    it.on({ type: "poll" });
    if (state === "JOINING") return it;
    if (state === "FATAL") {
      it.fail(failure("GROUP_MAX_SIZE_REACHED"));
      return it;
    }
    it.answer(1, [p0]);
    if (state === "RECONCILING") return it;
    if (state === "ACKNOWLEDGING") {
      // A heartbeat is in flight when the reconciliation ends, so the acknowledgement has to wait.
      it.on({ type: "hint" });
      it.on({ type: "reconciled", owned: [p0] });
      return it;
    }
    it.on({ type: "reconciled", owned: [p0] });
    it.answer(1);
    if (state === "STABLE") return it;
    if (state === "FENCED") {
      it.on({ type: "hint" });
      it.fail(failure("UNKNOWN_MEMBER_ID"));
    } else if (state === "STALE") {
      it.nowMs = 300_001;
      it.on({ type: "pollTimer" });
    } else {
      it.on({ type: "prepareLeave" });
      if (state === "LEAVING") it.on({ type: "leave", reason: "closed" });
    }
    return it;
  }
}

const states = Object.keys(memberTransitions) as MemberState[];

test("every story leads into its state", () => {
  for (const state of states) expect(Driven.in(state).machine.state).toBe(state);
});

type Cell = readonly [next: MemberState, ...effects: string[]];
const same = (state: MemberState): Cell => [state];

const events = {
  poll: (it: Driven) => it.on({ type: "poll" }),
  pollTimerEarly: (it: Driven) => it.on({ type: "pollTimer" }),
  pollTimerDue: (it: Driven) => {
    it.nowMs += 300_001;
    return it.on({ type: "pollTimer" });
  },
  latePoll: (it: Driven) => {
    it.nowMs += 300_001;
    return it.on({ type: "poll" });
  },
  heartbeatTimer: (it: Driven) => it.on({ type: "heartbeatTimer", lateMs: 0 }),
  hint: (it: Driven) => it.on({ type: "hint" }),
  answerSame: (it: Driven) => it.answer(2),
  answerTarget: (it: Driven) => it.answer(2, [p0, p1]),
  staleAnswer: (it: Driven) =>
    it.on({ type: "answer", seq: 0, answer: { memberId: "m", memberEpoch: 9, heartbeatIntervalMs: 1 } }),
  retriable: (it: Driven) => it.fail(failure("COORDINATOR_NOT_AVAILABLE", { retriable: true })),
  staleSeq: (it: Driven) => it.fail(failure("STALE_MEMBER_EPOCH")),
  fenced: (it: Driven) => it.fail(failure("FENCED_MEMBER_EPOCH")),
  unknownMember: (it: Driven) => it.fail(failure("UNKNOWN_MEMBER_ID")),
  fatal: (it: Driven) => it.fail(failure("UNSUPPORTED_ASSIGNOR")),
  topicForbidden: (it: Driven) => it.fail(failure("TOPIC_AUTHORIZATION_FAILED")),
  reconciled: (it: Driven) => it.on({ type: "reconciled", owned: [p0] }),
  lossHandled: (it: Driven) => it.on({ type: "lossHandled" }),
  prepareLeave: (it: Driven) => it.on({ type: "prepareLeave" }),
  leave: (it: Driven) => it.on({ type: "leave", reason: "closed" }),
  forgetLeave: (it: Driven) => it.on({ type: "forgetLeave" }),
} satisfies Record<string, (it: Driven) => MemberEffect[]>;
type EventName = keyof typeof events;

const lost = ["cancel", "cancel", "lose", "changed"];
/** What is not listed leaves the state as it is and does nothing. In ST and the others without a request in flight, answers are nobody's. */
const table: Record<MemberState, Partial<Record<EventName, Cell>>> = {
  UNSUBSCRIBED: {
    poll: ["JOINING", "schedule", "send", "schedule", "changed"],
    latePoll: ["JOINING", "schedule", "send", "schedule", "changed"],
  },
  JOINING: {
    pollTimerEarly: ["JOINING", "schedule"],
    pollTimerDue: ["STALE", "send", ...lost],
    latePoll: ["STALE", "send", ...lost],
    answerSame: ["RECONCILING", "changed"],
    answerTarget: ["RECONCILING", "changed"],
    retriable: ["JOINING", "schedule"],
    staleSeq: ["JOINING", "schedule"],
    fenced: ["JOINING", "schedule"],
    unknownMember: ["JOINING", "schedule"],
    fatal: ["FATAL", ...lost],
    topicForbidden: ["JOINING", "raise", "schedule"],
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
  RECONCILING: {
    pollTimerEarly: ["RECONCILING", "schedule"],
    pollTimerDue: ["STALE", "send", ...lost],
    latePoll: ["STALE", "send", ...lost],
    heartbeatTimer: ["RECONCILING", "send", "schedule"],
    hint: ["RECONCILING", "send", "schedule"],
    reconciled: ["STABLE", "changed", "send", "schedule", "changed"],
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
  ACKNOWLEDGING: {
    pollTimerEarly: ["ACKNOWLEDGING", "schedule"],
    pollTimerDue: ["STALE", "send", ...lost],
    latePoll: ["STALE", "send", ...lost],
    answerSame: ["STABLE", "changed", "send", "schedule", "changed"],
    answerTarget: ["RECONCILING", "changed", "send", "schedule", "changed"],
    retriable: ["ACKNOWLEDGING", "schedule"],
    staleSeq: ["ACKNOWLEDGING", "schedule"],
    fenced: ["FENCED", ...lost],
    unknownMember: ["FENCED", ...lost],
    fatal: ["FATAL", ...lost],
    topicForbidden: ["ACKNOWLEDGING", "raise", "schedule"],
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
  STABLE: {
    pollTimerEarly: ["STABLE", "schedule"],
    pollTimerDue: ["STALE", "send", ...lost],
    latePoll: ["STALE", "send", ...lost],
    heartbeatTimer: ["STABLE", "send", "schedule"],
    hint: ["STABLE", "send", "schedule"],
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
  FENCED: {
    lossHandled: ["JOINING", "schedule", "send", "schedule", "changed"],
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
  PREPARE_LEAVING: {
    heartbeatTimer: ["PREPARE_LEAVING", "send", "schedule"],
    leave: ["LEAVING", "cancel", "send", "changed"],
    forgetLeave: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
  },
  LEAVING: {
    answerSame: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    answerTarget: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    retriable: ["LEAVING", "schedule"],
    staleSeq: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    fenced: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    unknownMember: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    fatal: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    topicForbidden: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
    forgetLeave: ["UNSUBSCRIBED", "cancel", "cancel", "changed"],
  },
  STALE: {
    lossHandled: ["JOINING", "schedule", "send", "schedule", "changed"],
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
  FATAL: {
    prepareLeave: ["PREPARE_LEAVING", "cancel", "changed"],
  },
};

describe("every state and event", () => {
  for (const state of states) {
    for (const name of Object.keys(events) as EventName[]) {
      // Before anything was sent, no answer and no failure can come.
      if (state === "UNSUBSCRIBED" && /answer|retriable|stale|fenced|unknown|fatal|topic/i.test(name)) continue;
      test(`${state}: ${name}`, () => {
        const it = Driven.in(state);
        const effects = events[name](it);
        expect([it.machine.state, ...effects.map(({ type }) => type)]).toEqual(table[state][name] ?? same(state));
      });
    }
  }
});

test("each request takes a higher seq, also a retry and a leave", () => {
  const it = Driven.in("STABLE");
  it.on({ type: "hint" });
  it.fail(failure("NETWORK_EXCEPTION", { retriable: true, definite: false }));
  it.on({ type: "heartbeatTimer", lateMs: 0 });
  it.on({ type: "prepareLeave" });
  it.on({ type: "leave", reason: "closed" });
  const seqs = it.sent.map(({ seq }) => seq);
  expect(seqs).toEqual([1, 2, 3, 4, 5]);
});

test("one heartbeat is in flight: a hint meanwhile is answered by another one afterwards", () => {
  const it = Driven.in("STABLE");
  it.on({ type: "hint" });
  const before = it.sent.length;
  expect(it.on({ type: "hint" })).toEqual([]);
  expect(it.on({ type: "heartbeatTimer", lateMs: 0 })).toEqual([]);
  expect(it.sent).toHaveLength(before);
  it.answer(1);
  expect(it.sent).toHaveLength(before + 1);
});

test("a join says everything; the next heartbeat only who it is; after an error everything again", () => {
  const it = Driven.in("JOINING");
  const full = {
    subscription: ["orders"],
    owned: [],
    clientId: "c",
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 300_000,
  };
  expect(it.last).toMatchObject({ memberEpoch: 0, ...full });
  it.answer(1, [p0]);
  it.on({ type: "reconciled", owned: [p0] });
  expect(it.last).toEqual({ groupId: "g", memberId: "m", memberEpoch: 1, seq: 2, owned: [p0] });
  it.answer(1);
  it.on({ type: "hint" });
  expect(it.last).toEqual({ groupId: "g", memberId: "m", memberEpoch: 1, seq: 3 });
  it.fail(failure("KAFKA_STORAGE_ERROR", { retriable: true, definite: false }));
  it.on({ type: "heartbeatTimer", lateMs: 0 });
  expect(it.last).toMatchObject({ memberEpoch: 1, seq: 4, ...full, owned: [p0] });
});

test("the heartbeat interval is the smaller of its own and the broker's", () => {
  const it = Driven.in("RECONCILING");
  expect(it.on({ type: "hint" })).toContainEqual({ type: "schedule", timer: "heartbeat", delayMs: 3000 });
  it.on({
    type: "answer",
    seq: it.last.seq,
    answer: { memberId: "m", memberEpoch: 1, heartbeatIntervalMs: 700 },
  });
  expect(it.on({ type: "hint" })).toContainEqual({ type: "schedule", timer: "heartbeat", delayMs: 700 });
});

test("retries back off, doubling to the maximum, and start over after an answer", () => {
  const it = Driven.in("STABLE");
  const delays: number[] = [];
  for (let failures = 0; failures < 6; failures++) {
    it.on({ type: "heartbeatTimer", lateMs: 0 });
    const [effect] = it.fail(failure("NETWORK_EXCEPTION", { retriable: true, definite: false }));
    if (effect?.type === "schedule") delays.push(effect.delayMs);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1000, 1000]);
  it.on({ type: "heartbeatTimer", lateMs: 0 });
  it.answer(1);
  it.on({ type: "heartbeatTimer", lateMs: 0 });
  expect(it.fail(failure("NETWORK_EXCEPTION", { retriable: true }))).toEqual([
    { type: "schedule", timer: "heartbeat", delayMs: 100 },
  ]);
});

test("an answer of an older request changes nothing", () => {
  const it = Driven.in("STABLE");
  it.on({ type: "hint" });
  const before = it.machine.liveEpoch;
  it.on({ type: "answer", seq: it.last.seq - 1, answer: { memberId: "m", memberEpoch: 7, heartbeatIntervalMs: 1 } });
  expect(it.machine.liveEpoch).toBe(before);
});

test("a newer target during a reconciliation waits for its acknowledgement", () => {
  const it = Driven.in("RECONCILING");
  it.on({ type: "hint" });
  it.answer(2, [p0, p1]);
  expect(it.machine.pendingTarget).toEqual([p0, p1]);
  it.on({ type: "reconciled", owned: [p0] });
  expect(it.last.owned).toEqual([p0]);
  expect(it.machine.state).toBe("RECONCILING");
});

test("the first assignment is carried out even when it is empty", () => {
  const it = Driven.in("JOINING");
  it.answer(1, []);
  expect(it.machine.state).toBe("RECONCILING");
  it.on({ type: "reconciled", owned: [] });
  it.answer(1, []);
  expect(it.machine.state).toBe("STABLE");
});

test("who does not poll leaves with a reason that the others can see, and joins again with the next poll", () => {
  const it = Driven.in("STABLE");
  it.nowMs = 300_500;
  it.on({ type: "pollTimer" });
  expect(it.last).toMatchObject({ memberEpoch: -1 });
  expect(it.last.reason).toContain("max.poll.interval.ms 300000 exceeded");
  expect(it.machine.liveEpoch).toBeUndefined();
  it.on({ type: "poll" });
  it.on({ type: "lossHandled" });
  expect(it.last).toMatchObject({ memberEpoch: 0, owned: [] });
  expect(it.last.reason).toContain("max.poll.interval.ms");
});

test("polls push the poll timer back", () => {
  const it = Driven.in("STABLE");
  it.nowMs = 200_000;
  it.on({ type: "poll" });
  it.nowMs = 300_000;
  expect(it.on({ type: "pollTimer" })).toEqual([{ type: "schedule", timer: "poll", delayMs: 200_000 }]);
  it.nowMs = 500_000;
  it.on({ type: "pollTimer" });
  expect(it.machine.state).toBe("STALE");
});

test("a poll that comes too late acts as if the timer had fired (hard place 4)", () => {
  const it = Driven.in("STABLE");
  it.nowMs = 300_001;
  it.on({ type: "poll" });
  expect(it.machine.state).toBe("STALE");
  expect(it.last.memberEpoch).toBe(-1);
});

test("the blocked event loop is named where it explains an eviction", () => {
  const it = Driven.in("STABLE");
  it.on({ type: "heartbeatTimer", lateMs: 31_000 });
  const effects = it.fail(failure("UNKNOWN_MEMBER_ID", { message: "removed" }));
  expect(effects).toContainEqual({
    type: "lose",
    reason: "UNKNOWN_MEMBER_ID: removed (the client's event loop was blocked 31.0 s)",
  });
  it.on({ type: "lossHandled" });
  expect(it.last.reason).toContain("blocked 31.0 s");
});

test("an error is fatal unless it is retriable or a loss of membership", () => {
  const it = Driven.in("STABLE");
  it.on({ type: "hint" });
  it.fail(failure("INVALID_REQUEST"));
  expect(it.machine.fatal?.code).toBe("INVALID_REQUEST");
  expect(it.machine.lossPending).toBe(true);
  it.on({ type: "lossHandled" });
  expect(it.machine.lossPending).toBe(false);
  expect(it.machine.fatal?.code).toBe("INVALID_REQUEST");
});

test("a member put out while it prepares to leave has nothing left to leave", () => {
  const it = Driven.in("PREPARE_LEAVING");
  it.on({ type: "heartbeatTimer", lateMs: 0 });
  it.fail(failure("UNKNOWN_MEMBER_ID"));
  expect(it.machine.gone).toBe(true);
  const sent = it.sent.length;
  it.on({ type: "leave", reason: "closed" });
  expect(it.machine.state).toBe("UNSUBSCRIBED");
  expect(it.sent).toHaveLength(sent);
});

test("a changed subscription goes out with the next poll", () => {
  const it = Driven.in("STABLE");
  it.on({ type: "subscribe", topics: ["orders", "bills"] });
  it.on({ type: "poll" });
  expect(it.last).toMatchObject({ memberEpoch: 1, subscription: ["orders", "bills"] });
});

test("a topic created again is another topic", () => {
  expect(samePartitions([p0], [{ ...p0, topicId: "other" }])).toBe(false);
  expect(samePartitions([p0, p1], [p1, p0])).toBe(true);
});
