// Every call of the admin client over a fake broker: what is sent, what comes back, long lists, signals, answers that do not fit.

import { getEventListeners } from "node:events";
import { Admin, BrookletError, IllegalStateError } from "@brooklet/client";
import { afterEach, expect, test } from "vitest";
import { FakeNetwork, type FakeRequest, pass, wireError } from "../../../support/fake-broker.ts";
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

type Answer = object | undefined;
function start(answer: (request: FakeRequest) => Answer = () => ({})) {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1");
  fake.script = (request) =>
    request.api === "hello" ? pass : (answer(request) as Record<string, unknown> | undefined);
  admin = new Admin(
    { "bootstrap.servers": "broker:1", "default.api.timeout.ms": 10_000 },
    { world: { clock, random: simulatedRandom(1), transport: network } },
  );
  return { fake, admin };
}

const outcome = <T>(promise: Promise<T>) => outcomeOf(clock, promise);
const tp = (topic: string, partition = 0) => ({ topic, partition });
const entry = { name: "retention.ms", value: "5", source: "topic" } as const;

interface Row {
  readonly run: (admin: Admin) => Promise<unknown>;
  readonly api: string;
  readonly request: object;
  readonly answer: object;
  readonly result?: unknown;
}

const rows: Record<string, Row> = {
  createPartitions: {
    run: (admin) =>
      admin.createPartitions([
        { topic: "b", partitions: 3 },
        { topic: "a", partitions: 2 },
      ]),
    api: "createPartitions",
    request: {
      topics: [
        { topic: "b", partitions: 3 },
        { topic: "a", partitions: 2 },
      ],
      validateOnly: false,
    },
    answer: { results: [{ topic: "b" }, { topic: "a" }] },
  },
  "createPartitions, checked only": {
    run: (admin) => admin.createPartitions([{ topic: "b", partitions: 3 }], { validateOnly: true }),
    api: "createPartitions",
    request: { topics: [{ topic: "b", partitions: 3 }], validateOnly: true },
    answer: { results: [{ topic: "b" }] },
  },
  describeConfigs: {
    run: (admin) => admin.describeConfigs(["b", "a"]),
    api: "describeConfigs",
    request: { topics: ["b", "a"] },
    answer: {
      results: [
        { topic: "b", configs: [entry] },
        { topic: "a", configs: [] },
      ],
    },
    result: [
      { topic: "b", configs: [entry] },
      { topic: "a", configs: [] },
    ],
  },
  describeBrokerConfigs: {
    run: (admin) => admin.describeBrokerConfigs(),
    api: "describeConfigs",
    request: { broker: true },
    answer: { results: [], broker: [entry] },
    result: [entry],
  },
  alterConfigs: {
    run: (admin) => admin.alterConfigs([{ topic: "a", configs: { "retention.ms": "5", "segment.ms": null } }]),
    api: "alterConfigs",
    request: { changes: [{ topic: "a", configs: { "retention.ms": "5", "segment.ms": null } }], validateOnly: false },
    answer: { results: [{ topic: "a" }] },
  },
  deleteRecords: {
    run: (admin) =>
      admin.deleteRecords([
        { ...tp("a", 1), offset: 7 },
        { ...tp("a"), offset: -1 },
      ]),
    api: "deleteRecords",
    request: {
      partitions: [
        { ...tp("a", 1), offset: 7 },
        { ...tp("a"), offset: -1 },
      ],
    },
    answer: {
      results: [
        { ...tp("a", 1), logStartOffset: 7 },
        { ...tp("a"), logStartOffset: 12 },
      ],
    },
    result: [
      { ...tp("a", 1), logStartOffset: 7 },
      { ...tp("a"), logStartOffset: 12 },
    ],
  },
  deleteGroups: {
    run: (admin) => admin.deleteGroups(["h", "g"]),
    api: "deleteGroups",
    request: { groupIds: ["h", "g"] },
    answer: { results: [{ groupId: "h" }, { groupId: "g" }] },
  },
  deleteGroupOffsets: {
    run: (admin) => admin.deleteGroupOffsets("g", [tp("a", 3)]),
    api: "offsetDelete",
    request: { groupId: "g", partitions: [tp("a", 3)] },
    answer: { results: [tp("a", 3)] },
  },
  removeMembersFromGroup: {
    run: (admin) =>
      admin.removeMembersFromGroup("g", [{ memberId: "m" }, { instanceId: "i" }], { reason: "moved away" }),
    api: "leaveGroup",
    request: { groupId: "g", members: [{ memberId: "m" }, { instanceId: "i" }], reason: "moved away" },
    answer: { results: [{ memberId: "m" }, { memberId: "m2", instanceId: "i" }] },
  },
};

