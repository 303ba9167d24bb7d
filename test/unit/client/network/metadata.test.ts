// The metadata cache: one question for all who ask, fresh after its age, never an answer about another topic.

import { expect, test } from "vitest";
import type { BrokerClient } from "../../../../client-sdk/src/network/client.ts";
import { MetadataCache } from "../../../../client-sdk/src/network/metadata.ts";
import { wireError } from "../../../support/fake-broker.ts";
import { SimulatedClock, settle } from "../../../support/simulated-clock.ts";

type Answer = (topics: string[]) => unknown[];

function start(answer: Answer = (topics) => topics.map((topic) => known(topic))) {
  const clock = new SimulatedClock();
  const asked: string[][] = [];
  const client = {
    async request(_api: string, { topics }: { topics: string[] }) {
      asked.push(topics);
      return { header: { clusterId: "c", topics: answer(topics) }, payload: new Uint8Array() };
    },
  } as unknown as BrokerClient;
  return { clock, asked, cache: new MetadataCache({ client, clock, maxAgeMs: 1_000, allowAutoCreate: false }) };
}

function known(topic: string, partitions = 2, topicId = `id-${topic}`) {
  return {
    topic,
    topicId,
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      logStartOffset: 0,
      highWatermark: 0,
    })),
  };
}

test("all who ask in one turn share a request, and those who ask for the same share the answer", async () => {
  const { asked, cache } = start();
  const [a, again, b] = await Promise.all([cache.load("a", {}), cache.load("a", {}), cache.load("b", {})]);
  expect(asked).toEqual([["a", "b"]]);
  expect(a).toEqual({ topic: "a", topicId: "id-a", partitionCount: 2, internal: false });
  expect(again).toBe(a);
  expect(b.topic).toBe("b");
  expect(cache.peek("a")).toBe(a);
  expect(cache.peek("c")).toBeUndefined();
});

test("many topics go in several requests", async () => {
  const { asked, cache } = start();
  await Promise.all(Array.from({ length: 2_500 }, (_, index) => cache.load(`t${index}`, {})));
  expect(asked.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
});

test("what is older than metadata.max.age.ms is given once more while it is asked again", async () => {
  let partitions = 2;
  const { clock, asked, cache } = start((topics) => topics.map((topic) => known(topic, partitions)));
  await cache.load("a", {});
  partitions = 3;
  await clock.advance(999);
  cache.peek("a");
  await settle();
  expect(asked).toHaveLength(1);
  await clock.advance(1);
  expect(cache.peek("a")?.partitionCount).toBe(2);
  await settle();
  expect(cache.peek("a")?.partitionCount).toBe(3);
});

test("an error rejects its topic only, and a topic that is gone is forgotten", async () => {
  let isGone = false;
  const { clock, cache } = start((topics) =>
    topics.map((topic) =>
      topic === "a" && isGone
        ? { topic, topicId: "", partitions: [], error: wireError("UNKNOWN_TOPIC_OR_PARTITION") }
        : known(topic),
    ),
  );
  await cache.load("a", {});
  isGone = true;
  const both = await Promise.allSettled([cache.load("a", {}), cache.load("b", {})]);
  expect(both).toMatchObject([
    { status: "rejected", reason: { code: "UNKNOWN_TOPIC_OR_PARTITION" } },
    { status: "fulfilled" },
  ]);
  expect(cache.peek("a")).toBeUndefined();
  await clock.advance(2_000);
  expect(cache.peek("b")).toBeDefined();
});

test("an answer that leaves a topic out, or names another, is an error for who asked", async () => {
  const { cache } = start(() => [known("other"), known("__proto__")]);
  await expect(cache.load("a", {})).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", retriable: true });
  expect(cache.peek("other")).toBeUndefined();
});

test("a topic without partitions is the broker's fault, and never cached: nobody could choose one", async () => {
  const { cache } = start((topics) => topics.map((topic) => known(topic, 0)));
  await expect(cache.load("a", {})).rejects.toMatchObject({
    code: "UNKNOWN_SERVER_ERROR",
    message: expect.stringContaining("the broker's answer to metadata is malformed"),
  });
  expect(cache.peek("a")).toBeUndefined();
});

test("a failed request rejects all, and the next question is asked", async () => {
  let fails = true;
  const { asked, cache } = start((topics) => {
    if (fails) throw new Error("no connection");
    return topics.map((topic) => known(topic));
  });
  await expect(cache.load("a", {})).rejects.toThrow("no connection");
  fails = false;
  await cache.load("a", {});
  expect(asked).toHaveLength(2);
});

test("what an error has proven wrong is forgotten at once", async () => {
  const { cache } = start();
  await cache.load("a", {});
  cache.invalidate("a");
  expect(cache.peek("a")).toBeUndefined();
});
