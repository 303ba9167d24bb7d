// Whatever a server answers, every call of producer and admin settles with a result or an error of ours, and close() leaves nothing.

import { Admin, BrookletError, Producer, string } from "@brooklet/client";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type FakeAnswer, FakeNetwork, pass } from "../../support/fake-broker.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../support/watch.ts";

const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(
      null,
      0,
      1,
      -1,
      1.5,
      2 ** 60,
      "",
      "t",
      true,
      [],
      {},
      [null],
      [[]],
      "UNKNOWN_TOPIC_ID",
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown> },
);
const error = fc.record(
  { code: value, message: value, retriable: value, definite: value, hint: value, context: value },
  { requiredKeys: [] },
);
const item = fc.record(
  {
    topic: fc.oneof(fc.constant("t"), value),
    topicId: fc.oneof(fc.constant("id"), value),
    partition: fc.oneof(fc.constant(0), value),
    configs: value,
    memberId: fc.oneof(fc.constant("t"), value),
    logStartOffset: fc.oneof(fc.constant(0), value),
    offset: value,
    baseOffset: value,
    timestamp: value,
    bytes: value,
    partitions: fc.oneof(fc.constant([{ partition: 0, logStartOffset: 0, highWatermark: 0 }]), value),
    members: value,
    offsets: value,
    timeline: value,
    refusedCommits: value,
    groupId: value,
    state: value,
    error: fc.oneof(fc.constant(undefined), error, value),
  },
  { requiredKeys: [] },
);
const items = fc.oneof(fc.array(item, { maxLength: 3 }), value);
const answer = fc.oneof(
  fc.constant(pass),
  fc.constant(undefined),
  fc.record(
    {
      clusterId: fc.oneof(fc.constant("c"), value),
      version: fc.oneof(fc.constant(1), value),
      limits: value,
      topics: items,
      results: items,
      groups: items,
      offsets: items,
      broker: items,
      producerId: value,
      producerEpoch: value,
      error: fc.oneof(fc.constant(undefined), error, value),
      id: fc.oneof(fc.constant(undefined), value),
    },
    { requiredKeys: [] },
  ),
);

/** Every call of both clients, while the server answers from the list, again and again. */
async function attack(hellos: readonly unknown[], answers: readonly unknown[]): Promise<void> {
  const clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1");
  let next = 0;
  fake.script = ({ api }) => {
    const given = api === "hello" ? hellos : answers;
    return given[next++ % given.length] as FakeAnswer | typeof pass;
  };
  const world = { clock, random: simulatedRandom(1), transport: network };
  const producer = new Producer<string, string>(
    {
      "bootstrap.servers": "broker:1",
      "key.serializer": string,
      "value.serializer": string,
      "max.block.ms": 3_000,
      "request.timeout.ms": 2_000,
      "delivery.timeout.ms": 5_000,
    },
    { world },
  );
  const admin = new Admin(
    { "bootstrap.servers": "broker:1", "default.api.timeout.ms": 5_000, "request.timeout.ms": 2_000 },
    { world },
  );
  const seen = new Set<unknown>();
  const interceptor = { onAcknowledgement: (_: unknown, error: unknown) => void seen.add(error) };
  const second = new Producer<string, string>(
    {
      "bootstrap.servers": "broker:1",
      "key.serializer": string,
      "value.serializer": string,
      acks: 0,
      "max.block.ms": 3_000,
      "request.timeout.ms": 2_000,
      "delivery.timeout.ms": 5_000,
      "interceptor.classes": [interceptor],
    },
    { world },
  );
  const calls = [
    second.send({ topic: "t", value: "a" }),
    producer.send({ topic: "t", value: "a" }),
    producer.send({ topic: "t", value: "b", key: "k" }),
    producer.partitionsFor("t"),
    admin.createTopics([{ topic: "t" }]),
    admin.listTopics(),
    admin.describeTopics(["t"]),
    admin.listOffsets([{ topic: "t", partition: 0, at: "latest" }]),
    admin.listGroups(),
    admin.describeGroups(["g"]),
    admin.listGroupOffsets("g"),
    admin.alterGroupOffsets("g", [{ topic: "t", partition: 0, offset: 0 }]),
    admin.createPartitions([{ topic: "t", partitions: 2 }]),
    admin.describeConfigs(["t"]),
    admin.describeBrokerConfigs(),
    admin.alterConfigs([{ topic: "t", configs: { "retention.ms": null } }]),
    admin.deleteRecords([{ topic: "t", partition: 0, offset: 1 }]),
    admin.deleteGroups(["g"]),
    admin.deleteGroupOffsets("g", [{ topic: "t", partition: 0 }]),
    admin.removeMembersFromGroup("g", [{ memberId: "t" }]),
    admin.deleteTopics(["t"]),
    admin.status(),
  ].map((call: Promise<unknown>) => watch(call));
  await clock.runUntil(() => calls.every(({ settled }) => settled), 60_000, "every call has settled");
  for (const call of calls)
    if (call.error !== undefined) expect(call.error).toSatisfy(BrookletError.is.bind(BrookletError));
  await outcomeOf(
    clock,
    Promise.all([producer.close({ timeoutMs: 1_000 }), second.close({ timeoutMs: 1_000 }), admin.close()]),
  );
  await clock.advance(10);
  expect(clock.liveTimers).toBe(0);
  expect(seen.size, "the interceptor heard of the send").toBe(1);
}

test("no answer makes a call throw what is not ours, hang, or leave a timer", async () => {
  const hellos = fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(pass) }, { weight: 1, arbitrary: answer }), {
    minLength: 1,
    maxLength: 4,
  });
  const answers = fc.array(answer, { minLength: 1, maxLength: 8 });
  await fc.assert(fc.asyncProperty(hellos, answers, attack), { numRuns: 300 });
});

test("no bytes do either", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }), async (messages) => {
      const clock = new SimulatedClock();
      const network = new FakeNetwork(clock);
      const fake = network.broker("broker:1");
      let next = 0;
      fake.script = ({ connection }) => {
        connection.sendRaw(messages[next++ % messages.length] ?? new Uint8Array());
        return pass;
      };
      const world = { clock, random: simulatedRandom(1), transport: network };
      const admin = new Admin({ "bootstrap.servers": "broker:1", "default.api.timeout.ms": 3_000 }, { world });
      const { error: failure } = await outcomeOf(clock, admin.listGroups());
      expect(failure).toSatisfy(BrookletError.is.bind(BrookletError));
      await outcomeOf(clock, admin.close());
    }),
    { numRuns: 300 },
  );
});
