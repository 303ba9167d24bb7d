// SIGKILL of a broker process at random moments under everything at once: four idempotent producers with different compression,
// a group of dynamic members and one of static members, topics that are created, altered, emptied and deleted. The clients live
// over all kills; after each restart everything that they were told is held against what is there. Seeds in the output.

import { Admin, Producer, string } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import { expect, onTestFinished, test } from "vitest";
import { startBrokerProcess } from "../support/children/processes.ts";
import { eventually } from "../support/eventually.ts";
import { Feed } from "../support/feed.ts";
import { simulatedRandom } from "../support/simulated-random.ts";
import { testFolder } from "../support/storage-on-file.ts";
import { GroupBook, GroupReader } from "./group-reader.ts";
import { LogReader } from "./log-reader.ts";
import { LoneCommits } from "./lone-commits.ts";
import { times } from "./share.ts";
import { TopicChurn } from "./topic-churn.ts";

const CYCLES = times({ full: 1_000, ci: 13 });
const PARTITIONS = 4;
const topic = "orders";
/** Sends under way, per producer. */
const IN_FLIGHT = 30;
/** Of each of them, so that checking keeps up: about 4,000 records a second in all. */
const PAUSE_MS = 30;
const LIFE_MS = { least: 100, most: 1_500 };
/** The goal is two seconds on a free machine; this is what no machine may need. */
const MAX_START_MS = 20_000;
const seed = Number(process.env.TORTURE_SEED ?? 20_261_122);

test.each(["disk", "process"] as const)(
  `${CYCLES} kills at level %s: nothing acknowledged is lost or doubled, no committed offset goes back, groups go on`,
  async (durability) => {
    const random = simulatedRandom(seed);
    const between = (least: number, most: number) => least + Math.floor(random.next() * (most - least));
    const data = testFolder();
    const settings = { "log.retention.check.interval.ms": 100 };
    let broker = await startBrokerProcess({ data, durability, settings });
    const { port, server } = broker;
    const quickly = { "bootstrap.servers": server, "reconnect.backoff.max.ms": 100, "retry.backoff.max.ms": 100 };
    const admin = new Admin(quickly);
    onTestFinished(() => admin.close());
    await admin.createTopics([{ topic, partitions: PARTITIONS }]);

    const feeds = (["none", "gzip", "lz4", "zstd"] as const).map((compression, index) => {
      const name = `p${index}`;
      const producer = new Producer<string, string>({
        ...quickly,
        "key.serializer": string,
        "value.serializer": string,
        "compression.type": compression,
        "batch.size": 600,
        "interceptor.classes": [{ onSend: (record) => ({ ...record, value: `${name}:${record.value}` }) }],
      });
      const feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: IN_FLIGHT, pauseMs: PAUSE_MS });
      return { name, producer, feed };
    });
    const dynamic = new GroupBook("dynamic");
    const statics = new GroupBook("static");
    const join = (book: GroupBook, more: object = {}) => new GroupReader({ ...quickly, ...more }, topic, book);
    const tills = ["till-1", "till-2"].map((instanceId) => join(statics, { "group.instance.id": instanceId }));
    const members = [join(dynamic), join(dynamic)];
    const churn = new TopicChurn(quickly, random);
    const lone = new LoneCommits(quickly, topic);
    onTestFinished(() => lone.close());
    await using log = new LogReader(server, topic, PARTITIONS);

    const startsMs: number[] = [];
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      lone.resume();
      await sleep(systemClock, between(LIFE_MS.least, LIFE_MS.most));
      const ended = broker.end("SIGKILL");
      const paused = lone.pause();
      expect(await ended).toBe("SIGKILL");
      const beganMs = performance.now();
      broker = await startBrokerProcess({ data, durability, port, settings });
      startsMs.push(performance.now() - beganMs);

      await paused;
      await lone.verify(admin);
      await log.verify(feeds);
      for (const book of [dynamic, statics]) await book.verify(admin);
      await churn.verify();
      // Somebody leaves and somebody comes; a static member is closed and comes again.
      if (cycle % 4 === 0) {
        await members.shift()?.close();
        members.push(join(dynamic));
      }
      if (cycle % 6 === 0) {
        await tills.shift()?.close();
        tills.push(join(statics, { "group.instance.id": cycle % 12 === 6 ? "till-1" : "till-2" }));
      }
      // What everybody is done with may go.
      await admin.deleteRecords(
        Array.from({ length: PARTITIONS }, (_, partition) => ({
          topic,
          partition,
          offset: Math.min(
            log.positionOf(partition),
            dynamic.committed.get(partition) ?? 0,
            statics.committed.get(partition) ?? 0,
          ),
        })),
      );
    }

    await churn.stop();
    for (const { feed } of feeds) await feed.stop();
    await log.verify(feeds);
    for (const { feed } of feeds) expect(feed.failed).toEqual([]);
    expect([...log.unacknowledged]).toEqual([]);
    expect(log.read).toBe(feeds.reduce((sum, { feed }) => sum + feed.sent, 0));
    const allCommitted = async () => {
      const lists = await Promise.all(["dynamic", "static"].map((groupId) => admin.listGroupOffsets(groupId)));
      return lists.every((offsets) => offsets.length === PARTITIONS && offsets.every(({ lag }) => lag === 0));
    };
    await eventually(allCommitted, "both groups have read and committed everything");
    for (const member of [...members, ...tills]) await member.close();
    for (const { producer } of feeds) await producer.close();
    expect(dynamic.deliveries).toBeGreaterThanOrEqual(log.read);
    expect(statics.deliveries).toBeGreaterThanOrEqual(log.read);

    startsMs.sort((a, b) => a - b);
    const seconds = (ms = 0) => (ms / 1000).toFixed(2);
    process.stdout.write(
      [
        `${durability}, seed ${seed}: ${CYCLES} kills, ${log.read} records, ${churn.changes} changes of topics`,
        `starts: median ${seconds(startsMs[Math.floor(startsMs.length / 2)])} s, longest ${seconds(startsMs.at(-1))} s`,
        `commits refused: ${JSON.stringify(Object.fromEntries([...dynamic.refusals, ...statics.refusals]))}`,
        `delivered twice: ${dynamic.deliveries - log.read} dynamic, ${statics.deliveries - log.read} static`,
      ]
        .join("; ")
        .concat("\n"),
    );
    expect(startsMs.at(-1)).toBeLessThan(MAX_START_MS);
    expect(await broker.end("SIGTERM")).toBe(0);
  },
);
