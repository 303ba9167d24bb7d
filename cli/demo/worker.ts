// One consumer of the demo, in a process of its own, as a real application is: it polls, processes, commits what it has
// processed, and gives its partitions back when asked. The parent may kill it at any moment.
// Invariant: a record is reported to the parent before its offset is committed, so a kill can repeat records, never lose them.

import { Consumer, json, string } from "@brooklet/client";
import { systemClock } from "@brooklet/protocol/world";
import type { Report } from "./birdstrikes.ts";
import type { FromWorker, ToWorker, WorkerTask } from "./messages.ts";

const POLL_MS = 200;

/** Resolves when the parent's pipe has taken the message. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) reject(new Error("this program is started by cli/demo/main.ts"));
    else process.send(message, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}

async function consume(task: WorkerTask, closing: AbortSignal): Promise<void> {
  await using consumer = new Consumer<string, Report>({
    "bootstrap.servers": task.bootstrapServers,
    "group.id": task.groupId,
    "client.id": task.name,
    "key.deserializer": string,
    "value.deserializer": json<Report>(),
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
    "session.timeout.ms": task.sessionTimeoutMs,
    "heartbeat.interval.ms": Math.floor(task.sessionTimeoutMs / 3),
  });
  let committedAtMs = systemClock.nowMs();
  const commit = async () => {
    committedAtMs = systemClock.nowMs();
    const recorded = await consumer.commit();
    await tell({ kind: "committed", offsets: recorded.map(({ partition, offset }) => ({ partition, offset })) });
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
      const deliveries = records.map(({ partition, offset, value }) => {
        if (value === null) throw new Error(`no report at ${partition}:${offset}`);
        return {
          partition,
          offset,
          airport: value.airport,
          flightDate: value.flightDate,
          costDollars: value.costDollars,
        };
      });
      await tell({ kind: "processed", deliveries, atMs: systemClock.wallMs() });
    }
    if (systemClock.nowMs() - committedAtMs >= task.commitIntervalMs) await commit();
  }
}

const closing = new AbortController();
process.on("message", (message: ToWorker) => {
  if (message.kind === "close") closing.abort();
  else
    consume(message.task, closing.signal)
      .catch((error: unknown) => {
        process.exitCode = 1;
        return tell({
          kind: "failed",
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      })
      .finally(() => process.disconnect());
});
// Without a parent there is nobody to work for.
process.on("disconnect", () => closing.abort());