test.each(Object.entries(rows))("%s: the request as the caller wrote it, the results in its order", async (_, row) => {
  const { fake, admin } = start(() => row.answer);
  const { value, error } = await outcome(row.run(admin));
  expect(error).toBeUndefined();
  expect(value).toEqual(row.result);
  expect(fake.requests.map(({ api, header }) => [api, header])).toEqual([[row.api, row.request]]);
});

test.each(Object.entries(rows))(
  "%s: a partial failure rejects with the first error and tells of all",
  async (_, row) => {
    const refused = { ...wireError("STORAGE_FULL"), context: { why: "x" } };
    const [name] = Object.keys(row.answer);
    const items = (row.answer as Record<string, object[]>)[name ?? ""] ?? [];
    if (items.length === 0) return;
    const results = items.map((item, index) => (index === items.length - 1 ? { ...item, error: refused } : item));
    const { admin } = start(() => ({ ...row.answer, [name ?? ""]: results }));
    const { error } = await outcome(row.run(admin));
    expect(error).toMatchObject({ code: "STORAGE_FULL", definite: true, context: { why: "x" } });
    const told = (error as BrookletError).context?.results as { error?: unknown }[];
    expect(told).toHaveLength(items.length);
    expect(told.map((one) => BrookletError.is(one.error))).toEqual(items.map((_, index) => index === items.length - 1));
  },
);

test.each(Object.entries(rows))(
  "%s: repeated after an attempt in doubt, its refusal is not certain",
  async (_, row) => {
    let attempts = 0;
    const [name] = Object.keys(row.answer);
    const items = (row.answer as Record<string, object[]>)[name ?? ""] ?? [];
    const { admin } = start(({ connection }) => {
      if (++attempts > 1) {
        const error = wireError("UNKNOWN_TOPIC_OR_PARTITION");
        return items.length === 0
          ? { error }
          : { ...row.answer, [name ?? ""]: items.map((item) => ({ ...item, error })) };
      }
      connection.end(1006, "cut");
      return undefined;
    });
    const { error } = await outcome(row.run(admin));
    expect(error).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", definite: false });
    expect(attempts).toBe(2);
  },
);

const everyCall: Record<
  string,
  (admin: Admin, options: { signal?: AbortSignal; timeoutMs?: number }) => Promise<unknown>
> = {
  createTopics: (admin, options) => admin.createTopics([{ topic: "a" }], options),
  deleteTopics: (admin, options) => admin.deleteTopics(["a"], options),
  listTopics: (admin, options) => admin.listTopics(options),
  describeTopics: (admin, options) => admin.describeTopics(["a"], options),
  createPartitions: (admin, options) => admin.createPartitions([{ topic: "a", partitions: 2 }], options),
  describeConfigs: (admin, options) => admin.describeConfigs(["a"], options),
  describeBrokerConfigs: (admin, options) => admin.describeBrokerConfigs(options),
  alterConfigs: (admin, options) => admin.alterConfigs([{ topic: "a", configs: {} }], options),
  deleteRecords: (admin, options) => admin.deleteRecords([{ ...tp("a"), offset: 1 }], options),
  listOffsets: (admin, options) => admin.listOffsets([{ ...tp("a"), at: "latest" }], options),
  listGroups: (admin, options) => admin.listGroups(options),
  describeGroups: (admin, options) => admin.describeGroups(["g"], options),
  deleteGroups: (admin, options) => admin.deleteGroups(["g"], options),
  listGroupOffsets: (admin, options) => admin.listGroupOffsets("g", undefined, options),
  alterGroupOffsets: (admin, options) => admin.alterGroupOffsets("g", [{ ...tp("a"), offset: 1 }], options),
  deleteGroupOffsets: (admin, options) => admin.deleteGroupOffsets("g", [tp("a")], options),
  removeMembersFromGroup: (admin, options) => admin.removeMembersFromGroup("g", [{ memberId: "m" }], options),
  status: (admin, options) => admin.status(options),
};

test("the table has every call of the class", () => {
  const calls = Object.getOwnPropertyNames(Admin.prototype).filter((name) => !["constructor", "close"].includes(name));
  expect(Object.keys(everyCall).sort()).toEqual(calls.sort());
});

test.each(Object.entries(everyCall))(
  "%s ends with its signal and its time, and leaves nothing on the signal",
  async (_, call) => {
    const { admin } = start(() => undefined);
    const controller = new AbortController();
    const { signal } = controller;
    const seen = watch(call(admin, { signal }));
    await clock.advance(100);
    expect([seen.settled, getEventListeners(signal, "abort").length > 0]).toEqual([false, true]);
    controller.abort("enough");
    await clock.advance(1);
    expect(seen.error).toMatchObject({ code: "ABORTED", definite: false, cause: "enough" });
    expect(getEventListeners(signal, "abort")).toEqual([]);

    const atMs = clock.nowMs();
    expect((await outcome(call(admin, { timeoutMs: 700 }))).error).toMatchObject({ name: "TimeoutError" });
    expect(clock.nowMs() - atMs).toBeLessThan(800);
    expect((await outcome(call(admin, { signal }))).error).toMatchObject({ code: "ABORTED", definite: true });
    for (const options of [{ timeoutMs: Number.NaN }, { timeoutMs: "5" }, { signal: {} }, null] as never[])
      await expect(call(admin, options)).rejects.toBeInstanceOf(IllegalStateError);
  },
);

