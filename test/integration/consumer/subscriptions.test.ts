// Subscriptions by RegExp and by pattern, and group.remote.assignor, before a real broker.

import { systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { take, until, valuesOf, World } from "./support.ts";

const LIMIT_MS = 20_000;

test(
  "a RegExp reads what matches, finds new topics, and lets deleted ones go",
  async () => {
    await using world = await World.start();
    for (const topic of ["orders-eu", "orders-us", "bills"]) {
      await world.topic(topic);
      await world.produce(topic, [topic]);
    }
    const consumer = world.consumer({ "metadata.max.age.ms": 100 });
    consumer.subscribe(/orders-../);
    expect(valuesOf(await take(consumer, 2)).sort()).toEqual(["orders-eu", "orders-us"]);
    // There are committed offsets now, and so __consumer_offsets: an internal topic.
    await consumer.commit();
    await world.topic("orders-jp");
    await world.produce("orders-jp", ["new"]);
    expect(valuesOf(await take(consumer, 1))).toEqual(["new"]);
    expect(consumer.subscription()).toEqual(["orders-eu", "orders-jp", "orders-us"]);
    await world.ask("deleteTopics", { topics: ["orders-us"] });
    await until(async () => {
      await consumer.poll(20);
      return consumer.subscription().length === 2 && consumer.assignment().length === 2;
    });
  },
  LIMIT_MS,
);

test(
  "exclude.internal.topics: whether a RegExp matches __consumer_offsets",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    const writer = world.consumer({ "group.id": "writer" });
    writer.subscribe(["orders"]);
    await writer.ready();
    await writer.commit([{ topic: "orders", partition: 0, offset: 0 }]);
    for (const excludes of [true, false]) {
      const consumer = world.consumer({ "group.id": `excludes ${excludes}`, "exclude.internal.topics": excludes });
      consumer.subscribe(/.*/);
      await consumer.ready();
      expect(consumer.subscription()).toEqual(excludes ? ["orders"] : ["__consumer_offsets", "orders"]);
      await consumer.close();
    }
  },
  LIMIT_MS,
);

test(
  "a pattern is matched by the broker, which finds new topics by itself; other kinds of members share the group",
  async () => {
    await using world = await World.start();
    await world.topic("orders-eu", 2);
    const consumer = world.consumer();
    consumer.subscribe({ pattern: "orders-[a-z]{2}" });
    expect(await consumer.ready()).toHaveLength(2);
    expect(consumer.subscription()).toEqual(["orders-eu"]);
    await world.topic("orders-us");
    await world.topic("orders-other");
    await until(async () => {
      await consumer.poll(20);
      return consumer.assignment().length === 3;
    });
    expect(consumer.subscription().sort()).toEqual(["orders-eu", "orders-us"]);

    const byName = world.consumer();
    byName.subscribe(["orders-other"]);
    expect(await byName.ready()).toEqual([{ topic: "orders-other", partition: 0 }]);
    expect(consumer.assignment()).toHaveLength(3);

    // From a pattern to names: what only the pattern had is given up.
    consumer.subscribe(["orders-us"]);
    await until(async () => {
      await consumer.poll(20);
      return consumer.assignment().length === 1;
    });
    expect(consumer.subscription()).toEqual(["orders-us"]);
  },
  LIMIT_MS,
);

test("an illegal pattern is fatal and says what is wrong with it", async () => {
  await using world = await World.start();
  const consumer = world.consumer();
  consumer.subscribe({ pattern: "orders-(" });
  await expect(consumer.poll(5_000)).rejects.toMatchObject({ code: "INVALID_REGULAR_EXPRESSION", fatal: true });
  await expect(consumer.poll(0)).rejects.toThrow("orders-(");
});

test(
  "group.remote.assignor=range gives co-partitions of two topics to the same member; uniform is the group's choice without a vote",
  async () => {
    await using world = await World.start();
    await world.topic("clicks", 3);
    await world.topic("views", 3);
    const shared = async (groupId: string, assignor: "range" | undefined) => {
      const config = assignor === undefined ? {} : { "group.remote.assignor": assignor };
      const members = [
        world.consumer({ "group.id": groupId, ...config }),
        world.consumer({ "group.id": groupId, ...config }),
      ];
      for (const member of members) member.subscribe(["clicks", "views"]);
      await until(async () => {
        await Promise.all(members.map((member) => member.poll(10)));
        return (
          members.every((member) => member.assignment().length > 0) &&
          members.flatMap((member) => member.assignment()).length === 6
        );
      });
      return { members, assignor: (await world.group(groupId)).assignor };
    };
    const range = await shared("range", "range");
    expect(range.assignor).toBe("range");
    for (const member of range.members) {
      const of = (topic: string) =>
        member
          .assignment()
          .filter((one) => one.topic === topic)
          .map(({ partition }) => partition)
          .sort();
      expect(of("clicks")).toEqual(of("views"));
    }
    expect((await shared("none", undefined)).assignor).toBe("uniform");
  },
  LIMIT_MS,
);

test(
  "auto.offset.reset=by_duration begins at the first record that is young enough",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    const nowMs = systemClock.wallMs();
    const hour = 3_600_000;
    const records = [nowMs - 3 * hour, nowMs - 2 * hour, nowMs - 60_000, nowMs].map((timestamp, index) => ({
      partition: 0,
      valueText: `v${index}`,
      timestamp,
    }));
    await world.ask("topics/orders/records", { records });
    const consumer = world.consumer({ "auto.offset.reset": "by_duration:PT1H" });
    consumer.subscribe(["orders"]);
    expect(valuesOf(await take(consumer, 2))).toEqual(["v2", "v3"]);
  },
  LIMIT_MS,
);
