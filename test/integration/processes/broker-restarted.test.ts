// A broker restart rebalances nobody, however the broker ended and though it was away for longer than the sessions: epoch,
// member ids and assignment are the same, and consumers in processes of their own read on where they were.

import { Admin, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { ConsumerProcess, startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { Feed, placeOf } from "../../support/feed.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const PARTITIONS = 4;
const SESSION_TIMEOUT_MS = 2_000;
const topic = "orders";
const groupId = "billing";
const settings = { "group.min.session.timeout.ms": SESSION_TIMEOUT_MS };

test.each(["SIGTERM", "SIGKILL"] as const)(
  "after %s and a restart the group is what it was, and everybody reads on",
  async (signal) => {
    const data = testFolder();
    const first = await startBrokerProcess({ data, settings });
    const { port, server } = first;
    const common = { "bootstrap.servers": server, "reconnect.backoff.max.ms": 100, "retry.backoff.max.ms": 100 };
    await using admin = new Admin(common);
    await admin.createTopics([{ topic, partitions: PARTITIONS }]);
    const config = {
      ...common,
      "group.id": groupId,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": false,
      "session.timeout.ms": SESSION_TIMEOUT_MS,
      "heartbeat.interval.ms": 250,
    } as const;
    const consumers = [new ConsumerProcess(config, [topic]), new ConsumerProcess(config, [topic])];
    const describe = async () => {
      const [group] = await admin.describeGroups([groupId]);
      if (group === undefined) throw new Error("the group is gone");
      const { state, epoch, assignmentEpoch, members, timeline } = group;
      return { shape: { state, epoch, assignmentEpoch, members }, timeline };
    };
    await eventually(
      async () =>
        consumers.every(({ partitions }) => partitions.length === 2) && (await describe()).shape.state === "Stable",
      "each has two partitions",
    );
    await using producer = new Producer<string, string>({
      ...common,
      "key.serializer": string,
      "value.serializer": string,
    });
    await using feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 16 });
    await eventually(() => consumers.every(({ deliveries }) => deliveries.length > 50), "both read");
    const before = await describe();
    const told = consumers.map((one) => one.messages.filter(({ kind }) => kind !== "records"));

    expect(await first.end(signal)).toBe(signal === "SIGTERM" ? 0 : "SIGKILL");
    const endedMs = performance.now();
    await eventually(() => performance.now() - endedMs > SESSION_TIMEOUT_MS, "a session has passed without a broker");
    await startBrokerProcess({ data, port, settings });

    const already = consumers.map(({ deliveries }) => deliveries.length);
    await eventually(
      () => consumers.every(({ deliveries }, index) => deliveries.length > (already[index] ?? 0) + 200),
      "both read on",
    );
    await feed.stop();
    expect(feed.failed).toEqual([]);
    const delivered = () => consumers.flatMap(({ deliveries }) => deliveries);
    await eventually(() => delivered().length >= feed.sent, "everything is delivered");
    for (const one of consumers) one.tell({ do: "commit" });
    await eventually(
      () => consumers.every((one) => one.of("committed").length === 1),
      "each commits as the member it was",
    );

    const after = await describe();
    expect(after.shape).toEqual(before.shape);
    expect(after.timeline.map(({ event }) => event)).toEqual([]);
    expect(
      consumers.map((one) => one.messages.filter(({ kind }) => kind !== "records" && kind !== "committed")),
    ).toEqual(told);
    expect(delivered().length).toBe(feed.sent);
    expect(new Map(delivered().map((one) => [placeOf(one), one.value]))).toEqual(feed.acknowledged);
    expect(await Promise.all(consumers.map((one) => one.close()))).toEqual([0, 0]);
  },
);
