// The admin client over a fake broker: what is sent, what comes back, partial failures, retries.

import { Admin, BrookletError } from "@brooklet/client";
import { afterEach, expect, test } from "vitest";
import { FakeNetwork, pass, wireError } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../../support/watch.ts";

let clock = new SimulatedClock();
let admin: Admin | undefined;

afterEach(async () => {
  const closed = watch(admin?.close() ?? Promise.resolve());
  await clock.runUntil(() => closed.settled);
  await clock.advance(50);
  expect(clock.liveTimers, "timers left").toBe(0);
});

function start(answers: Record<string, object | ((header: Record<string, unknown>) => object)> = {}) {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1");
  fake.script = ({ api, header }) => {
    const answer = answers[api];
    if (answer === undefined) return pass;
    return (typeof answer === "function" ? answer(header) : answer) as Record<string, unknown>;
  };
  admin = new Admin(
    { "bootstrap.servers": "broker:1", "default.api.timeout.ms": 10_000 },
    { world: { clock, random: simulatedRandom(1), transport: network } },
  );
  return { fake, admin };
}

const outcome = <T>(promise: Promise<T>) => outcomeOf(clock, promise);

test("results come in the order of the request", async () => {
  const { fake, admin } = start({
    createTopics: {
      results: [
        { topic: "b", topicId: "2" },
        { topic: "a", topicId: "1" },
      ],
    },
  });
  const { value } = await outcome(
    admin.createTopics([{ topic: "b", partitions: 3 }, { topic: "a" }], { validateOnly: true }),
  );
  expect(value).toEqual([
    { topic: "b", topicId: "2" },
    { topic: "a", topicId: "1" },
  ]);
  expect(fake.of("createTopics")[0]?.header).toEqual({
    topics: [{ topic: "b", partitions: 3 }, { topic: "a" }],
    validateOnly: true,
  });
});

test("a partial failure rejects with the first error, whose context tells of all", async () => {
  const { admin } = start({
    createTopics: {
      results: [
        { topic: "a", topicId: "1" },
        { topic: "b", topicId: "", error: { ...wireError("TOPIC_ALREADY_EXISTS"), context: { why: "x" } } },
        { topic: "c", topicId: "", error: wireError("INVALID_TOPIC_EXCEPTION") },
      ],
    },
  });
  const { error } = await outcome(admin.createTopics([{ topic: "a" }, { topic: "b" }, { topic: "c" }]));
  expect(error).toMatchObject({
    code: "TOPIC_ALREADY_EXISTS",
    definite: true,
    context: {
      why: "x",
      results: [
        { topic: "a", topicId: "1" },
        { topic: "b", error: { code: "TOPIC_ALREADY_EXISTS" } },
        { topic: "c", error: { code: "INVALID_TOPIC_EXCEPTION" } },
      ],
    },
  });
  const { results } = (error as BrookletError).context as { results: { error?: unknown }[] };
  expect(BrookletError.is(results[1]?.error)).toBe(true);
});

test("a refusal after an attempt in doubt is not certain", async () => {
  const { fake, admin } = start();
  let attempts = 0;
  fake.script = ({ api, connection }) => {
    if (api !== "createTopics") return pass;
    if (++attempts > 1) return { results: [{ topic: "a", topicId: "", error: wireError("TOPIC_ALREADY_EXISTS") }] };
    connection.end(1006, "cut");
    return undefined;
  };
  expect((await outcome(admin.createTopics([{ topic: "a" }]))).error).toMatchObject({
    code: "TOPIC_ALREADY_EXISTS",
    definite: false,
  });
});

test("an unknown topic is an answer, not something to wait for; a broker that starts is waited for", async () => {
  const { fake, admin } = start();
  fake.autoCreate = false;
  const { error } = await outcome(admin.describeTopics(["nope"]));
  expect(error).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
  expect(fake.of("metadata")).toHaveLength(1);
  expect(fake.of("metadata")[0]?.header.allowAutoCreate).toBe(false);
  let refusals = 3;
  fake.script = ({ api }) => (api === "metadata" && refusals-- > 0 ? { error: wireError("STORAGE_FULL") } : pass);
  fake.topic("t");
  expect((await outcome(admin.describeTopics(["t"]))).value).toMatchObject([
    { topic: "t", partitions: [{ partition: 0 }] },
  ]);
  expect((await outcome(admin.describeTopics([]))).value).toEqual([]);
});

