// Subscriptions by pattern: RE2 over whole names, evaluated by the broker in slices, followed as topics come and go.

import { expect, test } from "vitest";
import { Patterns } from "../../../server/src/groups/patterns.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { FakeCatalog, GroupWorld, refusalOf } from "./group-world.ts";

const topicsOf = (owned: readonly { topic: string }[]) => [...new Set(owned.map(({ topic }) => topic))].sort();
const reasons = (world: GroupWorld) =>
  world.group().timeline.flatMap(({ event, reason }) => (event === "epoch" ? reason : []));

test("a pattern subscribes to the topics whose whole name matches, internal ones never", async () => {
  const world = new GroupWorld({}, { orders: 1, "orders-eu": 1, "my-orders": 1 });
  world.catalog.create("__consumer_offsets", 50, true);
  const w1 = world.member("w1");
  await w1.join([], { pattern: "orders.*" });
  expect(topicsOf(w1.owned)).toEqual(["orders", "orders-eu"]);
  expect(world.group().members[0]).toMatchObject({ pattern: "orders.*", subscription: ["orders", "orders-eu"] });
  const w2 = world.member("w2", "all");
  await w2.join([], { pattern: ".*" });
  expect(topicsOf(w2.owned)).toEqual(["my-orders", "orders", "orders-eu"]);
  const w3 = world.member("w3", "both");
  await w3.join(["my-orders", "not-there"], { pattern: "orders" });
  expect(topicsOf(w3.owned)).toEqual(["my-orders", "orders"]);
  expect(world.group("both").members[0]).toMatchObject({ subscription: ["my-orders", "not-there", "orders"] });
  // A pattern is enough to join.
  const w4 = world.member("w4", "alone");
  await w4.beat({ memberEpoch: 0, pattern: "orders", rebalanceTimeoutMs: 1000 });
  expect(topicsOf(w4.owned)).toEqual(["orders"]);
});

test("new topics that match are shared out, others and deleted ones that did not match move nothing", async () => {
  const world = new GroupWorld({}, { "orders-1": 1 });
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join([], { pattern: "orders-\\d+" });
  await w2.join([], { pattern: "orders-\\d+" });
  await world.settleMembers([w1, w2]);
  const { epoch } = world.group();
  world.catalog.create("audit", 3);
  world.catalog.create("orders-x", 3);
  world.turns.flush();
  world.catalog.delete("audit");
  world.turns.flush();
  expect(world.group().epoch).toBe(epoch);
  world.catalog.create("orders-2", 3);
  world.turns.flush();
  expect(world.group().epoch).toBe(epoch + 1);
  expect(reasons(world).at(-1)).toBe("topic orders-2 was created");
  await world.settleMembers([w1, w2]);
  expect(w1.owned.length + w2.owned.length).toBe(4);
  world.catalog.delete("orders-1");
  world.turns.flush();
  await world.settleMembers([w1, w2]);
  expect(topicsOf([...w1.owned, ...w2.owned])).toEqual(["orders-2"]);
  world.catalog.create("orders-1", 2);
  world.turns.flush();
  await world.settleMembers([w1, w2]);
  expect(w1.owned.length + w2.owned.length).toBe(5);
});

test("a changed pattern is a changed subscription, an equal one is nothing, an empty one is none", async () => {
  const world = new GroupWorld({}, { a: 1, b: 1 });
  const w1 = world.member("w1");
  await w1.join([], { pattern: "a" });
  const { epoch } = world.group();
  await w1.beat({ subscription: [], pattern: "a", owned: w1.owned });
  await w1.beat({});
  expect(world.group().epoch).toBe(epoch);
  await w1.beat({ pattern: "b" });
  await world.settleMembers([w1]);
  expect(topicsOf(w1.owned)).toEqual(["b"]);
  expect(reasons(world).at(-1)).toBe('w1 subscribed to pattern "b"');
  await w1.beat({ pattern: "", subscription: ["a"] });
  await world.settleMembers([w1]);
  expect(topicsOf(w1.owned)).toEqual(["a"]);
  expect(world.group().members[0]).not.toHaveProperty("pattern");
  await w1.beat({ subscription: [] });
  await world.settleMembers([w1]);
  expect(w1.owned).toEqual([]);
  expect(reasons(world).at(-1)).toBe("w1 subscribed to nothing");
  // Joining again says all: no pattern means none.
  await w1.beat({ pattern: "a" });
  await w1.join(["b"]);
  await world.settleMembers([w1]);
  expect(topicsOf(w1.owned)).toEqual(["b"]);
});