test("calls that go well leave nothing on a signal either", async () => {
  const { admin } = start(({ header }) => ({
    results: (header.topics as { topic: string }[]).map(({ topic }) => ({ topic, topicId: "x" })),
  }));
  const { signal } = new AbortController();
  for (let index = 0; index < 100; index++) await outcome(admin.createTopics([{ topic: "a" }], { signal }));
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a list too long for one frame goes in several, and the results are in order", async () => {
  const { fake, admin } = start(({ header }) => ({
    results: (header.partitions as { topic: string; partition: number; offset: number }[]).map(
      ({ topic, partition, offset }) => ({ topic, partition, logStartOffset: offset + 1 }),
    ),
  }));
  fake.limits = { ...fake.limits, maxHeaderBytes: 20_000 };
  await outcome(admin.deleteRecords([{ ...tp("first"), offset: 0 }]));
  const before = Array.from({ length: 2_500 }, (_, partition) => ({
    ...tp("t".repeat(100), partition),
    offset: partition,
  }));
  const { value } = await outcome(admin.deleteRecords(before));
  expect(value?.map(({ partition, logStartOffset }) => [partition, logStartOffset])).toEqual(
    before.map(({ partition, offset }) => [partition, offset + 1]),
  );
  expect(fake.requests.length).toBeGreaterThan(10);
  for (const { header } of fake.requests) expect(JSON.stringify(header).length).toBeLessThan(20_000);
});

test("when a later part fails as a whole, the error tells what became of every item", async () => {
  let parts = 0;
  const { admin } = start(({ header }) => {
    if (++parts === 2) return { error: wireError("CLUSTER_AUTHORIZATION_FAILED") };
    return { results: (header.groupIds as string[]).map((groupId) => ({ groupId })) };
  });
  const ids = Array.from({ length: 2_500 }, (_, index) => `g${index}`);
  const { error } = await outcome(admin.deleteGroups(ids));
  expect(error).toMatchObject({ code: "CLUSTER_AUTHORIZATION_FAILED" });
  const results = (error as BrookletError).context?.results as { groupId: string; error?: BrookletError }[];
  expect(results.map(({ groupId }) => groupId)).toEqual(ids);
  expect(results.filter((result) => result.error === undefined)).toHaveLength(1_000);
  expect(results[2_400]?.error?.message).toContain("not sent");
  expect(results[2_400]?.error?.definite).toBe(true);
  expect(parts).toBe(2);
});

test.each([
  ["too few", [{ topic: "a" }]],
  ["too many", [{ topic: "a" }, { topic: "b" }, { topic: "c" }]],
  ["in another order", [{ topic: "b" }, { topic: "a" }]],
  ["of somebody else", [{ topic: "a" }, { topic: "__proto__" }]],
])("results that are %s are the broker's fault, and leave the call in doubt", async (_, results) => {
  const { admin } = start(() => ({ results }));
  const { error } = await outcome(admin.deleteTopics(["a", "b"]));
  expect(error).toMatchObject({ code: "UNKNOWN_SERVER_ERROR", definite: false });
  expect(String(error)).toContain("the broker's answer to deleteTopics is malformed");
});

test("no items are no request; what is no list, and what JSON cannot print, is refused and hurts nobody else", async () => {
  const { fake, admin } = start(() => ({ groups: [] }));
  for (const empty of [
    admin.createTopics([]),
    admin.deleteTopics([]),
    admin.describeTopics([]),
    admin.deleteRecords([]),
    admin.removeMembersFromGroup("g", []),
  ]) {
    expect((await outcome(empty as Promise<unknown>)).error).toBeUndefined();
  }
  expect(fake.requests).toEqual([]);
  for (const nonsense of [undefined, null, "a", {}, [5], [null], [{ topic: 5n, partitions: 5n }]] as never[]) {
    const { error } = await outcome(admin.createPartitions(nonsense));
    expect(error, String(nonsense)).toBeInstanceOf(IllegalStateError);
  }
  expect((await outcome(admin.describeGroups([5n as never]))).error).toBeInstanceOf(IllegalStateError);
  expect((await outcome(admin.deleteGroupOffsets(5n as never, [tp("a")]))).error).toMatchObject({ definite: true });
  expect((await outcome(admin.listGroups())).value).toEqual([]);
});
