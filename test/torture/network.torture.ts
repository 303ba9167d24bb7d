// Clients and a broker over a network that fails (fault-proxy.ts): frames cut in the middle, resets after the broker has done
// what was asked and before it answers, delays, connections that are dead and do not say so, and a client's frames delivered once
// more on a connection of their own. Each sequence has its seed; when the faults stop, everything must be settled and right.

import { Admin, BrookletError, type CommittedOffset, Consumer, Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Fate, FaultProxy } from "../support/fault-proxy.ts";
import { placeOf } from "../support/feed.ts";
import { simulatedRandom } from "../support/simulated-random.ts";
import { times } from "./share.ts";

const SEQUENCES = times({ full: 2_000, ci: 50 });
const FIRST_SEED = Number(process.env.TORTURE_SEED ?? 1);
/** Most of a sequence is waiting for silence to be noticed. */
const AT_ONCE = 8;
const PARTITIONS = 3;
const RECORDS = 240;
/** Records under way. */
const WAVE = 24;
/** Longer than any delay, so that only silence runs into it. */
const REQUEST_TIMEOUT_MS = 400;
const MAX_DELAY_MS = 60;

let broker: Broker;
const totals = new Map<string, number>();
beforeAll(async () => {
  broker = await startBroker({ settings: { "group.min.session.timeout.ms": 500 } });
});
afterAll(async () => {
  await broker.close();
  process.stdout.write(`fates of frames: ${JSON.stringify(Object.fromEntries(totals))}\n`);
});

/** Which fault may come how often, in thousandths of frames: each sequence has a weather of its own. */
function weather(random: { next(): number }): () => Fate {
  const faults = ["cut", "deliverThenReset", "drop", "again", "halfOpen"] as const;
  const rates = faults.map((fault) => ({ fault, rate: random.next() < 0.5 ? 0 : random.next() * 0.06 }));
  const delays = random.next() * 0.2;
  return () => {
    let chance = random.next();
    for (const { fault, rate } of rates) {
      if (chance < rate) return { do: fault };
      chance -= rate;
    }
    return chance < delays ? { do: "delay", delayMs: random.next() * MAX_DELAY_MS } : { do: "pass" };
  };
}

/** One commit as its caller saw it; its metadata names it in the broker. */
interface Commit {
  readonly name: string;
  readonly refused: ReadonlySet<number>;
}

class Reader {
  readonly #consumer: Consumer<string, string>;
  readonly delivered: { partition: number; offset: number; value: string }[] = [];
  readonly commits: Commit[] = [];
  readonly #loop: Promise<void>;
  #isStopped = false;

  constructor(
    names: { server: string; topic: string; groupId: string; name: string },
    admin: Admin,
    highest: Map<number, number>,
  ) {
    const { server, topic, groupId, name } = names;
    const consumer = new Consumer<string, string>({
      "bootstrap.servers": server,
      "key.deserializer": string,
      "value.deserializer": string,
      "group.id": groupId,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": false,
      "max.poll.records": 20,
      "session.timeout.ms": 3_000,
      "heartbeat.interval.ms": 100,
      "request.timeout.ms": REQUEST_TIMEOUT_MS,
      "fetch.max.wait.ms": 50,
      "default.api.timeout.ms": 2_000,
      "reconnect.backoff.ms": 5,
      "reconnect.backoff.max.ms": 30,
      "retry.backoff.ms": 5,
      "retry.backoff.max.ms": 30,
    });
    consumer.subscribe([topic]);
    this.#consumer = consumer;
    const next = new Map<number, number>();
    this.#loop = (async () => {
      for (let polls = 1; !this.#isStopped; polls++) {
        for (const { partition, offset, value } of await consumer.poll(30)) {
          this.delivered.push({ partition, offset, value: value ?? "" });
          next.set(partition, offset + 1);
        }
        if (polls % 2 === 0) await this.#commit(`${name}-${polls}`, { topic, groupId }, next, { admin, highest });
      }
    })();
    this.#loop.catch(() => {});
  }

  async #commit(
    name: string,
    { topic, groupId }: { topic: string; groupId: string },
    next: ReadonlyMap<number, number>,
    { admin, highest }: { admin: Admin; highest: Map<number, number> },
  ): Promise<void> {
    const owned = this.#consumer.assignment().filter(({ partition }) => next.has(partition));
    const offsets = owned.map(({ partition }) => ({
      topic,
      partition,
      offset: next.get(partition) ?? 0,
      metadata: name,
    }));
    let results: readonly CommittedOffset[] | undefined;
    try {
      results = await this.#consumer.commit(offsets);
      for (const { partition, offset } of results)
        highest.set(partition, Math.max(offset, highest.get(partition) ?? 0));
      // Told by another way than the one that fails: it is there.
      for (const { partition, offset } of await admin.listGroupOffsets(groupId)) {
        const told = results.find((one) => one.partition === partition)?.offset ?? 0;
        if (offset < told) throw new Error(`${name}: ${partition} was committed at ${told}, the broker has ${offset}`);
      }
    } catch (error) {
      if (!BrookletError.is(error)) throw error;
      const { definite, context } = error as BrookletError;
      const perPartition = context?.results as readonly CommittedOffset[] | undefined;
      const refused = perPartition?.filter((one) => one.error?.definite === true) ?? (definite ? offsets : []);
      this.commits.push({ name, refused: new Set(refused.map(({ partition }) => partition)) });
    }
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    try {
      await this.#loop;
    } finally {
      await this.#consumer.close({ timeoutMs: 2_000 });
    }
  }
}