test("what is not RE2, too long or too large is refused with the reason, and changes nothing", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const { epoch } = world.group();
  for (const [pattern, reason] of [
    ["(a)\\1", /not RE2: .*invalid escape sequence: `\\1`/],
    ["a(?=b)", /not RE2: .*`\(\?=`/],
    ["a(?!b)", /not RE2/],
    ["(?<=a)b", /not RE2/],
    ["[a", /missing closing \]/],
    ["*", /missing argument/],
    ["a{1001}", /invalid repeat count/],
    ["(a{1000}){1000}", /invalid repeat count/],
    ["a{400}", /compiles to 402 instructions; at most 320/],
    ["(.{0,20}a){40}", /compiles to/],
    ["a".repeat(257), /has 257 characters; group.max.pattern.length is 256/],
  ] as const) {
    const refusal = await refusalOf(w1.beat({ pattern }));
    expect(refusal).toMatchObject({ code: "INVALID_REGULAR_EXPRESSION", message: expect.stringMatching(reason) });
    expect((await refusalOf(world.member("w2").join([], { pattern }))).code).toBe("INVALID_REGULAR_EXPRESSION");
  }
  expect(world.group()).toMatchObject({ epoch, members: [{ subscription: ["orders"] }] });
  await w1.beat({ pattern: "a".repeat(256) });
  const small = new GroupWorld({ "group.max.pattern.length": 3 });
  await small.member("w1").join([], { pattern: "abc" });
  expect((await refusalOf(small.member("w2").join([], { pattern: "abcd" }))).message).toContain("is 3");
});

test("a restart rebalances nobody: what matched is stored with the target", async () => {
  const world = new GroupWorld({}, { "orders-1": 2, "orders-2": 2 });
  const w1 = world.member("w1");
  await w1.join([], { pattern: "orders-.*" });
  const { epoch } = world.group();
  world.restart({ start: false });
  expect(world.group().members[0]).toMatchObject({ pattern: "orders-.*", subscription: ["orders-1", "orders-2"] });
  world.coordinator.start();
  await world.advance(0);
  expect(await w1.beat()).toMatchObject({ memberEpoch: epoch });
  expect(world.group().epoch).toBe(epoch);
  // And topics are followed on.
  world.catalog.create("orders-3", 1);
  world.turns.flush();
  await world.settleMembers([w1]);
  expect(w1.owned).toHaveLength(5);
});

test("a topic that was created just before the broker ended is found after the start", async () => {
  const world = new GroupWorld({}, { "orders-1": 2 });
  const w1 = world.member("w1");
  await w1.join([], { pattern: "orders-.*" });
  world.catalog.create("orders-2", 1);
  // The turn that would have told the group is lost with the broker.
  world.restart();
  await world.advance(0);
  expect(reasons(world).at(-1)).toBe('pattern "orders-.*" matches 2 topics');
  await world.settleMembers([w1]);
  expect(w1.owned).toHaveLength(3);
});

test("a turn that fails takes the pattern back", async () => {
  const world = new GroupWorld({}, { a: 1, b: 1 });
  const w1 = world.member("w1");
  await w1.join([], { pattern: "a" });
  const changing = refusalOf(w1.send({ pattern: "b" }));
  world.turns.seal();
  world.turns.fail();
  expect((await changing).code).toBe("STORAGE_FULL");
  expect(world.group().members[0]).toMatchObject({ pattern: "a" });
  world.catalog.create("ab", 1);
  await w1.beat({ pattern: "a.*" });
  await world.settleMembers([w1]);
  expect(topicsOf(w1.owned)).toEqual(["a", "ab"]);
});

test("members with different patterns and names: each topic to a subscriber, as even as that allows", async () => {
  const world = new GroupWorld({}, { "a-1": 2, "a-2": 2, "b-1": 2 });
  const members = [world.member("w1"), world.member("w2"), world.member("w3")] as const;
  await members[0].join([], { pattern: "a-.*" });
  await members[1].join([], { pattern: ".*-1" });
  await members[2].join(["b-1"]);
  await world.settleMembers(members);
  expect(members.map(({ owned }) => owned.length)).toEqual([2, 2, 2]);
  expect(topicsOf(members[0].owned).every((topic) => topic.startsWith("a-"))).toBe(true);
});

/** A clock on which every reading takes a millisecond, and deferred work waits for the test. */
function slow() {
  const clock = new SimulatedClock();
  const deferred: (() => void)[] = [];
  let nowMs = 0;
  clock.nowMs = () => nowMs++;
  clock.defer = (run) => void deferred.push(run);
  const catalog = new FakeCatalog();
  for (let index = 0; index < 100; index++) catalog.create(`t${index}`, 1);
  const matched: string[][] = [];
  const patterns = new Patterns({
    catalog,
    clock,
    maxLength: 256,
    onMatched: (changed) => void matched.push([...changed].sort()),
  });
  return { patterns, catalog, deferred, matched };
}

