// As many topics as max.topics lets a broker have: they can be listed, matched and read by one consumer.

import { expect, test } from "vitest";
import { Admin } from "../../../client-sdk/src/index.ts";
import { World } from "../consumer/support.ts";

const COUNT = 10_000;
const nameOf = (index: number) => `topic-of-an-ordinary-name-${String(index).padStart(5, "0")}`;

test("10,000 topics are listed; a RegExp that matches half of them is read by one consumer", async () => {
  await using world = await World.start();
  await using admin = new Admin({ "bootstrap.servers": world.address });
  const topics = Array.from({ length: COUNT }, (_, index) => ({ topic: nameOf(index) }));
  await admin.createTopics(topics);
  expect((await admin.listTopics()).filter((topic) => topic.startsWith("topic-"))).toHaveLength(COUNT);
  const consumer = world.consumer({ "allow.auto.create.topics": false });
  // More than a member's heartbeat can name: refused, and told with what to do.
  consumer.subscribe(topics.map(({ topic }) => topic.padEnd(200, "x")));
  await expect(consumer.ready()).rejects.toMatchObject({
    name: "RecordTooLargeError",
    hint: expect.stringContaining("{ pattern }"),
  });
  await consumer.unsubscribe();
  consumer.subscribe(/topic-.*-0[0-4].*/);
  expect(await consumer.ready()).toHaveLength(COUNT / 2);
  await world.produce(nameOf(4_999), ["found"]);
  for (;;) {
    const [record] = await consumer.poll(200);
    if (record === undefined) continue;
    expect(record).toMatchObject({ topic: nameOf(4_999), value: "found" });
    break;
  }
});
