// Two consumer processes that share a topic of two partitions, with a feed into it, over a broker process: where the stories of
// stopped and killed processes begin.

import { Admin, Producer, string } from "@brooklet/client";
import { expect } from "vitest";
import { eventually } from "../eventually.ts";
import { Feed, placeOf } from "../feed.ts";
import { testFolder } from "../storage-on-file.ts";
import { ConsumerProcess, startBrokerProcess } from "./processes.ts";

export const PARTITIONS = 2;
export const topic = "orders";
export const groupId = "billing";
/** As short as a loaded machine lets it be. */
export const SESSION = { "session.timeout.ms": 1_500, "heartbeat.interval.ms": 200 };

/** A broker, a feed, and two consumer processes with one partition each. */
export async function consumerPair(
  stack: AsyncDisposableStack,
  settings: Record<string, number>,
  configs: readonly [Record<string, number | string>, Record<string, number | string>],
) {
  const broker = await startBrokerProcess({
    data: testFolder(),
    settings: { "group.min.session.timeout.ms": 1_000, ...settings },
  });
  const common = { "bootstrap.servers": broker.server };
  const admin = stack.use(new Admin(common));
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  const consumer = (config: Record<string, number | string>) =>
    new ConsumerProcess(
      { ...common, "group.id": groupId, "auto.offset.reset": "earliest", "enable.auto.commit": false, ...config },
      [topic],
      { commitEveryPolls: 1 },
    );
  const [one, other] = [consumer(configs[0]), consumer(configs[1])];
  const isShared = () => one.partitions.length === 1 && other.partitions.length === 1;
  await eventually(isShared, "each has one partition");
  const producer = stack.use(
    new Producer<string, string>({ ...common, "key.serializer": string, "value.serializer": string }),
  );
  const feed = stack.use(new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 4 }));
  await eventually(() => one.deliveries.length > 20 && other.deliveries.length > 20, "both process something");
  const describe = async () => {
    const [group] = await admin.describeGroups([groupId]);
    if (group === undefined) throw new Error("the group is gone");
    return group;
  };
  const evicted = async () => (await describe()).timeline.filter(({ event }) => event === "eviction");
  /** Everything that was acknowledged has been processed by one of them, or more. */
  const everythingProcessed = async (...consumers: ConsumerProcess[]) => {
    await feed.stop();
    const processed = () =>
      new Map(consumers.flatMap(({ deliveries }) => deliveries.map((record) => [placeOf(record), record.value])));
    await eventually(() => processed().size >= feed.acknowledged.size, "everything is processed");
    expect(processed()).toEqual(feed.acknowledged);
  };
  return { broker, admin, consumer, one, other, isShared, describe, evicted, everythingProcessed };
}
