// Produce and consume through the SDK: records and bytes per second, small and larger records, one and six partitions.
// Consuming is timed from the consumer's construction to the last record, because a client may buffer before it delivers.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin, Consumer, Producer } from "@brooklet/client";
import { deferred, systemClock } from "@brooklet/protocol/world";
import { Count } from "./count.ts";
import { Program } from "./processes.ts";
import { type Spread, spread } from "./statistics.ts";

const RECORD_BYTES = [100, 1024];
const PARTITIONS = [1, 6];
/** Sends that are not acknowledged yet: many enough that batches fill, few enough that memory stays flat. */
const MAX_IN_FLIGHT = 20_000;
const POLL_MS = 1_000;
/** Polls without a record, in a row, after which the rest counts as lost. */
const MAX_EMPTY_POLLS = 20;

export type Durability = "disk" | "process" | "memory";

export interface ThroughputOptions {
  readonly rounds: number;
  /** Of each topic. */
  readonly megabytes: number;
  readonly durability: Durability;
}

interface Rate {
  readonly recordsPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
}

export interface ThroughputRow {
  readonly durability: Durability;
  readonly recordBytes: number;
  readonly partitions: number;
  readonly records: number;
  readonly produce: Rate;
  readonly consume: Rate;
}

interface Topic {
  readonly servers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly recordBytes: number;
}

/** Seconds from the first send to the last acknowledgement. */
async function produce({ servers, topic, partitions, records, recordBytes }: Topic): Promise<number> {
  await using producer = new Producer({ "bootstrap.servers": servers });
  await producer.partitionsFor(topic);
  let inFlight = 0;
  let failure: unknown;
  let room = deferred();
  const settled = () => {
    inFlight--;
    room.resolve();
  };
  const failed = (error: unknown) => {
    failure ??= error;
    settled();
  };
  const startMs = systemClock.nowMs();
  for (let number = 0; number < records && failure === undefined; number++) {
    inFlight++;
    producer
      .send({ topic, partition: number % partitions, value: Count.value(number, recordBytes) })
      .then(settled, failed);
    while (inFlight >= MAX_IN_FLIGHT) {
      room = deferred();
      await room.promise;
    }
  }
  await producer.flush();
  if (failure !== undefined) throw failure;
  return (systemClock.nowMs() - startMs) / 1000;
}

/** Seconds from the consumer's construction to the last record. */
async function consume({ servers, topic, partitions, records }: Topic): Promise<number> {
  const count = new Count(records);
  const startMs = systemClock.nowMs();
  await using consumer = new Consumer({ "bootstrap.servers": servers, "auto.offset.reset": "earliest" });
  consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
  for (let empty = 0; count.distinct < records && empty < MAX_EMPTY_POLLS; ) {
    const polled = await consumer.poll(POLL_MS);
    empty = polled.length === 0 ? empty + 1 : 0;
    for (const { partition, value } of polled) count.add(partition, value);
  }
  const seconds = (systemClock.nowMs() - startMs) / 1000;
  count.check(`consuming ${topic}`, records);
  return seconds;
}

function rate(seconds: readonly number[], records: number, recordBytes: number): Rate {
  const perSecond = seconds.map((value) => records / value);
  return {
    recordsPerSecond: spread(perSecond),
    megabytesPerSecond: spread(perSecond.map((value) => (value * recordBytes) / 1e6)),
  };
}

/** One row per record size and number of partitions; each round has a topic of its own. */
export async function throughput(
  { rounds, megabytes, durability }: ThroughputOptions,
  progress: (text: string) => void,
): Promise<ThroughputRow[]> {
  const rows: ThroughputRow[] = [];
  for (const recordBytes of RECORD_BYTES)
    for (const partitions of PARTITIONS) {
      const records = Math.floor((megabytes * 1e6) / recordBytes);
      const folder = await mkdtemp(join(tmpdir(), "brooklet-bench-"));
      try {
        await using broker = await Program.start({
          kind: "broker",
          durability,
          ...(durability === "memory" ? {} : { data: folder }),
        });
        const servers = broker.address;
        await using admin = new Admin({ "bootstrap.servers": servers });
        const produced: number[] = [];
        const consumed: number[] = [];
        // Round -1 warms up, with a tenth of the records.
        for (let round = -1; round < rounds; round++) {
          const topic = `t${round + 1}`;
          await admin.createTopics([{ topic, partitions }]);
          const size = round < 0 ? Math.ceil(records / 10) : records;
          const job = { servers, topic, partitions, recordBytes, records: size };
          if (round >= 0)
            progress(`${recordBytes} B, ${partitions} partitions, ${durability}: round ${round + 1} of ${rounds}`);
          const [produceSeconds, consumeSeconds] = [await produce(job), await consume(job)];
          await admin.deleteTopics([topic]);
          if (round < 0) continue;
          produced.push(produceSeconds);
          consumed.push(consumeSeconds);
        }
        rows.push({
          durability,
          recordBytes,
          partitions,
          records,
          produce: rate(produced, records, recordBytes),
          consume: rate(consumed, records, recordBytes),
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  return rows;
}
