// One consumer of a group, in a process of its own, as a real application is: it polls, processes, commits what it has
// processed, and gives its partitions back when asked. The parent may kill it at any moment.
// Invariant: a record is reported to the parent before its offset is committed, so a kill can repeat records, never lose them.

import { CommitFailedError, Consumer, json, string } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import type { Report } from "./birdstrikes.ts";
import { serve, tell, type Wishes } from "./child.ts";
import type { Delivery, Place } from "./messages.ts";
import type { MemberTask } from "./task.ts";

const POLL_MS = 200;

const placeOf = ({ partition, offset }: Place): Place => ({ partition, offset });

async function consume(task: MemberTask, { closing, takeStallMs }: Wishes): Promise<void> {
  const { instanceId, maxPollIntervalMs } = task;
  await using consumer = new Consumer<string, Report>({
    "bootstrap.servers": task.bootstrapServers,
    "group.id": task.groupId,
    "client.id": task.name,
    ...(instanceId === undefined ? {} : { "group.instance.id": instanceId }),
    "key.deserializer": string,
    "value.deserializer": json<Report>(),
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
    "session.timeout.ms": task.sessionTimeoutMs,
    "heartbeat.interval.ms": Math.floor(task.sessionTimeoutMs / 3),
    ...(maxPollIntervalMs === undefined ? {} : { "max.poll.interval.ms": maxPollIntervalMs }),
  });
  let committedAtMs = systemClock.nowMs();
  const commit = async () => {
    committedAtMs = systemClock.nowMs();
    const offsets = await consumer.commit().catch(async (error: unknown) => {
      if (!CommitFailedError.is(error)) throw error;
      // They are another's now; the next poll joins again.
      const refused = error.results.map(placeOf);
      await tell({ kind: "commitFailed", offsets: refused, code: error.code, text: error.message });
      return [];
    });
    await tell({ kind: "committed", offsets: offsets.map(placeOf) });
  };
  const telling = (kind: "assigned" | "revoked" | "lost") => async (partitions: { partition: number }[]) => {
    // Still ours while this callback runs: the next owner begins behind what we have processed.
    if (kind === "revoked") await commit();
    await tell({ kind, partitions: partitions.map(({ partition }) => partition), atMs: systemClock.wallMs() });
  };
  consumer.subscribe([task.topic], {
    onPartitionsAssigned: telling("assigned"),
    onPartitionsRevoked: telling("revoked"),
    onPartitionsLost: telling("lost"),
  });
  while (!closing.aborted) {
    const records = await consumer.poll(POLL_MS);
    if (records.length > 0) {
      const deliveries = records.map(({ partition, offset, value }): Delivery => {
        if (value === null) throw new Error(`no report at ${partition}:${offset}`);
        const { airport, flightDate, costDollars } = value;
        return { partition, offset, airport, flightDate, costDollars };
      });
      const stallMs = takeStallMs();
      if (stallMs > 0) await sleep(systemClock, stallMs);
      await tell({ kind: "processed", deliveries, atMs: systemClock.wallMs() });
    }
    if (systemClock.nowMs() - committedAtMs >= task.commitIntervalMs) await commit();
  }
}

serve(consume);
