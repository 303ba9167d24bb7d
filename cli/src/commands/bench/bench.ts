// `brooklet bench`: makes a topic, runs a load on it by a fixed schedule, reads everything again, reports, removes the topic.
// Invariants: a topic that it made is removed, also when the run fails or is interrupted; lost or doubled records end it with an error.

import { Admin, Consumer, Producer, type TopicPartition } from "@brooklet/client";
import { systemRandom } from "@brooklet/protocol/world";
import type { Call } from "../../call.ts";
import { bootstrapServers, clientOptions, timeoutMs, waitFor } from "../../connect.ts";
import { CommandError, describeError, exitCodeOf, exitCodes, UsageError } from "../../exits.ts";
import { duration } from "../../format.ts";
import { startProgress } from "../../progress.ts";
import { wrapped } from "../../text.ts";
import { type Arrival, Load, type Target } from "./load.ts";
import { NumberedValues } from "./numbered.ts";
import {
  type Asked,
  countRows,
  histogramLines,
  latencyLines,
  type ReadAgain,
  type Report,
  reportOf,
  titleLines,
  wrongs,
} from "./report.ts";
import type { Schedule } from "./schedule.ts";
import { MAX_RECORDS, type Tally } from "./tally.ts";

const DEFAULT_RATE = 1_000;
const DEFAULT_DURATION_S = 10;
const DEFAULT_WARM_UP_S = 1;
const DEFAULT_RECORD_BYTES = 100;
const POLL_MS = 200;
/** A broker that answered nothing for so long, at the end of a run, is gone. */
const END_CHECK_MS = 3_000;
/** Without an end of the line; what is wider is harder to read. */
const PIPE_COLUMNS = 80;

/** Errors: UsageError for more records than are counted. */
function scheduleOf({ options }: Call): Schedule {
  const recordsPerSecond = options.integer("rate") ?? DEFAULT_RATE;
  const measured = options.integer("records");
  const seconds = options.integer("duration");
  if (measured !== undefined && seconds !== undefined)
    throw new UsageError("--records and --duration exclude each other: either is how long to measure");
  const warmUpRecords = Math.round((options.integer("warmUp") ?? DEFAULT_WARM_UP_S) * recordsPerSecond);
  const records = warmUpRecords + (measured ?? Math.round((seconds ?? DEFAULT_DURATION_S) * recordsPerSecond));
  if (records > MAX_RECORDS)
    throw new UsageError(
      `${records.toLocaleString("en-US")} records are more than a run counts (${MAX_RECORDS.toLocaleString("en-US")}): lower --rate or --duration`,
    );
  if (records === warmUpRecords) throw new UsageError("nothing is left to measure: raise --duration or --rate");
  return { recordsPerSecond, records, warmUpRecords };
}

/** The topic of a run, its partitions with the offsets where the run begins, and whether the run made it. */
interface Place {
  readonly topic: string;
  readonly from: readonly (TopicPartition & { readonly offset: number })[];
  readonly isOwn: boolean;
}

async function placeOf(call: Call, admin: Admin, mark: string): Promise<Place> {
  const given = call.options.text("topic");
  const partitions = call.options.integer("partitions");
  if (given !== undefined && partitions !== undefined)
    throw new UsageError("--partitions is for a topic that bench makes; --topic has its own");
  const topic = given ?? `bench-${mark}`;
  if (given === undefined) await admin.createTopics([{ topic, partitions: partitions ?? 1 }]);
  const [described] = await admin.describeTopics([topic]);
  const from = (described?.partitions ?? []).map(({ partition, highWatermark }) => ({
    topic,
    partition,
    offset: highWatermark,
  }));
  return { topic, from, isOwn: given === undefined };
}

/** A consumer of the whole topic, from where the run began. */
function readerOf(call: Call, { from }: Place, values: NumberedValues) {
  const limitMs = timeoutMs(call);
  const consumer = new Consumer({
    ...clientOptions(call),
    "client.id": "brooklet-bench",
    "default.api.timeout.ms": limitMs,
    "request.timeout.ms": limitMs,
    "allow.auto.create.topics": false,
    // A topic of others may lose records to retention meanwhile; then some of this run are missing, which is what is counted.
    "auto.offset.reset": "earliest",
  });
  consumer.assign(from.map(({ topic, partition }) => ({ topic, partition })));
  for (const { topic, partition, offset } of from) consumer.seek({ topic, partition }, offset);
  const receive = async (): Promise<Arrival[]> => {
    const arrivals: Arrival[] = [];
    for (const { partition, value } of await consumer.poll(POLL_MS)) {
      const number = values.read(value);
      if (number !== undefined) arrivals.push({ number, partition });
    }
    return arrivals;
  };
  return { receive, close: () => consumer.close({ timeoutMs: limitMs }) };
}

function producerOf(call: Call): Producer {
  const limitMs = timeoutMs(call);
  return new Producer({
    ...clientOptions(call),
    "client.id": "brooklet-bench",
    "max.block.ms": limitMs,
    "request.timeout.ms": limitMs,
    "delivery.timeout.ms": limitMs,
  });
}

/** Reads all of the run once more; ends when nothing acknowledged is missing, or nothing came for the timeout. */
async function readAgain(call: Call, place: Place, values: NumberedValues, counted: Tally): Promise<ReadAgain> {
  const { clock, interrupted, output } = call;
  const tally = counted.again();
  using _ = startProgress(call, () => `read again: ${tally.arrived} of ${tally.acknowledged} records`);
  const startMs = clock.nowMs();
  let lastMs = startMs;
  const reader = readerOf(call, place, values);
  try {
    while (tally.missing > 0 && clock.nowMs() - lastMs < timeoutMs(call) && !interrupted.aborted) {
      output.broken.throwIfAborted();
      const arrivals = await reader.receive();
      for (const { number, partition } of arrivals) tally.arrive(number, partition);
      if (arrivals.length > 0) lastMs = clock.nowMs();
    }
  } finally {
    await reader.close();
  }
  return { tally, durationMs: lastMs - startMs };
}

