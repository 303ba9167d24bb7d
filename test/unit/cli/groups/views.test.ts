// Groups as people read them: lag, shares, and members by the names that people gave them.

import { expect, test } from "vitest";
import { behind, lagOf } from "../../../../cli/src/commands/groups/lag.ts";
import { membersRefusal } from "../../../../cli/src/commands/groups/members.ts";
import { sharesOf } from "../../../../cli/src/commands/groups/shares.ts";
import { eventText, namingOf } from "../../../../cli/src/commands/groups/timeline.ts";
import { exitCodeOf } from "../../../../cli/src/exits.ts";
import { event, group, member, offset } from "./group-seen.ts";

test("a group's lag is the sum, its time the longest, unknown where one is", () => {
  expect(lagOf(group())).toEqual({ lag: 0, lagSeconds: 0 });
  expect(lagOf(group({ offsets: [offset(0, 90, 3), offset(1, 99, 7)] }))).toEqual({ lag: 11, lagSeconds: 7 });
  expect(lagOf(group({ offsets: [offset(0, 90, 3), offset(1, 99)] }))).toEqual({ lag: 11 });
  expect([behind(0), behind(undefined), behind(3.2)]).toEqual(["", "unknown", "3.2 s"]);
});

test("partitions that are committed or owned stand in one list, in order, with their owners", () => {
  const members = [member("m1", "w1", [2, 0]), member("m2", "w2", [11])];
  expect(sharesOf(group({ members, offsets: [offset(2, 90), offset(3, 80)] }))).toEqual([
    { topic: "orders", partition: 0, owner: "w1" },
    { topic: "orders", partition: 2, owner: "w1", committed: { offset: 90, highWatermark: 100, lag: 10 } },
    { topic: "orders", partition: 3, committed: { offset: 80, highWatermark: 100, lag: 20 } },
    { topic: "orders", partition: 11, owner: "w2" },
  ]);
});

test("members are called by their client ids, those that have gone too; who shares one keeps its member id", () => {
  const naming = namingOf(
    group({
      members: [member("idA", "w1", []), member("idB", "same", []), member("idC", "same", [])],
      timeline: [
        event("join", { member: "idGone", reason: "joined" }),
        event("epoch", { reason: "idGone (w9) joined; nobody (knows) that" }),
      ],
    }),
  );
  expect(naming("idA (w1) took over from idGone (w9) and idB")).toBe("w1 took over from w9 and idB");
  const text = eventText(
    event("refusedCommit", {
      member: "idGone",
      partitions: [{ topic: "orders", partition: 2 }],
      count: 4,
      reason: "idA owns it",
    }),
    naming,
  );
  expect(text).toBe("refusedCommit: w9; orders-2; 4 times; w1 owns it");
  expect(eventText(event("epoch", { reason: "idA joined" }), naming)).toBe("epoch 3: w1 joined");
});

test("members stand in the way: a conflict that names some of them", () => {
  const members = Array.from({ length: 7 }, (_, at) => member(`m${at}`, `w${at}`, []));
  const refusal = membersRefusal(group({ members }));
  expect(refusal?.message).toBe("group billing has 7 members (w0, w1, w2, w3, w4 and 2 more): nothing was changed");
  expect(exitCodeOf(refusal)).toBe(5);
  expect(membersRefusal(group())).toBeUndefined();
});
