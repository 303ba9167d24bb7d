// Topics that come, go and grow: groups look at all of a turn at once, and miss none.

import { expect, test } from "vitest";
import { ChangedTopics } from "../../../server/src/groups/changed-topics.ts";
import { GroupWorld } from "./group-world.ts";

const none: ReadonlySet<string> = new Set();
const to = (...subscribed: string[]) => ({ subscribed: new Set(subscribed), patterns: none });

test("only what a group subscribes to, or its patterns match, concerns it; each topic is named once", () => {
  const changed = new ChangedTopics();
  changed.add("orders", "deleted");
  changed.add("orders", "created");
  changed.add("audit", "extended");
  let asked = 0;
  const starts = (pattern: string, topic: string) => {
    asked++;
    return topic.startsWith(pattern);
  };
  expect(changed.reasonFor(to("elsewhere"), starts)).toBeUndefined();
  expect(changed.reasonFor(to("orders"), starts)).toBe("topic orders was deleted and created");
  expect(asked).toBe(0);
  const both = { ...to("orders", "audit", "x"), patterns: new Set(["au"]) };
  expect(changed.reasonFor(both, starts)).toBe("topic orders was deleted and created, topic audit was extended");
  expect(changed.reasonFor({ subscribed: none, patterns: new Set(["au"]) }, starts)).toBe("topic audit was extended");
  // The pattern was held against each topic once, for both groups.
  expect(asked).toBe(2);
  changed.add("auction", "created");
  expect(changed.reasonFor({ subscribed: none, patterns: new Set(["au"]) }, starts)).toContain("auction");
  changed.clear();
  expect([changed.size, changed.reasonFor(both, starts)]).toEqual([0, undefined]);
});

test("thousands of topics in one turn move the epoch once, for a reason that can be read", async () => {
  const world = new GroupWorld({}, {});
  const names = Array.from({ length: 2000 }, (_, index) => `t${index}`);
  const w1 = world.member("w1");
  await w1.join(names);
  const { epoch } = world.group();
  for (const name of names) world.catalog.create(name, 1);
  world.turns.flush();
  const told = world.group().timeline.findLast(({ event }) => event === "epoch");
  expect(world.group().epoch).toBe(epoch + 1);
  expect(told?.reason).toContain("topic t0 was created, topic t1 was created");
  expect(told?.reason).toContain("and 1990 more");
  await w1.beat();
  expect(w1.owned).toHaveLength(2000);
});

test("a turn that fails before groups have looked takes nothing from them", async () => {
  const world = new GroupWorld({}, {});
  const w1 = world.member("w1");
  await w1.join(["orders"]);
  world.catalog.create("orders", 3);
  world.turns.wanted = false;
  world.turns.fail();
  world.turns.flush();
  await w1.beat();
  expect(w1.partitions()).toEqual([0, 1, 2]);
});
