// `brooklet produce`: what stands in files or on stdin becomes records. What it may be stands in record-reader.ts, how it is
// sent and told in send-all.ts.

import { type Call, parseInteger } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { unescaped } from "./format.ts";
import { parseHeaders } from "./headers.ts";
import { inputsOf } from "./inputs.ts";
import { formattedReader, jsonReader, lineReader, type RecordReader, wholeReader } from "./record-reader.ts";
import { sendAll } from "./send-all.ts";

/** What an input is made of: one of these, or lines. */
const FORMS = ["--json", "--key-delimiter", "--format", "--whole"] as const;

function readerOf({ options }: Call): RecordReader {
  const keyDelimiter = options.text("keyDelimiter");
  const format = options.text("format");
  const emptyIsNull = options.flag("nullOnEmpty");
  const given = [options.flag("json"), keyDelimiter !== undefined, format !== undefined, options.flag("whole")];
  const forms = FORMS.filter((_, index) => given[index]);
  if (forms.length > 1)
    throw new UsageError(`${forms.join(" and ")} exclude each other: each says what the input is made of`);
  if (emptyIsNull && (options.flag("json") || options.flag("whole")))
    throw new UsageError(`-Z has no meaning with ${forms[0]}`);
  if (options.flag("json")) return jsonReader;
  if (options.flag("whole")) return wholeReader;
  if (format !== undefined) return formattedReader(format, emptyIsNull);
  return lineReader({ emptyIsNull, ...(keyDelimiter === undefined ? {} : { keyDelimiter: unescaped(keyDelimiter) }) });
}

function partitionOf({ options }: Call): { partition?: number | "key" } {
  const text = options.text("partition");
  if (text === undefined) return {};
  return { partition: text === "key" ? text : parseInteger("--partition", text, 0) };
}

export async function run(call: Call): Promise<undefined> {
  const { options, args } = call;
  const [topic = "", ...files] = args;
  const compression = options.text("compression");
  await sendAll(call, {
    topic,
    reader: readerOf(call),
    ...partitionOf(call),
    headers: parseHeaders(options.list("header")),
    config: compression === undefined ? {} : { "compression.type": compression as "gzip" },
    inputs: await inputsOf(call, files),
  });
}
