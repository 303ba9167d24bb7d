// Errors of the table that no broker of this version says (there are no ACLs and no transactions, and a commit always fits): a
// client that meets them at a later broker acts by the table all the same.

import { Producer, ProducerFencedError, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { FakeNetwork, pass, wireError } from "../../support/fake-broker.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { outcomeOf } from "../../support/watch.ts";
import { failure } from "../consumer/fake-broker.ts";
import { Bench, errorOf } from "../consumer/setup.ts";

test("a group that may not be used is fatal for the consumer", async () => {
  const bench = new Bench();
  bench.broker.topic("orders");
  bench.broker.failNext("groupHeartbeat", failure("GROUP_AUTHORIZATION_FAILED"));
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  for (let round = 0; round < 2; round++)
    expect(await errorOf(bench, consumer.poll(1_000))).toMatchObject({
      code: "GROUP_AUTHORIZATION_FAILED",
      fatal: true,
      definite: true,
    });
  expect(bench.broker.of("groupHeartbeat"), "it is not repeated").toHaveLength(1);
  await bench.run(consumer.close());
});

test("a commit that is too large to store fails for good, for each of its partitions", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 2);
  const consumer = bench.consumer();
  const places = [0, 1].map((partition) => ({ topic: "orders", partition }));
  consumer.assign(places);
  const error = { code: "INVALID_COMMIT_OFFSET_SIZE", message: "too large", retriable: false, definite: true };
  bench.broker.on("offsetCommit", ({ offsets }) => ({
    results: offsets.map(({ topic, partition }) => ({ topic, partition, offset: -1, committedAtMs: 0, error })),
  }));
  const commit = consumer.commit(places.map((place) => ({ ...place, offset: 1 })));
  expect(await errorOf(bench, commit)).toMatchObject({
    name: "CommitFailedError",
    code: "INVALID_COMMIT_OFFSET_SIZE",
    definite: true,
    partitions: places,
  });
  expect(bench.broker.of("offsetCommit"), "it is not repeated").toHaveLength(1);
  await bench.run(consumer.close());
});

test("a producer that another has fenced says so, as the class Kafka's users know, and is fatal", async () => {
  const clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const broker = network.broker("broker:1");
  broker.script = ({ api }) =>
    api === "produce"
      ? { results: [{ topic: "t", partition: 0, baseOffset: -1, error: wireError("PRODUCER_FENCED") }] }
      : pass;
  const producer = new Producer<Uint8Array, string>(
    { "bootstrap.servers": "broker:1", "value.serializer": string },
    { world: { clock, random: simulatedRandom(1), transport: network } },
  );
  const { error } = await outcomeOf(clock, producer.send({ topic: "t", value: "a" }));
  expect(ProducerFencedError.is(error)).toBe(true);
  expect(error).toMatchObject({ code: "PRODUCER_FENCED", fatal: true, definite: true });
  expect(broker.of("produce"), "it is not repeated").toHaveLength(1);
  await outcomeOf(clock, producer.close());
});
