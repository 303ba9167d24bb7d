// SIGKILL of a consumer process in a group of two, over a broker process with a data folder: the other gets its partitions,
// everything that was not committed is delivered again, nothing is lost, and the timeline says why.

import { Admin, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import type { Delivery } from "../../support/children/messages.ts";
import { ConsumerProcess, startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { Feed, placeOf } from "../../support/feed.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const PARTITIONS = 4;
const topic = "orders";
const groupId = "billing";

test("after SIGKILL of a consumer its partitions move, and only what it had not committed comes twice", async () => {
  const broker = await startBrokerProcess({ data: testFolder(), settings: { "group.min.session.timeout.ms": 2_000 } });
  await using admin = new Admin({ "bootstrap.servers": broker.server });
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  await using producer = new Producer<string, string>({
    "bootstrap.servers": broker.server,
    "key.serializer": string,
    "value.serializer": string,
  });
  const config = {
    "bootstrap.servers": broker.server,
    "group.id": groupId,
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
    "max.poll.records": 7,
  } as const;
  const victim = new ConsumerProcess(
    { ...config, "client.id": "victim", "session.timeout.ms": 2_000, "heartbeat.interval.ms": 300 },
    [topic],
  );
  const survivor = new ConsumerProcess({ ...config, "client.id": "survivor" }, [topic], { commitEveryPolls: 3 });
  await eventually(() => victim.partitions.length === 2 && survivor.partitions.length === 2, "each has two partitions");

  await using feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 8 });
  // In the middle of its work: it has committed before, and has told more since.
  const moreThan = async (deliveries: number) =>
    await eventually(() => victim.deliveries.length > deliveries, "the victim processes something");
  await moreThan(50);
  victim.tell({ do: "commit" });
  await eventually(() => victim.of("committed").length === 1, "the victim has committed");
  await moreThan(victim.deliveries.length + 50);
  victim.child.kill("SIGKILL");
  expect(await victim.child.exited).toBe("SIGKILL");

  const orphans = victim.partitions;
  const committed = new Map(
    (await admin.listGroupOffsets(groupId)).map(({ partition, offset }) => [partition, offset]),
  );
  await eventually(() => survivor.partitions.length === PARTITIONS, "the survivor has everything");
  const before = survivor.deliveries.length;
  await eventually(() => survivor.deliveries.length > before + 500, "the survivor reads on");
  await feed.stop();
  expect(feed.failed).toEqual([]);
  const { acknowledged } = feed;
  const processed = () => new Set([...victim.deliveries, ...survivor.deliveries].map(placeOf));
  await eventually(() => processed().size >= acknowledged.size, "everything is processed");
  survivor.tell({ do: "commit" });
  await eventually(
    async () => (await admin.listGroupOffsets(groupId)).every(({ lag }) => lag === 0),
    "everything is committed",
  );

  // Nothing lost, nothing invented.
  const deliveries = [...victim.deliveries, ...survivor.deliveries];
  expect(new Map(deliveries.map((one) => [placeOf(one), one.value]))).toEqual(acknowledged);

  // Each process saw each partition in order, without a gap; the survivor began where the group had committed.
  for (const process of [victim, survivor]) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const offsets = process.deliveries.filter((one) => one.partition === partition).map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.map((_, index) => (offsets[0] ?? 0) + index));
    }
  }
  for (const partition of orphans) {
    const first = survivor.deliveries.find((one) => one.partition === partition);
    expect(first?.offset).toBe(committed.get(partition));
  }

  // Twice came only what the victim had told and not committed.
  const bySurvivor = new Set(survivor.deliveries.map(placeOf));
  const twice = victim.deliveries.filter((one) => bySurvivor.has(placeOf(one)));
  const uncommitted = victim.deliveries.filter(
    ({ partition, offset }: Delivery) => offset >= (committed.get(partition) ?? 0),
  );
  expect(twice).toEqual(uncommitted);
  expect(twice.length).toBeGreaterThan(0);

  const [group] = await admin.describeGroups([groupId]);
  const evictions = group?.timeline.filter(({ event }) => event === "eviction") ?? [];
  expect(evictions).toMatchObject([
    { member: victim.memberId, reason: expect.stringMatching(/^no heartbeat for \d+\.\d s$/) },
  ]);
  expect(evictions[0]?.partitions?.map(({ partition }) => partition).sort()).toEqual(orphans);
  const taken = group?.timeline.filter(({ event, member }) => event === "assignment" && member === survivor.memberId);
  expect(taken?.at(-1)).toMatchObject({ reason: expect.stringContaining(victim.memberId) });
  expect(
    taken
      ?.at(-1)
      ?.partitions?.map(({ partition }) => partition)
      .sort(),
  ).toEqual(orphans);

  expect(await survivor.close()).toBe(0);
  expect(await broker.end("SIGTERM")).toBe(0);
});
