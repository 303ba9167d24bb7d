// The checkers of the simulation: each passes a history that is right and finds what is wrong in one that is not.

import { expect, test } from "vitest";
import {
  abortedRead,
  answeredOnce,
  checkers,
  commitAhead,
  commitBeyondEnd,
  committedStart,
  duplicate,
  fencedCommit,
  inconsistentOffsets,
  logStartsRise,
  lostWrite,
  nonmonotonicSend,
  oneOwner,
  onePlaceOneMember,
  onlyDeletedIsGone,
  pollOrder,
  unseen,
} from "../../simulation/checkers.ts";
import {
  type Committed,
  type Delivered,
  type Grant,
  History,
  type Ownership,
  type Sent,
} from "../../simulation/history.ts";

const GROUP = "billing";
const PLACE = { topic: "orders", partition: 0 };

function history(fill: (history: History) => void): History {
  const made = new History();
  made.log.set("orders-0", []);
  fill(made);
  for (const [partition, entries] of made.log)
    if (!made.bounds.has(partition))
      made.bounds.set(partition, { start: entries[0]?.offset ?? 0, end: entries.length });
  return made;
}

function sent(number: number, outcome: Sent["outcome"], offset = -1, producer = "p1"): Sent {
  return { producer, number, value: `${producer}-${number}`, outcome, offset, ...PLACE };
}

const log = (...values: string[]) => values.map((value, offset) => ({ offset, value }));

function ownership(consumer: string, fromMs: number, rest: Partial<Ownership> = {}): Ownership {
  const untilMs = Number.POSITIVE_INFINITY;
  return { consumer, group: GROUP, fromMs, untilMs, end: "owned", ...PLACE, ...rest };
}

function delivered(of: Ownership, offset: number, atMs: number, value = `p1-${offset}`): Delivered {
  return { consumer: of.consumer, group: GROUP, offset, value, atMs, ownership: of, ...PLACE };
}

function committed(consumer: string, offset: number, sentAtMs: number, rest: Partial<Committed> = {}): Committed {
  return { consumer, group: GROUP, offset, sentAtMs, doneAtMs: sentAtMs + 5, accepted: true, ...PLACE, ...rest };
}

const stored = (offset: number, arrivedMs: number) => ({ group: GROUP, offset, arrivedMs, ...PLACE });

function grant(memberId: string, memberEpoch: number, assignment: string[] | undefined, atMs: number): Grant {
  return { group: GROUP, memberId, memberEpoch, assignment, atMs };
}

test("lost-write: what was acknowledged must stand at its offset", () => {
  const of = (...values: string[]) =>
    lostWrite(
      history((made) => {
        made.sent.push(sent(0, "acknowledged", 0), sent(1, "acknowledged", 1), sent(2, "unknown"), sent(3, "failed"));
        made.log.set("orders-0", log(...values));
      }),
    );
  expect(of("p1-0", "p1-1")).toEqual([]);
  expect(of("p1-0")).toEqual([expect.stringContaining("p1-1 was acknowledged at orders-0@1, where nothing stands")]);
  expect(of("p1-1", "p1-0")).toHaveLength(2);
});

test("G1a: what failed for certain must be nowhere; what is unknown may be", () => {
  const of = (...values: string[]) =>
    abortedRead(
      history((made) => {
        made.sent.push(sent(0, "failed"), sent(1, "unknown"));
        made.log.set("orders-0", log(...values));
      }),
    );
  expect(of("p1-1")).toEqual([]);
  expect(of("p1-0")).toEqual([expect.stringContaining("p1-0 failed for certain and stands at orders-0@0")]);
});

test("duplicate: one value in two places, also of two partitions", () => {
  const of = (first: string[], second: string[]) =>
    duplicate(
      history((made) => {
        made.log.set("orders-0", log(...first));
        made.log.set("orders-1", log(...second));
      }),
    );
  expect(of(["a", "b"], ["c"])).toEqual([]);
  expect(of(["a", "a"], [])).toHaveLength(1);
  expect(of(["a"], ["a"])).toHaveLength(1);
});

test("inconsistent-offsets: a reader saw another value than the one that stands there", () => {
  const of = (value: string, offset = 0) =>
    inconsistentOffsets(
      history((made) => {
        made.log.set("orders-0", log("p1-0"));
        made.delivered.push(delivered(ownership("c1", 0), offset, 1, value));
      }),
    );
  expect(of("p1-0")).toEqual([]);
  expect(of("p1-7")).toHaveLength(1);
  expect(of("p1-0", 1)).toEqual([expect.stringContaining("where nothing stands")]);
});

