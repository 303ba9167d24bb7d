// `brooklet cat`: kcat's flags over the same reading and sending as `consume` and `produce`.

import type { Call } from "../../call.ts";
import { timeoutMs } from "../../connect.ts";
import { UsageError } from "../../exits.ts";
import { formatOf, NULL_TEXT, type RecordWriter } from "../records/format.ts";
import { parseHeaders } from "../records/headers.ts";
import { inputsOf } from "../records/inputs.ts";
import { readAll } from "../records/read-all.ts";
import { type Draft, lineReader, type RecordReader, wholeReader } from "../records/record-reader.ts";
import { sendAll } from "../records/send-all.ts";
import { envelopeWriter } from "./envelope.ts";
import { catCall, delimiterOf, modeOf, offsetsOf, partitionOf, propertiesOf } from "./flags.ts";
import { list } from "./list.ts";

const NEWLINE = Buffer.from("\n");

type Properties = Map<string, string | number | boolean>;

export async function run(call: Call): Promise<undefined> {
  const { options, args } = call;
  const mode = modeOf(call);
  const properties = propertiesOf(options.list("X"));
  const shared = catCall(call, properties);
  if (args.length > 0 && mode !== "P" && mode !== "G")
    throw new UsageError(
      `${JSON.stringify(args[0])}: names behind the flags are files (-P) or topics (-G); a topic is -t`,
    );
  if (mode === "L") await list(shared, options.text("t"), options.flag("J"), Object.fromEntries(properties));
  else if (mode === "P") await produce(call, shared, properties);
  else await consume(call, shared, properties);
}

function topicOf({ options }: Call): string {
  const topic = options.text("t");
  if (topic === undefined) throw new UsageError("-t <topic> missing");
  return topic;
}

async function produce(call: Call, shared: Call, properties: Properties): Promise<void> {
  const { options, args } = call;
  const codec = options.text("z");
  if (codec !== undefined) properties.set("compression.type", codec);
  // What lingers is sent later, and may be acknowledged so much later.
  const lingerMs = properties.get("linger.ms");
  if (typeof lingerMs === "number") setDefault(properties, "delivery.timeout.ms", timeoutMs(shared) + lingerMs);
  const partition = partitionOf(options);
  const maxRecords = options.integer("c");
  await sendAll(shared, {
    topic: topicOf(call),
    reader: readerOf(call),
    headers: parseHeaders(options.list("H")),
    config: Object.fromEntries(properties),
    inputs: await inputsOf(shared, args),
    isQuiet: options.flag("q"),
    ...(partition === undefined ? {} : { partition }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
  });
}

/** Records between delimiters, or whole files. An empty one is none; -k is the key of those without. */
function readerOf({ options, args }: Call): RecordReader {
  const delimiter = delimiterOf(options, "D") ?? NEWLINE;
  const keyDelimiter = delimiterOf(options, "K");
  const fixedKey = options.text("k");
  const emptyIsNull = options.flag("Z");
  const lines = lineReader({ delimiter, ...(keyDelimiter === undefined ? {} : { keyDelimiter }) });
  const reader = args.length > 0 ? wholeReader : lines;
  const nullIfEmpty = (bytes: Uint8Array | null) => (emptyIsNull && bytes?.length === 0 ? null : bytes);
  return changed(reader, (draft) => {
    if (draft.key === null && draft.value?.length === 0) return undefined;
    const key = nullIfEmpty(draft.key) ?? (fixedKey === undefined ? null : Buffer.from(fixedKey));
    return { ...draft, key, value: nullIfEmpty(draft.value) };
  });
}

function changed(reader: RecordReader, change: (draft: Draft) => Draft | undefined): RecordReader {
  return {
    unit: reader.unit,
    async *batches(chunks) {
      for await (const { count, read } of reader.batches(chunks))
        yield {
          count,
          read: (index) => {
            const draft = read(index);
            return draft === undefined ? undefined : change(draft);
          },
        };
    },
  };
}

async function consume(call: Call, shared: Call, properties: Properties): Promise<void> {
  const { options, output, clock } = call;
  const group = options.text("G");
  const { from, until } = offsetsOf(options.list("o"), clock.wallMs());
  const isQuiet = options.flag("q");
  const partition = partitionOf(options);
  const maxRecords = options.integer("c");
  if (group !== undefined) checkGroup(call, partition, from?.kind, until !== undefined);
  else if (from?.kind === "stored" && !properties.has("group.id"))
    throw new UsageError("-o stored needs a group whose offsets they are: -X group.id=NAME (or -G NAME TOPIC)");
  // As librdkafka: who has stored nothing begins at the end.
  if (from?.kind === "stored" || (group !== undefined && from === undefined))
    setDefault(properties, "auto.offset.reset", "latest");
  if (group === undefined && properties.has("group.id")) setDefault(properties, "enable.auto.commit", false);
  const ends = until ?? (options.flag("e") ? ({ kind: "end" } as const) : undefined);
  await readAll(shared, {
    topics: group === undefined ? [topicOf(call)] : call.args,
    from: from ?? { kind: group === undefined ? "start" : "stored" },
    write: writerOf(call),
    config: Object.fromEntries(properties),
    isQuiet,
    ...(group === undefined ? {} : { group }),
    ...(ends === undefined ? {} : { until: ends }),
    ...(partition === undefined ? {} : { partitions: [partition] }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
    onEnd: ({ topic, partition: read }, offset) => {
      const what = until === undefined ? "end of topic" : "stop timestamp for topic";
      if (!isQuiet) output.note(`% Reached ${what} ${topic} [${read}] at offset ${offset}`);
    },
  });
}

function setDefault(properties: Properties, name: string, value: string | number | boolean): void {
  if (!properties.has(name)) properties.set(name, value);
}

function checkGroup(
  { args, options }: Call,
  partition: number | undefined,
  from: string | undefined,
  until: boolean,
): void {
  if (args.length === 0) throw new UsageError("-G <group> needs the names of topics behind the flags");
  const pattern = args.find((name) => name.startsWith("^"));
  if (pattern !== undefined) throw new UsageError(`${pattern}: -G takes names of topics, no patterns`);
  if (options.text("t") !== undefined) throw new UsageError("with -G topics stand behind the flags, without -t");
  if (partition !== undefined) throw new UsageError("-p and -G exclude each other: a group shares the partitions");
  if (until || (from !== undefined && !["start", "end", "stored"].includes(from)))
    throw new UsageError("with -G, -o takes beginning, end or stored: the group remembers where it is");
}

/** -J before -f before -D and -K, as in kcat. */
function writerOf({ options }: Call): RecordWriter {
  const nullText = options.flag("Z") ? NULL_TEXT : "";
  const delimiter = delimiterOf(options, "D") ?? NEWLINE;
  const keyDelimiter = delimiterOf(options, "K");
  const format = options.text("f");
  if (options.flag("J")) return envelopeWriter(delimiter);
  if (format !== undefined) return formatOf(format, { nullText });
  const key = formatOf("%k", { nullText });
  const value = formatOf("%s", { nullText });
  return (record, sink) => {
    if (keyDelimiter !== undefined) {
      key(record, sink);
      sink.bytes(keyDelimiter);
    }
    value(record, sink);
    sink.bytes(delimiter);
  };
}
