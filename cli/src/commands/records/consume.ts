// `brooklet consume`: prints records as they come, stand-alone or as a member of a group.
// Invariant: with a group, an offset is committed only after the record before it was written to stdout, so a command that
// is killed, or whose reader goes away, prints a record twice rather than never.

import { Consumer, type ConsumerRecord, type TopicPartition } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { clientOptions, timeoutMs, waitFor, withAdmin } from "../../connect.ts";
import { UsageError } from "../../exits.ts";
import { partitionNames } from "../../format.ts";
import { type ConsumeFrom, parseConsumeFrom, seekTo } from "./consume-from.ts";
import { recordLine } from "./readable.ts";

const POLL_MS = 500;
const COMMIT_INTERVAL_MS = 1_000;
const SILENCE_MS = 1_500;
const NEWLINE = Buffer.from("\n");

interface Reading {
  readonly call: Call;
  readonly consumer: Consumer;
  readonly topic: string;
  readonly group: string | undefined;
  /** Left to print; Infinity without `-c`. */
  left: number;
  /** The next offset of each partition with something written that is not committed. */
  readonly written: Map<number, number>;
  committedAtMs: number;
}

function whereFrom(call: Call, group: string | undefined): ConsumeFrom {
  const text = call.options.text("offset");
  if (text === undefined) return { kind: group === undefined ? "start" : "stored" };
  const from = parseConsumeFrom(text);
  if (group === undefined && from.kind === "stored") throw new UsageError("--offset stored needs a group (-g)");
  if (group !== undefined && "value" in from)
    throw new UsageError("with a group, --offset takes stored, start or end: the group remembers where it is");
  return from;
}

function consumerOf(call: Call, group: string | undefined, from: ConsumeFrom, limitMs: number): Consumer {
  return new Consumer({
    ...clientOptions(call),
    // Several members of a group can be told apart by it.
    "client.id": `consume-${process.pid}`,
    // With a group, `start` and `end` say where to begin while nothing is committed.
    "auto.offset.reset": from.kind === "end" ? "latest" : "earliest",
    "default.api.timeout.ms": limitMs,
    "request.timeout.ms": limitMs,
    "allow.auto.create.topics": false,
    ...(group === undefined ? {} : { "group.id": group, "enable.auto.commit": false }),
  });
}

/** Without `--json` the bytes of the value, else the record as JSON; a tombstone is an empty line. */
function encode(records: readonly ConsumerRecord<Uint8Array, Uint8Array>[], json: boolean): Uint8Array {
  if (json) return Buffer.from(records.map((record) => `${recordLine(record)}\n`).join(""));
  return Buffer.concat(records.flatMap(({ value }) => [value ?? new Uint8Array(0), NEWLINE]));
}

async function commitWritten(reading: Reading): Promise<void> {
  const { call, consumer, topic, written } = reading;
  const owned = new Set(consumer.assignment().map(({ partition }) => partition));
  const offsets = [...written]
    .filter(([partition]) => owned.has(partition))
    .map(([partition, offset]) => ({ topic, partition, offset }));
  written.clear();
  reading.committedAtMs = call.clock.nowMs();
  if (offsets.length > 0) await consumer.commit(offsets);
}

async function print(reading: Reading, records: readonly ConsumerRecord<Uint8Array, Uint8Array>[]): Promise<void> {
  const { call, group, written } = reading;
  const wanted = records.slice(0, reading.left);
  await call.output.write(encode(wanted, call.options.flag("json")));
  reading.left -= wanted.length;
  for (const { partition, offset } of wanted) written.set(partition, offset + 1);
  if (group !== undefined && call.clock.nowMs() - reading.committedAtMs >= COMMIT_INTERVAL_MS)
    await commitWritten(reading);
}

/** Whether every assigned partition has been read to `ends`; what is not there yet is looked up. */
async function atEnd({ consumer }: Reading, ends: Map<string, number>, limitMs: number): Promise<boolean> {
  const assigned = consumer.assignment();
  const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;
  const unknown = assigned.filter((partition) => !ends.has(nameOf(partition)));
  if (unknown.length > 0)
    for (const end of await consumer.endOffsets(unknown, { timeoutMs: limitMs })) ends.set(nameOf(end), end.offset);
  for (const partition of assigned)
    if ((await consumer.position(partition, { timeoutMs: limitMs })) < (ends.get(nameOf(partition)) ?? 0)) return false;
  return true;
}

/** Polls and prints until the count is reached, the end is (with `-e`), or somebody stops it. */
async function read(reading: Reading, limitMs: number): Promise<void> {
  const { call, consumer, topic } = reading;
  const signal = AbortSignal.any([call.interrupted, call.output.broken]);
  const untilEnd = call.options.flag("exit");
  const ends = new Map<string, number>();
  const silence = call.clock.timers();
  const sayWaiting = () =>
    call.output.note(`brooklet: waiting for records of ${partitionNames(consumer.assignment()) || topic}; Ctrl-C ends`);
  silence.schedule("silence", SILENCE_MS, sayWaiting);
  try {
    if (untilEnd && (await atEnd(reading, ends, limitMs))) return;
    while (reading.left > 0) {
      const records = await consumer.poll(POLL_MS, { signal });
      if (records.length > 0) {
        silence.cancel("silence");
        await print(reading, records);
      }
      if (untilEnd && (await atEnd(reading, ends, limitMs))) return;
    }
  } finally {
    silence.close();
  }
}

export async function run(call: Call): Promise<undefined> {
  const topic = call.args[0] ?? "";
  const group = call.options.text("group");
  const from = whereFrom(call, group);
  const limitMs = timeoutMs(call);
  const [described] = await withAdmin(call, (admin) => admin.describeTopics([topic]));
  const partitions = (described?.partitions ?? []).map(({ partition }) => ({ topic, partition }));

  const consumer = consumerOf(call, group, from, limitMs);
  const reading: Reading = {
    call,
    consumer,
    topic,
    group,
    left: call.options.integer("count") ?? Number.POSITIVE_INFINITY,
    written: new Map(),
    committedAtMs: call.clock.nowMs(),
  };
  try {
    if (group === undefined) {
      consumer.assign(partitions);
      await waitFor(call, "the offsets to begin at", seekTo(consumer, partitions, from, limitMs));
    } else {
      // Still owned when the callback runs: what was written is committed before somebody else reads on.
      consumer.subscribe([topic], {
        onPartitionsRevoked: () => commitWritten(reading),
        // Somebody else's already: whoever has them now prints again what was not committed.
        onPartitionsLost: (lost) => {
          for (const { partition } of lost) reading.written.delete(partition);
          call.output.note(`brooklet: ${group}: lost ${partitionNames(lost)}; joining again`);
        },
      });
      const owned = await waitFor(call, `partitions of group ${group}`, consumer.ready({ signal: call.interrupted }));
      call.output.note(`brooklet: ${group}: reading ${partitionNames(owned) || "nothing yet"}`);
    }
    await read(reading, limitMs);
  } finally {
    if (group !== undefined)
      await commitWritten(reading).catch((error: unknown) =>
        call.output.note(
          `brooklet: the last offsets were not committed: ${error instanceof Error ? error.message : error}`,
        ),
      );
    await consumer.close({ timeoutMs: limitMs });
  }
}
