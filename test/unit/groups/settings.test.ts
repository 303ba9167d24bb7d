// The broker's settings of groups that no other test sets: each has its effect, not only its default.

import { expect, test } from "vitest";
import { GroupWorld, refusalOf } from "./group-world.ts";

test("group.consumer.session.timeout.ms is the session of a member that asks for none, and of no other", async () => {
  const world = new GroupWorld({
    "group.consumer.session.timeout.ms": 20_000,
    "group.consumer.heartbeat.interval.ms": 1_000,
  });
  const none = { memberEpoch: 0, owned: [], rebalanceTimeoutMs: 60_000, subscription: ["orders"] };
  const [asksNone, asks] = [world.member("w1"), world.member("w2")];
  await asksNone.beat(none);
  await asks.beat({ ...none, sessionTimeoutMs: 40_000 });
  const members = () => world.group().members.map(({ memberId }) => memberId);
  await world.advance(19_500);
  expect(members()).toEqual(["w1", "w2"]);
  await world.advance(1_000);
  expect(members()).toEqual(["w2"]);
  await world.advance(20_000);
  expect(members()).toEqual([]);
});

test("group.consumer.heartbeat.interval.ms is what members are told", async () => {
  const world = new GroupWorld({ "group.consumer.heartbeat.interval.ms": 1_234 });
  expect(await world.member("w1").join()).toMatchObject({ heartbeatIntervalMs: 1_234 });
});

test("offset.metadata.max.bytes bounds the metadata of a commit, counted as Kafka counts: in UTF-16 units", async () => {
  const world = new GroupWorld({ "offset.metadata.max.bytes": 10 });
  const w1 = world.member("w1");
  await w1.join();
  const commit = async (metadata: string) => {
    const [result] = await w1.commit([{ partition: 0, offset: 1, metadata }]);
    return result?.error?.code;
  };
  expect(await commit("0123456789")).toBeUndefined();
  expect(await commit("0123456789a")).toBe("OFFSET_METADATA_TOO_LARGE");
  expect(await commit("ä€ä€ä€ä€ä€")).toBeUndefined();
  expect(await commit("😀😀😀😀😀😀")).toBe("OFFSET_METADATA_TOO_LARGE");
});

test("group.min.session.timeout.ms and group.max.session.timeout.ms bound what a member may ask for", async () => {
  const world = new GroupWorld({ "group.min.session.timeout.ms": 1_000, "group.max.session.timeout.ms": 50_000 });
  const w1 = world.member("w1");
  for (const sessionTimeoutMs of [999, 50_001])
    expect(await refusalOf(w1.join(["orders"], { sessionTimeoutMs }))).toMatchObject({
      code: "INVALID_SESSION_TIMEOUT",
    });
  for (const sessionTimeoutMs of [1_000, 50_000]) await w1.join(["orders"], { sessionTimeoutMs });
});