test("nonmonotonic-send: a producer's records in the order of its calls; producers may mix", () => {
  const of = (...values: string[]) =>
    nonmonotonicSend(
      history((made) => {
        made.sent.push(sent(0, "acknowledged"), sent(1, "acknowledged"), sent(0, "acknowledged", -1, "p2"));
        made.log.set("orders-0", log(...values));
      }),
    );
  expect(of("p1-0", "p2-0", "p1-1")).toEqual([]);
  expect(of("p1-1", "p2-0", "p1-0")).toEqual([expect.stringContaining("p1-0 stands behind a later send")]);
});

test("poll order: within one ownership every record once, in order; another ownership begins anew", () => {
  const of = (...offsets: number[]) =>
    pollOrder(
      history((made) => {
        const own = ownership("c1", 0);
        for (const offset of offsets) made.delivered.push(delivered(own, offset, offset));
        made.delivered.push(delivered(ownership("c1", 50), 0, 51));
      }),
    );
  expect(of(3, 4, 5)).toEqual([]);
  expect(of(3, 5)).toEqual([expect.stringContaining("poll-skip")]);
  expect(of(3, 3)).toEqual([expect.stringContaining("nonmonotonic-poll")]);
  expect(of(3, 2, 3)).toEqual([expect.stringContaining("nonmonotonic-poll")]);
});

test("seek: reading goes on where it was sent", () => {
  const of = (offset: number) =>
    pollOrder(history((made) => made.delivered.push(delivered(ownership("c1", 0, { soughtOffset: 7 }), offset, 1))));
  expect(of(7)).toEqual([]);
  expect(of(8)).toEqual([expect.stringContaining("sought orders-0@7 and read @8")]);
});

test("unseen: a group that reads from the start has read everything of its topics", () => {
  const of = (...offsets: number[]) =>
    unseen(GROUP, ["orders"])(
      history((made) => {
        made.log.set("orders-0", log("p1-0", "p1-1"));
        made.log.set("other-0", log("p2-0"));
        const own = ownership("c1", 0);
        for (const offset of offsets) made.delivered.push(delivered(own, offset, 1));
        made.delivered.push({ ...delivered(own, 1, 1), group: "audit" });
      }),
    );
  expect(of(0, 1)).toEqual([]);
  expect(of(0)).toEqual([expect.stringContaining("never read p1-1 at orders-0@1")]);
});

test("two owners: a partition moves only after a smaller answer to its holder, or after its removal", () => {
  const of = (grants: Grant[], removedAtMs?: number) =>
    oneOwner(
      history((made) => {
        made.grants.push(...grants);
        if (removedAtMs !== undefined) made.removals.push({ groupId: GROUP, member: "a", atMs: removedAtMs });
      }),
    );
  const first = grant("a", 1, ["orders-0", "orders-1"], 10);
  const second = grant("b", 2, ["orders-1"], 30);
  expect(of([first, grant("a", 2, ["orders-0"], 20), second])).toEqual([]);
  expect(of([first, second], 25)).toEqual([]);
  expect(of([first, second])).toEqual([
    expect.stringContaining("orders-1 of billing was granted to b in epoch 2 while a"),
  ]);
  expect(of([first, grant("a", 2, undefined, 20), second])).toHaveLength(1);
  expect(of([first, second], 5)).toHaveLength(1);
});

test("fenced commit: once another owns it, the older owner's is not accepted", () => {
  const of = (...commits: Committed[]) =>
    fencedCommit(
      history((made) => {
        made.ownerships.push(ownership("c1", 0, { untilMs: 100, end: "lost" }), ownership("c2", 50));
        made.commits.push(...commits);
      }),
    );
  expect(of(committed("c1", 3, 20), committed("c2", 4, 60))).toEqual([]);
  expect(of(committed("c1", 3, 60, { accepted: false }))).toEqual([]);
  expect(of(committed("c1", 3, 60))).toEqual([expect.stringContaining("c1's commit of orders-0@3 was accepted")]);
});

test("lost commit: whoever gets a partition begins at the last accepted commit, unless it seeks", () => {
  const of = (offset: number, rest: Partial<Ownership> = {}) =>
    committedStart(
      history((made) => {
        made.storedCommits.push(stored(3, 10), stored(5, 20), stored(9, 60));
        made.askedCommits.push(...made.storedCommits, stored(7, 52));
        const own = ownership("c2", 50, rest);
        made.delivered.push(delivered(own, offset, 55), delivered(own, 0, 56));
      }),
    );
  expect(of(5)).toEqual([]);
  expect(of(3, { soughtOffset: 3 })).toEqual([]);
  expect(of(4)).toContainEqual(expect.stringContaining("with @4, though @5 was committed at 20"));
  // What was asked for may be stored though nobody heard of it; what was committed later, or never, does not count.
  expect(of(7)).toEqual([]);
  expect(of(6)).toEqual([expect.stringContaining("with @6, which nobody had committed")]);
  expect(of(9)).toHaveLength(1);
});

