// `brooklet consume`: what is to be read, and how it is printed. The reading itself is in read-all.ts.

import { type Call, parseInteger } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { type Place, parsePlace } from "../../places.ts";
import { formatOf, NULL_TEXT, type RecordWriter, unescaped, writerOf } from "./format.ts";
import { NEWLINE } from "./lines.ts";
import { type ReadJob, readAll } from "./read-all.ts";
import { recordLine } from "./readable.ts";

/** How a record is printed: one of these, or its value and a new line. */
const FORMS = ["--json", "--key-delimiter", "--format"] as const;

/** One JSON object a line. */
export const jsonWriter: RecordWriter = (record, sink) => sink.text(`${recordLine(record)}\n`);

function writerFrom({ options }: Call): RecordWriter {
  const keyDelimiter = options.text("keyDelimiter");
  const format = options.text("format");
  const given = [options.flag("json"), keyDelimiter !== undefined, format !== undefined];
  const forms = FORMS.filter((_, index) => given[index]);
  if (forms.length > 1)
    throw new UsageError(`${forms.join(" and ")} exclude each other: each says how a record is printed`);
  const nulls = options.flag("printNull") ? { nullText: NULL_TEXT } : {};
  if (options.flag("json")) {
    if (options.flag("printNull")) throw new UsageError("-Z has no meaning with --json, which tells null from text");
    return jsonWriter;
  }
  if (format !== undefined) return formatOf(format, nulls);
  return writerOf(
    [...(keyDelimiter === undefined ? [] : ["k" as const, unescaped(keyDelimiter)]), "s", NEWLINE],
    nulls,
  );
}

function fromOf({ options, clock }: Call, group: string | undefined): Place {
  const text = options.text("offset");
  if (text === undefined) return { kind: group === undefined ? "start" : "stored" };
  const from = parsePlace("--offset", text, clock.wallMs());
  if (group === undefined && from.kind === "stored") throw new UsageError("--offset stored needs a group (-g)");
  if (group !== undefined && "value" in from)
    throw new UsageError("with a group, --offset takes stored, start or end: the group remembers where it is");
  return from;
}

function untilOf({ options, clock }: Call): Pick<ReadJob, "until"> {
  const text = options.text("until");
  if (text === undefined) return options.flag("exit") ? { until: { kind: "end" } } : {};
  const until = parsePlace("--until", text, clock.wallMs());
  if (until.kind === "stored") throw new UsageError("--until takes a place of the log, not stored");
  return { until };
}

function partitionsOf({ options }: Call, group: string | undefined): Pick<ReadJob, "partitions"> {
  const text = options.text("partition");
  if (text === undefined) return {};
  if (group !== undefined)
    throw new UsageError("with a group, the broker says who reads which partition; leave -p out");
  return { partitions: [...new Set(text.split(",").map((number) => parseInteger("--partition", number, 0)))] };
}

export async function run(call: Call): Promise<undefined> {
  const { options, args } = call;
  const group = options.text("group");
  const maxRecords = options.integer("count");
  await readAll(call, {
    topics: [...new Set(args)],
    write: writerFrom(call),
    from: fromOf(call, group),
    ...untilOf(call),
    ...partitionsOf(call, group),
    ...(group === undefined ? {} : { group }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
  });
}
