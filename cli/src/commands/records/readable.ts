// Records as lines of JSON, in the readable form of the broker's HTTP doors (DESIGN.md section 3), by the same code: so
// `consume --json | produce --json` copies byte for byte, and so does a line that goes to curl.

import type { ConsumerRecord, ProducerRecord } from "@brooklet/client";
import { ProtocolError } from "@brooklet/protocol";
import { parseRecords, readRecord, recordJson, recordPaths } from "@brooklet/protocol/readable";
import { UsageError } from "../../exits.ts";

/** A line has one record; a name that repeats a few times is a mistake, not an attack. */
const MAX_VALUES = 1_000;

/** One record as one line, without the newline. */
export function recordLine(record: ConsumerRecord<Uint8Array, Uint8Array>): string {
  return recordJson(record, { topic: record.topic, partition: record.partition });
}

/** The record that a line says, for `topic`; the line's own topic and offset are where it came from, and ignored. */
export function recordOfLine(line: Uint8Array, topic: string): ProducerRecord<Uint8Array, Uint8Array> {
  try {
    const { fields, values } = parseRecords(line, recordPaths.record, { maxValues: MAX_VALUES });
    const { record, partition } = readRecord(fields, values, undefined);
    const { key, value, headers, timestamp } = record;
    return {
      topic,
      key,
      value,
      headers: [...headers],
      ...(partition === undefined ? {} : { partition }),
      ...(timestamp === undefined ? {} : { timestamp }),
    };
  } catch (error) {
    if (error instanceof ProtocolError) throw new UsageError(error.message);
    throw error;
  }
}
