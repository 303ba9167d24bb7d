// The command that measures.

import { parseInteger } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { type CommandRow, client, json } from "../../options.ts";
import { MIN_RECORD_BYTES } from "./numbered.ts";
import { MAX_RECORDS } from "./tally.ts";

const MAX_RECORDS_PER_SECOND = 10_000_000;
/** Far above what a broker takes in one record. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;
const MAX_SECONDS = 24 * 60 * 60;

/** Seconds with a fraction, if need be. */
function parseSeconds(name: string, text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= MAX_SECONDS))
    throw new UsageError(
      `${name} takes seconds, such as 10 or 0.5, up to ${MAX_SECONDS}; this is ${JSON.stringify(text)}`,
    );
  return seconds;
}

const HOW_IT_MEASURES = `What the figures mean
  Every record has a time at which it is due: the first at 0, then one each 1/rate of a second. All latencies begin there, not when a record was sent. So a second in which the broker, the disk or this process stands still shows as a thousand late records (at 1,000/s), and not as a single slow one (coordinated omission).
  sent: given to the producer. acked: acknowledged, which at durability disk is after the fsync. arrived: returned by poll() of a consumer in this process.
  lost: acknowledged, and not arrived when nothing has come for --timeout-ms. At the end everything is read again from the broker, as fast as it goes, and counted once more.
  Below the figures stands what limits them.`;

export const benchRows: readonly CommandRow[] = [
  {
    name: "bench",
    arguments: [],
    text: "measure a broker: sends at a fixed rate whatever happens, reads at the same time, counts what is lost or doubled",
    options: [
      ...client,
      {
        flags: "-r, --rate <n>",
        text: "records per second; a broker that stands still does not slow the schedule down (default: 1000)",
        parse: (value) => parseInteger("--rate", value, 1, MAX_RECORDS_PER_SECOND),
      },
      {
        flags: "-d, --duration <s>",
        text: "how many seconds to measure (default: 10)",
        parse: (value) => parseSeconds("--duration", value),
      },
      {
        flags: "-n, --records <n>",
        text: "how many records to measure, instead of --duration",
        parse: (value) => parseInteger("--records", value, 1, MAX_RECORDS),
      },
      {
        flags: "--warm-up <s>",
        text: "seconds before, at the same rate: counted, but not measured (default: 1)",
        parse: (value) => parseSeconds("--warm-up", value),
      },
      {
        flags: "-s, --record-bytes <n>",
        text: "bytes of each value (default: 100)",
        parse: (value) => parseInteger("--record-bytes", value, MIN_RECORD_BYTES, MAX_RECORD_BYTES),
      },
      {
        flags: "-p, --partitions <n>",
        text: "partitions of the topic that is created, filled in turn (default: 1)",
        parse: (value) => parseInteger("--partitions", value, 1),
      },
      {
        flags: "-t, --topic <topic>",
        text: "this topic, with the partitions it has; it stays (default: a new one that is deleted at the end)",
        completes: "topic",
      },
      json,
    ],
    examples: [
      ["brooklet bench", "1,000 records of 100 bytes a second, for ten seconds"],
      ["brooklet bench -r 20000 -d 60 -s 1024 -p 6", "a minute of 20 MB/s over six partitions"],
      [
        "brooklet --ephemeral --port 4093 & brooklet bench -b localhost:4093",
        "a broker without a disk, to know what the disk costs",
      ],
      [
        "brooklet bench --json | jq .latencyMs.arrived.p99",
        "one figure for a script; it fails if a record is lost or doubled",
      ],
    ],
    epilogue: async () => HOW_IT_MEASURES,
    load: () => import("./bench.ts"),
  },
];
