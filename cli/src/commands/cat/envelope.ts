// kcat's JSON: a record's envelope (-J) and the list of topics (-L -J), with its names in its order.
// Differs: bytes that are no UTF-8 show U+FFFD, where kcat prints them as they are and the line is no JSON any more.

import type { BytesRecord, RecordWriter } from "../records/format.ts";

/** There is one broker. */
export const BROKER_ID = 1;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : utf8.decode(bytes));

/** `{"topic":"orders","partition":0,"offset":3,"tstype":"create","ts":…,"broker":1,"key":null,"payload":"…"}` */
export function envelopeOf({ topic, partition, offset, timestamp, timestampType, headers, key, value }: BytesRecord) {
  return {
    topic,
    partition,
    offset,
    ...(timestamp < 0 ? {} : { tstype: timestampType === "LogAppendTime" ? "logappend" : "create", ts: timestamp }),
    broker: BROKER_ID,
    // One list of names and values in turn, because names may repeat.
    ...(headers.length === 0 ? {} : { headers: headers.flatMap((header) => [header.key, text(header.value)]) }),
    key: text(key),
    payload: text(value),
  };
}

/** One envelope and the delimiter. */
export function envelopeWriter(delimiter: Uint8Array): RecordWriter {
  return (record, sink) => {
    sink.text(JSON.stringify(envelopeOf(record)));
    sink.bytes(delimiter);
  };
}
