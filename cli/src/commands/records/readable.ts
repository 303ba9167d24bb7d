// Records as lines of JSON, in the readable form of the broker's HTTP doors (DESIGN.md section 3), by the same code: so
// `consume --json | produce --json` copies byte for byte, and so does a line that goes to curl.

import { ProtocolError } from "@brooklet/protocol";
import { parseRecords, readRecord, recordJson, recordPaths } from "@brooklet/protocol/readable";
import { UsageError } from "../../exits.ts";
import type { BytesRecord } from "./format.ts";
import type { Draft } from "./record-reader.ts";

/** A line has one record; a name that repeats a few times is a mistake, not an attack. */
const MAX_VALUES = 1_000;

/** One record as one line, without the newline. */
export function recordLine(record: BytesRecord): string {
  return recordJson(record, { topic: record.topic, partition: record.partition });
}

/** The record that a line says; the line's own topic and offset are where it came from, and ignored. */
export function recordOfLine(line: Uint8Array): Draft {
  try {
    const { fields, values } = parseRecords(line, recordPaths.record, { maxValues: MAX_VALUES });
    const { record, partition } = readRecord(fields, values, undefined);
    const { key, value, headers, timestamp } = record;
    return {
      key,
      value,
      headers,
      ...(partition === undefined ? {} : { partition }),
      // -1 says that there is none.
      ...(timestamp === undefined || timestamp < 0 ? {} : { timestamp }),
    };
  } catch (error) {
    if (error instanceof ProtocolError) throw new UsageError(error.message);
    throw error;
  }
}