async function sequence(seed: number): Promise<void> {
  const random = simulatedRandom(seed);
  const topic = `topic-${seed}`;
  const groupId = `group-${seed}`;
  await using admin = new Admin({ "bootstrap.servers": `127.0.0.1:${broker.port}` });
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  await using proxy = await FaultProxy.start(broker.port);
  proxy.decide = weather(random);
  const compressions = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
  await using producer = new Producer<string, string>({
    "bootstrap.servers": proxy.server,
    "key.serializer": string,
    "value.serializer": string,
    "compression.type": compressions[Math.floor(random.next() * compressions.length)] ?? "none",
    "batch.size": 200,
    "request.timeout.ms": REQUEST_TIMEOUT_MS,
    "reconnect.backoff.ms": 5,
    "reconnect.backoff.max.ms": 30,
    "retry.backoff.ms": 5,
    "retry.backoff.max.ms": 30,
  });
  const highest = new Map<number, number>();
  const readers = ["a", "b"].map((name) => new Reader({ server: proxy.server, topic, groupId, name }, admin, highest));

  const acknowledged = new Map<string, string>();
  for (let from = 0; from < RECORDS; from += WAVE) {
    await Promise.all(
      Array.from({ length: WAVE }, async (_, at) => {
        const value = `${from + at}`;
        const place = await producer.send({ topic, partition: (from + at) % PARTITIONS, value });
        acknowledged.set(placeOf(place), value);
      }),
    );
  }
  const wanted = Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: RECORDS / PARTITIONS }, (_, at) => `${at * PARTITIONS + partition}`),
  );
  // Each record once, in order, and where its sender was told.
  for (const [partition, values] of wanted.entries())
    expect(values.map((_, offset) => acknowledged.get(`${partition}:${offset}`))).toEqual(values);
  const ends = await admin.listOffsets(wanted.map((_, partition) => ({ topic, partition, at: "latest" as const })));
  expect(ends.map(({ offset }) => offset)).toEqual(wanted.map(({ length }) => length));

  proxy.decide = () => ({ do: "pass" });
  const settled = async () => {
    const offsets = await admin.listGroupOffsets(groupId);
    return offsets.length === PARTITIONS && offsets.every(({ lag }) => lag === 0);
  };
  await eventually(settled, `seed ${seed}: the group has read and committed everything`);
  const [group] = await admin.describeGroups([groupId]);
  const stored = await admin.listGroupOffsets(groupId);
  for (const reader of readers) await reader.close();

  // Every record was delivered, as it was sent.
  const delivered = new Map<string, string>();
  for (const { delivered: mine } of readers)
    for (const { partition, offset, value } of mine) delivered.set(placeOf({ partition, offset }), value);
  expect(delivered).toEqual(acknowledged);
  // A commit that certainly did not happen is nowhere.
  for (const { commits } of readers)
    for (const { name, refused } of commits)
      for (const { partition, metadata } of stored)
        if (refused.has(partition)) expect(metadata, `seed ${seed}, partition ${partition}`).not.toBe(name);
  for (const { partition, offset } of stored) expect(offset).toBeGreaterThanOrEqual(highest.get(partition) ?? 0);
  const owners = group?.members.flatMap(({ assignment }) => assignment ?? []) ?? [];
  expect(new Set(owners.map((one) => JSON.stringify(one))).size, `seed ${seed}`).toBe(owners.length);
  await admin.deleteTopics([topic]);
  for (const [fate, count] of proxy.fates) totals.set(fate, count + (totals.get(fate) ?? 0));
}

async function named(seed: number): Promise<void> {
  const beganMs = performance.now();
  try {
    await sequence(seed);
  } catch (error) {
    throw new Error(`TORTURE_SEED=${seed} fails after ${Math.round(performance.now() - beganMs)} ms`, { cause: error });
  }
}

test(`${SEQUENCES} sequences: every record once and in order, every commit true, no call hangs, groups settle`, async () => {
  let next = FIRST_SEED;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < FIRST_SEED + SEQUENCES) await named(next++);
    }),
  );
});