test("a deletion excuses what lies before it, from when it was asked for, and nothing else", () => {
  const deletion = (offset: number, askedAtMs: number) => ({ ...PLACE, offset, askedAtMs });
  const skips = (askedAtMs: number) =>
    pollOrder(
      history((made) => {
        const own = ownership("c1", 0);
        made.deletions.push(deletion(5, askedAtMs));
        made.delivered.push(delivered(own, 1, 10), delivered(own, 5, 20));
      }),
    );
  expect(skips(15)).toEqual([]);
  expect(skips(25)).toEqual([expect.stringContaining("poll-skip")]);
  const of = (check: (history: History) => string[], start: number) =>
    check(
      history((made) => {
        made.sent.push(sent(0, "acknowledged", 0), sent(1, "acknowledged", 1));
        made.log.set("orders-0", log("p1-0", "p1-1").slice(start));
        made.bounds.set("orders-0", { start, end: 2 });
        made.deletions.push(deletion(1, 5));
      }),
    );
  expect([...of(lostWrite, 1), ...of(onlyDeletedIsGone, 1)]).toEqual([]);
  expect(of(onlyDeletedIsGone, 2)).toEqual([expect.stringContaining("begins at 2; it was to begin at 1 at most")]);
});

test("log starts rise, topic by topic", () => {
  const of = (...offsets: [string, number][]) =>
    logStartsRise(
      history((made) => {
        for (const [partition, offset] of offsets) made.logStarts.push({ partition, offset, atMs: 1, by: "fetch" });
      }),
    );
  expect(of(["a", 3], ["b", 0], ["a", 3], ["a", 7])).toEqual([]);
  expect(of(["a", 3], ["a", 7], ["a", 6])).toEqual([expect.stringContaining("began at 7")]);
});

test("a static place has one member id at a time", () => {
  const seen = (memberId: string, memberEpoch: number, atMs: number): Grant => ({
    ...grant(memberId, memberEpoch, undefined, atMs),
    instanceId: "i",
  });
  const of = (grants: Grant[], goneAtMs?: number) =>
    onePlaceOneMember(
      history((made) => {
        made.grants.push(...grants);
        if (goneAtMs !== undefined) made.removals.push({ groupId: GROUP, member: "a", atMs: goneAtMs });
      }),
    );
  const taken = [seen("a", 1, 10_000), seen("b", 1, 30_000)];
  expect(of(taken, 20_000)).toEqual([]);
  expect(of(taken)).toEqual([expect.stringContaining("went from a to b")]);
  expect(of(taken, 1_000)).toHaveLength(1);
  expect(of([...taken, seen("a", 1, 40_000)], 20_000)).toContainEqual(expect.stringContaining("answered a at 40000"));
});

test("commit ahead: nothing is committed before it was handed out", () => {
  const of = (offset: number, arrivedMs: number) =>
    commitAhead(
      history((made) => {
        made.delivered.push(delivered(ownership("c1", 0), 4, 30));
        made.storedCommits.push(stored(offset, arrivedMs), { ...stored(9, 31), topic: "fleeting" });
      }),
    );
  expect(of(5, 31)).toEqual([]);
  expect(of(0, 31)).toEqual([]);
  expect(of(5, 29)).toEqual([expect.stringContaining("@5 was committed at 29, before @4 was handed out")]);
  expect(of(6, 31)).toHaveLength(1);
});

test("commit beyond the end: no accepted commit lies behind the log", () => {
  const of = (offset: number, accepted = true) =>
    commitBeyondEnd(
      history((made) => {
        made.log.set("orders-0", log("p1-0", "p1-1"));
        made.commits.push(committed("c1", offset, 1, { accepted }));
      }),
    );
  expect(of(2)).toEqual([]);
  expect(of(3, false)).toEqual([]);
  expect(of(3)).toEqual([expect.stringContaining("committed orders-0@3, the log ends at 2")]);
});

test("answered once: what the wire saw counts", () => {
  expect(answeredOnce(history(() => {}))).toEqual([]);
  expect(answeredOnce(history((made) => made.wireProblems.push("answered twice")))).toEqual(["answered twice"]);
});

test("an empty history passes every checker", () => {
  for (const check of checkers) expect(check(new History())).toEqual([]);
});