async function runLoad(call: Call, asked: Asked, place: Place, values: NumberedValues): Promise<Load> {
  const { clock, interrupted, output } = call;
  const { topic, partitions, schedule } = asked;
  const producer = producerOf(call);
  const reader = readerOf(call, place, values);
  try {
    // Connected, and the topic known to both, before the first record is due.
    await waitFor(
      call,
      `the broker at ${asked.servers}`,
      Promise.all([producer.partitionsFor(topic), reader.receive()]),
    );
    const target: Target = {
      send: (number) => producer.send({ topic, partition: number % partitions, value: values.write(number) }),
      receive: reader.receive,
    };
    const signal = AbortSignal.any([interrupted, output.broken]);
    const load = new Load({ clock, schedule, target, quietMs: timeoutMs(call), signal });
    const totalMs = (schedule.records * 1_000) / schedule.recordsPerSecond;
    using _ = startProgress(call, () => progressOf(load, totalMs));
    await load.run();
    output.broken.throwIfAborted();
    return load;
  } finally {
    await Promise.all([reader.close(), producer.close({ timeoutMs: timeoutMs(call) })]);
  }
}

/** Fits 40 columns. */
function progressOf({ elapsedMs, sent, tally, failed }: Load, totalMs: number): string {
  const time = elapsedMs < totalMs ? `${duration(elapsedMs)} of ${duration(totalMs)}` : "the last records";
  const onTheWay = Math.max(0, sent - failed - Math.min(tally.acknowledged, tally.arrived));
  return `${time}: ${sent.toLocaleString("en-US")} sent, ${onTheWay.toLocaleString("en-US")} on the way`;
}

async function print({ output, options }: Call, report: Report): Promise<void> {
  if (options.flag("json")) return await output.json(report);
  const { columns } = output.stdout;
  const section = async (title: string) => {
    await output.line("");
    await output.line(title, "bold");
  };
  const paragraphs = async (lines: readonly string[]) => {
    for (const line of lines.flatMap((text) => (columns === undefined ? [text] : wrapped(text, columns))))
      await output.line(line);
  };
  await paragraphs(titleLines(report));
  await output.line("");
  await output.table(["RECORDS", ""], countRows(report));
  await section("Latency in ms, since a record was due");
  for (const line of latencyLines(report)) await output.line(line);
  await section("How many arrived within");
  for (const line of histogramLines(report.histogram.arrived, columns ?? PIPE_COLUMNS)) await output.line(line);
  await section("What limits these figures");
  await paragraphs(report.limits.length === 0 ? ["Nothing that this command can see."] : report.limits);
}

/** Errors: CommandError when the run itself was wrong, however fast it was. */
function judge(report: Report, firstError: unknown): void {
  const wrong = wrongs(report);
  if (wrong.length === 0) return;
  const onlyFailed = report.failed > 0 && wrong.length === 1;
  const code = report.brokerAnswers ? exitCodes.error : exitCodes.unreachable;
  throw new CommandError(onlyFailed ? exitCodeOf(firstError) : code, wrong.join("; "));
}

export async function run(call: Call): Promise<undefined> {
  const { interrupted, output, options } = call;
  const schedule = scheduleOf(call);
  const recordBytes = options.integer("recordBytes") ?? DEFAULT_RECORD_BYTES;
  const servers = bootstrapServers(call);
  const limitMs = timeoutMs(call);
  const mark = systemRandom.uuid().slice(0, 8);
  const values = new NumberedValues(mark, recordBytes);
  const admin = new Admin({
    ...clientOptions(call),
    "client.id": "brooklet-bench",
    "default.api.timeout.ms": limitMs,
    "request.timeout.ms": limitMs,
  });
  let place: Place | undefined;
  let brokerAnswers = true;
  try {
    const status = await waitFor(call, `the broker at ${servers}`, admin.status());
    place = await placeOf(call, admin, mark);
    const { topic, from } = place;
    const asked: Asked = { servers, topic, partitions: from.length, recordBytes, schedule };
    const load = await runLoad(call, asked, place, values);
    const answers = () =>
      admin.status({ timeoutMs: Math.min(limitMs, END_CHECK_MS) }).then(
        () => true,
        () => false,
      );
    brokerAnswers = await answers();
    const again = brokerAnswers && !interrupted.aborted ? await readAgain(call, place, values, load.tally) : undefined;
    // It may have gone while it was read again.
    if ((again?.tally.missing ?? 0) > 0) brokerAnswers = await answers();
    const end = { interrupted: interrupted.aborted, brokerAnswers };
    const report = reportOf(asked, status, load, brokerAnswers ? again : undefined, end);
    await print(call, report);
    interrupted.throwIfAborted();
    judge(report, load.firstError);
  } finally {
    if (place?.isOwn === true)
      await admin
        .deleteTopics([place.topic], { timeoutMs: brokerAnswers ? limitMs : Math.min(limitMs, END_CHECK_MS) })
        .catch((error: unknown) =>
          output.note(`brooklet: topic ${place?.topic} could not be deleted: ${describeError(error)}`),
        );
    await admin.close();
  }
}
