// What groups watch tells: changes between two looks, and a screen that fits whatever its size.

import fc from "fast-check";
import { expect, test } from "vitest";
import { changeLine, changesOf, unseen } from "../../../../cli/src/commands/groups/watch-changes.ts";
import { frameOf } from "../../../../cli/src/commands/groups/watch-frame.ts";
import { widthOf } from "../../../../cli/src/text.ts";
import { event, group, member, offset } from "./group-seen.ts";

test("the first look tells the state and the lag, not the history", () => {
  const changes = changesOf(undefined, group({ offsets: [offset(0, 40, 2)], timeline: [event("join")] }));
  expect(changes).toEqual([
    { change: "state", state: "Stable", epoch: 3, members: 0 },
    {
      change: "lag",
      lag: 60,
      lagSeconds: 2,
      partitions: [{ topic: "orders", partition: 0, offset: 40, highWatermark: 100, lag: 60 }],
    },
  ]);
});

test("nothing changed, nothing told; time that passes is no change", () => {
  const look = (lagSeconds: number) =>
    group({ offsets: [offset(0, 40, lagSeconds)], members: [member("m1", "w1", [0])], timeline: [event("join")] });
  expect(changesOf(look(1), look(2))).toEqual([]);
});

test("new events, another state, partitions that moved: each once, in this order", () => {
  const refusal = event("refusedCommit", { member: "m1", count: 2 });
  const before = group({ offsets: [offset(0, 40), offset(1, 50)], timeline: [event("join"), refusal] });
  const after = group({
    state: "Empty",
    epoch: 4,
    offsets: [offset(0, 40), offset(1, 60)],
    timeline: [event("join"), { ...refusal, count: 3 }, event("leave", { member: "m1" })],
  });
  expect(changesOf(before, after).map(({ change }) => change)).toEqual(["event", "event", "state", "lag"]);
  expect(changesOf(before, after).at(-1)).toMatchObject({ lag: 100, partitions: [{ partition: 1, offset: 60 }] });
  // Offsets that were deleted change the lag, too.
  expect(changesOf(after, { ...after, offsets: [offset(0, 40)] })).toMatchObject([
    { change: "lag", lag: 60, partitions: [] },
  ]);
  expect(changesOf(before, unseen("billing"))).toMatchObject([
    { change: "state", state: "Dead" },
    { change: "lag", lag: 0 },
  ]);
});

test("a change is a line", () => {
  const plain = (text: string) => text;
  const lines = changesOf(
    group(),
    group({
      epoch: 4,
      members: [member("m1", "w1", [0])],
      offsets: Array.from({ length: 7 }, (_, partition) => offset(partition, 99)),
      timeline: [event("join", { member: "m1", reason: "joined" })],
    }),
  ).map((change) => changeLine("billing", change, 0, plain).replace(/^\S+ /, ""));
  expect(lines).toEqual([
    "billing join: m1; joined",
    "billing is Stable, epoch 4, 1 member",
    expect.stringMatching(/^billing lag 7: orders-0 at 99 lag 1, .*orders-4 at 99 lag 1, 2 more$/),
  ]);
  const [gone] = changesOf(group(), unseen("billing"));
  expect(gone && changeLine("billing", gone, 0, plain)).toMatch(/billing does not exist$/);
});

const busy = group({
  members: [member("m1", "consume-1", [0, 1, 2]), member("m2", "consume-2", [3, 4])],
  offsets: Array.from({ length: 5 }, (_, partition) => offset(partition, 10 * partition, 3)),
  timeline: Array.from({ length: 30 }, (_, at) => event("join", { member: `m${at}`, reason: `number ${at}` })),
});
const text = (...args: Parameters<typeof frameOf>) => frameOf(...args).map((line) => line.text);

test("a wide screen has every column, the newest event at the bottom", () => {
  const lines = text([busy], "12:00", { rows: 24, columns: 80 });
  expect(lines).toHaveLength(24);
  expect(lines[0]).toBe("12:00");
  expect(lines[1]).toBe("billing: Stable, lag 400 (3.0 s), 2 members, epoch 3");
  expect(lines[2]).toMatch(/PARTITION +LAG +BEHIND +COMMITTED +END +OWNER$/);
  expect(lines[6]).toMatch(/^ {2}orders-3 +70 +3\.0 s +30 +100 +consume-2$/);
  expect(lines.at(-2)).toMatch(/join: m29; number 29$/);
});

test("a narrow one does without what can be worked out; a low one shows who has most to read, and counts the rest", () => {
  const narrow = text([busy], "12:00", { rows: 24, columns: 40 });
  expect(narrow.find((line) => line.includes("PARTITION"))).toMatch(/PARTITION +LAG +BEHIND +OWNER$/);
  const low = text([busy], "12:00", { rows: 8, columns: 80 });
  expect(low.join("\n")).toMatch(/orders-0 +100.*\n {2}… and 4 partitions with less to read/);
});

test("of several groups one that needs little leaves its rows to the others", () => {
  const lines = text([unseen("later"), busy], "12:00", { rows: 24, columns: 80 });
  expect(lines[1]).toBe("later: there is no such group yet");
  expect(lines.filter((line) => line.includes("join:")).length).toBeGreaterThan(8);
});

test("whatever the size and the groups: never more rows, never wider", () => {
  const names = fc.string({ unit: "binary", minLength: 1, maxLength: 30 });
  const groups = fc.array(fc.record({ partitions: fc.nat({ max: 12 }), events: fc.nat({ max: 12 }), name: names }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(groups, fc.nat({ max: 40 }), fc.nat({ max: 120 }), (several, rows, columns) => {
      const seen = several.map(({ partitions, events, name }) =>
        group({
          groupId: name,
          offsets: Array.from({ length: partitions }, (_, partition) => ({ ...offset(partition, 5), topic: name })),
          timeline: Array.from({ length: events }, () => event("leave", { member: name, reason: name })),
        }),
      );
      const lines = text(seen, "at some time, every 1 s; Ctrl-C ends", { rows, columns });
      expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows));
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(Math.max(1, columns - 1));
    }),
    { numRuns: 150 },
  );
});