test("much work is done in slices: other work comes between, and what is not known yet is not said", () => {
  const { patterns, catalog, deferred, matched } = slow();
  patterns.start();
  patterns.use("g", new Set(["t.*", "t1.", "x"]));
  expect(patterns.matchesOf("t.*")).toBeUndefined();
  let slices = 0;
  for (let run = deferred.shift(); run !== undefined; run = deferred.shift()) {
    run();
    // At most one slice waits at a time.
    expect(deferred.length).toBeLessThanOrEqual(1);
    if (++slices === 5) {
      catalog.create("t1x", 1);
      patterns.topicCreated({ topic: "t1x", internal: false });
      catalog.delete("t99");
      patterns.topicDeleted({ topic: "t99" });
    }
  }
  expect(slices).toBeGreaterThan(40);
  expect(patterns.matchesOf("t.*")).toHaveLength(100);
  expect(patterns.matchesOf("t1.")).toHaveLength(11);
  expect(patterns.matchesOf("x")).toEqual([]);
  expect(new Set(matched.flat())).toEqual(new Set(["t.*", "t1.", "x"]));
  // Asked again it is the same list.
  expect(patterns.matchesOf("t.*")).toBe(patterns.matchesOf("t.*"));
});

test("whichever engine tries a name, the matches are the same", () => {
  const { patterns, catalog, deferred } = slow();
  for (const name of ["aab", "aba", "a.b", "xa", "ab-ab-ab"]) catalog.create(name, 1);
  patterns.start();
  const expressions = ["(a|b)*", ".*a.{1}", "(?i)T[0-9]", "a\\.b", "(?:.*-)?ab", "t(?:1|2)+", "\\pL+", "(a?b?){5}"];
  patterns.use("g", new Set(expressions));
  // A slice of a few readings of the clock is slow for any engine: both have their turn.
  for (let run = deferred.shift(); run !== undefined; run = deferred.shift()) run();
  const names = [...catalog.all()].map(({ topic }) => topic);
  for (const expression of expressions) {
    const source = expression.replace("(?i)T", "[tT]").replace("\\pL", "[a-z]");
    const expected = names.filter((name) => new RegExp(`^(?:${source})$`).test(name)).sort();
    expect(patterns.matchesOf(expression), expression).toEqual(expected);
  }
});

test("patterns are followed while a group uses them, and forgotten after", () => {
  const { patterns, deferred } = slow();
  patterns.start();
  const both = new Set(["t1", "t2"]);
  patterns.use("g", both);
  patterns.use("h", new Set(["t1"]));
  expect(patterns.size).toBe(2);
  patterns.use("g", new Set(["t2"]));
  expect(patterns.size).toBe(2);
  patterns.use("h", new Set());
  patterns.use("g", new Set());
  expect(patterns.size).toBe(0);
  expect(patterns.matches("t1", "t1")).toBe(false);
  patterns.use("g", both);
  patterns.close();
  for (const run of deferred.splice(0)) run();
  expect(patterns.matchesOf("t1")).toBeUndefined();
  expect(deferred).toEqual([]);
});

test("different patterns are bounded in number; those in use are taken on", () => {
  const { patterns } = slow();
  for (let index = 0; index < 1000; index++) patterns.use(`g${index}`, new Set([`p${index}`]));
  expect(() => patterns.check("one-more")).toThrow(/1000 different patterns/);
  patterns.check("p7");
  patterns.use("g7", new Set());
  patterns.check("one-more");
});

test("ten thousand topics may come at once while many patterns wait: each is noted, and tried later", async () => {
  const catalog = new FakeCatalog();
  const clock = new SimulatedClock();
  const patterns = new Patterns({ catalog, clock, maxLength: 256, onMatched: () => {} });
  patterns.start();
  catalog.onChange((topic) => patterns.topicCreated(topic));
  for (let index = 0; index < 100; index++) patterns.use(`g${index}`, new Set([`topic-${index}`]));
  // The clock stands still while it is asked, so that nothing is tried but in the first slice.
  const nowMs = clock.nowMs.bind(clock);
  let asked = 0;
  clock.nowMs = () => nowMs() + (asked++ > 0 ? 60 : 0);
  for (let index = 0; index < 10_000; index++) catalog.create(`topic-${index}`, 1);
  clock.nowMs = nowMs;
  await clock.advance(1);
  expect(patterns.matchesOf("topic-99")).toEqual(["topic-99"]);
  // What came while everything was known is tried, too.
  patterns.use("late", new Set(["again-\\d+"]));
  catalog.create("again-1", 1);
  await clock.advance(1);
  catalog.create("again-2", 1);
  await clock.advance(1);
  expect(patterns.matchesOf("again-\\d+")).toEqual(["again-1", "again-2"]);
});

test("the bound on patterns holds within one turn, too", async () => {
  const world = new GroupWorld();
  const joins = Array.from({ length: 1_001 }, (_, index) =>
    world.member("w", `g${index}`).send({ memberEpoch: 0, pattern: `orders${index}`, rebalanceTimeoutMs: 1000 }),
  );
  expect((await refusalOf(joins.at(-1) as Promise<unknown>)).code).toBe("COORDINATOR_NOT_AVAILABLE");
  world.turns.flush();
  expect(await joins[999]).toMatchObject({ memberEpoch: 1 });
});
