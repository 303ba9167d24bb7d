// One consumer of the demo about commits, in a process of its own. It works through the reports in one of the ways.
// Invariant: a record counts as processed when the parent was told, which is the store of this demo.

import { BrookletError, Consumer, json, string } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import type { Report } from "../shared/birdstrikes.ts";
import { serve, tell, type Wishes } from "../shared/child.ts";
import type { Place } from "../shared/messages.ts";
import type { CommitsTask } from "./task.ts";
import { type Desk, ways } from "./ways.ts";

/** Records between two words to the parent. */
const CHUNK_RECORDS = 10;

const placeOf = ({ partition, offset }: Place): Place => ({ partition, offset });

/** Works on one record after the other, whoever calls; `workMs` each. */
function storeOf({ workMs }: CommitsTask): Desk["store"] {
  let last: Promise<void> = Promise.resolve();
  return (records) => {
    last = last.then(async () => {
      for (let from = 0; from < records.length; from += CHUNK_RECORDS) {
        const chunk = records.slice(from, from + CHUNK_RECORDS);
        if (workMs > 0) await sleep(systemClock, workMs * chunk.length);
        await tell({ kind: "processed", deliveries: chunk.map(placeOf), atMs: systemClock.wallMs() });
      }
    });
    return last;
  };
}

async function consume(task: CommitsTask, { closing }: Wishes): Promise<void> {
  const isAuto = task.name === "autoAwaited" || task.name === "autoNotAwaited";
  await using consumer = new Consumer<string, Report>({
    "bootstrap.servers": task.bootstrapServers,
    "group.id": task.groupId,
    "client.id": task.name,
    "key.deserializer": string,
    "value.deserializer": json<Report>(),
    "auto.offset.reset": "earliest",
    "max.poll.records": task.batchRecords,
    "enable.auto.commit": isAuto,
    "auto.commit.interval.ms": task.autoCommitIntervalMs,
    "session.timeout.ms": task.sessionTimeoutMs,
    "heartbeat.interval.ms": Math.floor(task.sessionTimeoutMs / 3),
  });
  consumer.subscribe([task.topic], {
    onPartitionsLost: (partitions) => {
      throw new Error(`${task.name} lost ${partitions.length} partitions: this machine is too slow for the demo`);
    },
  });
  await ways[task.name]({
    consumer,
    store: storeOf(task),
    closing,
    onCommit: (error, offsets) => {
      const places = offsets.map(placeOf);
      const code = BrookletError.is(error) ? error.code : "";
      const told =
        error === null
          ? tell({ kind: "committed", offsets: places })
          : tell({ kind: "commitFailed", offsets: places, code, text: error.message });
      // Without a parent this process ends anyway.
      told.catch(() => undefined);
    },
  });
}

serve(consume);
