// The SDK in a process whose event loop is blocked: within the session nothing happens; beyond it the member is removed once,
// what it commits afterwards is refused with an error that explains, its partition is somebody else's, and it joins again.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Admin, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { ConsumerProcess, startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { Feed, placeOf } from "../../support/feed.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const PARTITIONS = 2;
const topic = "orders";
const groupId = "billing";

/** A broker, a feed into a topic of two partitions, and two consumer processes that have one each; `blocked` as configured. */
async function groupOfTwo(stack: AsyncDisposableStack, blockedConfig: Record<string, number>) {
  const folder = testFolder();
  const broker = await startBrokerProcess({
    data: join(folder, "data"),
    settings: { "group.min.session.timeout.ms": 1_500 },
  });
  const common = { "bootstrap.servers": broker.server };
  const admin = stack.use(new Admin(common));
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  const producer = stack.use(
    new Producer<string, string>({ ...common, "key.serializer": string, "value.serializer": string }),
  );
  const config = {
    ...common,
    "group.id": groupId,
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
  } as const;
  const blocked = new ConsumerProcess({ ...config, ...blockedConfig, "client.id": "blocked" }, [topic]);
  const other = new ConsumerProcess({ ...config, "client.id": "other" }, [topic]);
  const shared = () => blocked.partitions.length === 1 && other.partitions.length === 1;
  await eventually(shared, "each has one partition");
  const feed = stack.use(new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 4 }));
  await eventually(() => blocked.deliveries.length > 50, "the first has processed something");
  const describe = async () => {
    const [group] = await admin.describeGroups([groupId]);
    if (group === undefined) throw new Error("the group is gone");
    return group;
  };
  return { folder, admin, feed, blocked, other, shared, describe };
}

test("blocked for longer than its session, a member is removed once, its commit is refused in words, and it joins again", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder, admin, feed, blocked, other, shared, describe } = await groupOfTwo(stack, {
    "session.timeout.ms": 1_500,
    "heartbeat.interval.ms": 200,
  });
  const [held] = blocked.partitions;
  const file = join(folder, "go-on");
  blocked.tell({ do: "blockUntil", file });
  await eventually(() => other.partitions.length === PARTITIONS, "the other has both partitions");
  const { epoch } = await describe();
  const movedAt = other.deliveries.length;
  await eventually(
    () => other.deliveries.slice(movedAt).some(({ partition }) => partition === held),
    "the other reads them",
  );
  expect(blocked.of("unblocked")).toEqual([]);
  writeFileSync(file, "");

  await eventually(() => blocked.of("commitFailed").length > 0, "the commit is refused");
  const [{ error } = { error: undefined }] = blocked.of("commitFailed");
  expect(error).toMatchObject({ name: "CommitFailedError", code: "UNKNOWN_MEMBER_ID", definite: true });
  expect(error?.message).toMatch(
    new RegExp(
      `member ${blocked.memberId} was removed \\S+ m?s ago: no heartbeat for \\d+\\.\\d s.*${topic}-${held} went to \\S+ \\(other\\) in epoch ${epoch}`,
    ),
  );
  await eventually(shared, "it is in the group again, with one partition each");
  expect(blocked.of("lost")).toEqual([{ kind: "lost", partitions: [held] }]);
  const { timeline } = await describe();
  expect(timeline.filter(({ event }) => event === "eviction").map(({ member }) => member)).toEqual([blocked.memberId]);
  const joins = timeline.filter(({ event, member }) => event === "join" && member === blocked.memberId);
  expect(joins).toHaveLength(2);
  expect(joins[1]?.reason).toMatch(
    /joins again after UNKNOWN_MEMBER_ID \(the client's event loop was blocked \d+\.\d s[;)]/,
  );

  // Nothing had been committed: all of it came again to the other, and together they have everything.
  await feed.stop();
  const processed = () => new Map([...blocked.deliveries, ...other.deliveries].map((one) => [placeOf(one), one.value]));
  await eventually(() => processed().size >= feed.acknowledged.size, "everything is processed");
  expect(processed()).toEqual(feed.acknowledged);
  expect(other.deliveries.find(({ partition }) => partition === held)?.offset).toBe(0);
  blocked.tell({ do: "commit" });
  await eventually(() => blocked.of("committed").length === 1, "its new membership may commit");
  expect((await admin.listGroupOffsets(groupId)).length).toBeGreaterThan(0);
});

test("blocked within its session, a member keeps its place: its commit holds and nobody moves", async () => {
  await using stack = new AsyncDisposableStack();
  const { folder, blocked, other, describe } = await groupOfTwo(stack, {
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 100,
  });
  const before = await describe();
  const moves = () =>
    [blocked, other].map((one) => (["assigned", "revoked", "lost"] as const).map((kind) => one.of(kind)));
  const movesBefore = moves();
  const file = join(folder, "go-on");
  blocked.tell({ do: "blockUntil", file });
  const toldAtMs = performance.now();
  await eventually(() => performance.now() - toldAtMs > 600, "several heartbeats are late");
  writeFileSync(file, "");
  await eventually(() => blocked.of("committed").length === 1, "the commit is accepted");
  const already = blocked.deliveries.length;
  await eventually(() => blocked.deliveries.length > already + 50, "it reads on");
  const { epoch, members, timeline } = await describe();
  expect({ epoch, members, timeline }).toEqual({
    epoch: before.epoch,
    members: before.members,
    timeline: before.timeline,
  });
  expect(moves()).toEqual(movesBefore);
});