test("every call ends within default.api.timeout.ms", async () => {
  const { fake, admin } = start();
  fake.isDown = true;
  const { error } = await outcome(admin.listGroups());
  expect(clock.nowMs()).toBeLessThanOrEqual(10_000);
  expect(error).toMatchObject({ name: "TimeoutError", definite: true });
});

test("internal topics are listed only when asked for", async () => {
  const topic = (name: string, internal: boolean) => ({ topic: name, topicId: name, internal, partitions: [] });
  const { admin } = start({
    metadata: { clusterId: "c", topics: [topic("b", false), topic("__consumer_offsets", true), topic("a", false)] },
  });
  expect((await outcome(admin.listTopics())).value).toEqual(["a", "b"]);
  expect((await outcome(admin.listTopics({ internal: true }))).value).toEqual(["__consumer_offsets", "a", "b"]);
});

test("a group's offsets come with their lag, without what was never committed or is gone", async () => {
  const committed = (topic: string, offset: number) => ({
    topic,
    topicId: `id-${topic}`,
    partition: 0,
    offset,
    leaderEpoch: -1,
    metadata: "m",
  });
  const { fake, admin } = start({
    offsetFetch: { offsets: [committed("a", 5), committed("b", -1), committed("gone", 3)] },
    listOffsets: ({ partitions }) => ({
      results: (partitions as { topic: string; partition: number }[]).map(({ topic, partition }) => ({
        topic,
        partition,
        offset: topic === "gone" ? -1 : 12,
        timestamp: -1,
        leaderEpoch: 0,
        ...(topic === "gone" ? { error: wireError("UNKNOWN_TOPIC_ID") } : {}),
      })),
    }),
  });
  expect((await outcome(admin.listGroupOffsets("g"))).value).toEqual([
    { topic: "a", partition: 0, offset: 5, metadata: "m", lag: 7 },
  ]);
  expect(fake.of("offsetFetch")[0]?.header).toEqual({ groupId: "g" });
  expect(fake.of("listOffsets")[0]?.header.partitions).toEqual([
    { topic: "a", topicId: "id-a", partition: 0, at: "latest" },
    { topic: "gone", topicId: "id-gone", partition: 0, at: "latest" },
  ]);
});

test("a group's offsets are set without a member, and what was recorded comes back", async () => {
  const result = { topic: "a", partition: 0, offset: 7, committedAtMs: 99 };
  const { fake, admin } = start({ offsetCommit: { results: [result] } });
  const { value } = await outcome(
    admin.alterGroupOffsets("g", [{ topic: "a", partition: 0, offset: 7, metadata: "by hand" }]),
  );
  expect(value).toEqual([{ ...result, metadata: "by hand" }]);
  expect(fake.of("offsetCommit")[0]?.header).toEqual({
    groupId: "g",
    offsets: [{ topic: "a", partition: 0, offset: 7, metadata: "by hand" }],
  });
});

test("a group that does not exist rejects, with the others in the context", async () => {
  const group = {
    state: "Empty",
    epoch: 1,
    assignmentEpoch: 1,
    assignor: "uniform",
    members: [],
    offsets: [],
    timeline: [],
    refusedCommits: [],
  };
  const { admin } = start({
    describeGroups: {
      groups: [
        { ...group, groupId: "g" },
        { ...group, groupId: "nope", error: wireError("GROUP_ID_NOT_FOUND") },
      ],
    },
  });
  const { error } = await outcome(admin.describeGroups(["g", "nope"]));
  expect(error).toMatchObject({
    code: "GROUP_ID_NOT_FOUND",
    context: { results: [{ groupId: "g" }, { groupId: "nope" }] },
  });
});

test("close rejects what waits, also between two attempts", async () => {
  const { fake, admin } = start();
  fake.script = ({ api }) => (api === "listGroups" ? { error: wireError("BROKER_NOT_AVAILABLE") } : pass);
  const seen = watch(admin.listGroups());
  await clock.advance(5_500);
  const closed = watch(admin.close());
  await clock.advance(20);
  expect([closed.settled, seen.error]).toMatchObject([true, { name: "ClosedError" }]);
  await expect(admin.listGroups()).rejects.toMatchObject({ name: "ClosedError" });
});
