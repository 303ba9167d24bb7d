// A broker process under mixed load for a while: producers, consumers that join and leave every second, streams, topics and groups
// that come and go by the hundred, retention all the time. What it holds afterwards is about what it held before.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Admin, Consumer, Producer, string } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../support/children/processes.ts";
import { eventually } from "../support/eventually.ts";
import { Feed } from "../support/feed.ts";
import { http } from "../support/raw-client.ts";
import { testFolder } from "../support/storage-on-file.ts";
import { times } from "./share.ts";

const MIB = 1024 * 1024;
const DURATION_MS = times({ full: 600_000, ci: 60_000 });
const CHURN_MS = 1_000;
const SAMPLE_MS = 1_000;
const PARTITIONS = 4;
/** Created with records and offsets, and deleted, again and again: in all some thousands of each. */
const WAVE = 40;
const topic = "orders";
/** A broker that kept what was deleted would end for want of memory. */
const MAX_HEAP_MIB = 96;
/** Generous: a garbage collector takes its time, and the tail cache and SQLite's pages are part of the load. */
const MAX_GROWTH_BYTES = 100 * MIB;
const MAX_WAL_BYTES = 256 * MIB;

/** Resident memory and open handles, as Linux tells them; undefined elsewhere. */
function held(pid: number): { rssBytes: number; handles: number } | undefined {
  if (!existsSync(`/proc/${pid}/status`)) return undefined;
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { rssBytes: Number(kib) * 1024, handles: readdirSync(`/proc/${pid}/fd`).length };
}

/** Least squares, per minute. */
function slopePerMinute(samples: readonly number[]): number {
  const meanAt = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  let up = 0;
  let down = 0;
  for (const [at, value] of samples.entries()) {
    up += (at - meanAt) * (value - mean);
    down += (at - meanAt) ** 2;
  }
  return (up / down) * (60_000 / SAMPLE_MS);
}

test("mixed load with clients, topics and groups that come and go: memory, handles and the WAL stay bounded", async (context) => {
  const data = testFolder();
  const broker = await startBrokerProcess({
    data,
    durability: "process",
    maxHeapMib: MAX_HEAP_MIB,
    settings: {
      "log.retention.check.interval.ms": 500,
      "tail.cache.bytes": 16 * MIB,
      "group.min.session.timeout.ms": 1_000,
    },
  });
  const { pid } = broker.child;
  if (held(pid) === undefined) context.skip("there is no /proc");
  const servers = { "bootstrap.servers": broker.server };
  await using admin = new Admin(servers);
  await admin.createTopics([
    { topic, partitions: PARTITIONS, configs: { "segment.bytes": `${MIB}`, "retention.bytes": `${4 * MIB}` } },
  ]);
  await using producer = new Producer<string, string>({
    ...servers,
    "key.serializer": string,
    "value.serializer": string,
    "interceptor.classes": [{ onSend: (record) => ({ ...record, value: `${record.value}`.padEnd(500, "x") }) }],
  });
  await using feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 20 });
  const consumer = (groupId: string) =>
    new Consumer<string, string>({
      ...servers,
      "key.deserializer": string,
      "value.deserializer": string,
      "group.id": groupId,
      "auto.offset.reset": "earliest",
    });

  const ending = new AbortController();
  const { signal } = ending;
  const isOver = () => signal.aborted;
  let polled = 0;
  const reading = async () => {
    await using steady = consumer("steady");
    steady.subscribe([topic]);
    while (!isOver()) {
      polled += (await steady.poll(100)).length;
      // A slow reader must not keep the log from going: only the count is kept.
      if (feed.acknowledged.size > 10_000) feed.acknowledged.clear();
    }
  };
  const churning = async () => {
    while (!isOver()) {
      await using guest = consumer("steady");
      guest.subscribe([topic]);
      const untilMs = performance.now() + CHURN_MS;
      while (performance.now() < untilMs) await guest.poll(100);
    }
  };
  const streaming = async () => {
    while (!isOver()) {
      const leaving = new AbortController();
      const stream = http(broker.url, `/v1/topics/${topic}/stream?from=latest`, { signal: leaving.signal }).catch(
        () => {},
      );
      await sleep(systemClock, CHURN_MS);
      leaving.abort();
      await stream;
    }
  };
  let waves = 0;
  const wave = async () => {
    const names = Array.from({ length: WAVE }, (_, at) => `wave-${waves}-${at}`);
    waves++;
    await admin.createTopics(names.map((name) => ({ topic: name, partitions: 3 })));
    await Promise.all(names.map((name) => producer.send({ topic: name, partition: 0, value: name })));
    for (const name of names) await admin.alterGroupOffsets(name, [{ topic: name, partition: 0, offset: 1 }]);
    await admin.deleteGroups(names);
    await admin.deleteTopics(names);
  };
  const waving = async () => {
    while (!isOver()) await wave();
  };

  // Warm: code is compiled, caches are full.
  await wave();
  await eventually(() => feed.acknowledged.size > 5_000, "the load runs");
  const work = Promise.all([reading(), churning(), streaming(), waving()]);
  work.catch(() => ending.abort());
  const rss: number[] = [];
  const wal: number[] = [];
  const handles: number[] = [];
  const beganMs = performance.now();
  while (performance.now() - beganMs < DURATION_MS && !isOver()) {
    await sleep(systemClock, SAMPLE_MS);
    const now = held(pid);
    if (now === undefined) throw new Error("the broker is gone");
    rss.push(now.rssBytes);
    handles.push(now.handles);
    wal.push(
      readdirSync(data)
        .filter((name) => name.endsWith("-wal"))
        .reduce((sum, name) => sum + statSync(join(data, name)).size, 0),
    );
  }
  ending.abort();
  await work;
  await feed.stop();
  expect(feed.failed).toEqual([]);
  expect(polled).toBeGreaterThan(1_000);
  expect(waves).toBeGreaterThan(2);

  const half = rss.slice(rss.length >> 1);
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  const [least, most] = [Math.min(...handles), Math.max(...handles)];
  process.stdout.write(
    `${rss.length} s, ${feed.sent} records, ${polled} polled, ${waves * WAVE} topics and groups created and deleted; ` +
      `RSS ${mib(rss[0] ?? 0)} to ${mib(rss.at(-1) ?? 0)} MiB (second half ${mib(slopePerMinute(half))} MiB/min); ` +
      `handles ${least} to ${most}; WAL at most ${mib(Math.max(...wal))} MiB\n`,
  );
  expect(Math.max(...wal)).toBeLessThan(MAX_WAL_BYTES);
  // Nothing of what was deleted is left, and what is left is what was there.
  expect(await admin.listTopics()).toEqual([topic]);
  expect((await admin.listGroups()).map(({ groupId }) => groupId)).toEqual(["steady"]);
  const baseline = Math.max(...rss.slice(0, 10));
  await eventually(() => (held(pid)?.rssBytes ?? 0) < baseline + MAX_GROWTH_BYTES, "memory is near where it was");
  await eventually(() => (held(pid)?.handles ?? 0) <= most, "no handle is left open");
  expect(await broker.end("SIGTERM")).toBe(0);
});
