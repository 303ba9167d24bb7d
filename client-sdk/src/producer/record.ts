// A record on its way in: checked and turned into bytes before anything else happens to it.

import { ProtocolError, type RecordData, topicNameProblem } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import { BrookletError, fromWire, IllegalStateError } from "../errors.ts";
import type { ProducerRecord } from "../produced.ts";
import type { Header, Serializer } from "../serdes.ts";

/** Checks a record and serializes it. Throws a definite error: nothing was sent. */
export function toRecordData<K, V>(
  record: ProducerRecord<K, V>,
  serializers: { readonly key: Serializer<unknown>; readonly value: Serializer<unknown> },
  clock: Pick<Clock, "wallMs">,
): RecordData {
  if (typeof record !== "object" || record === null) throw illegal("a record must be an object with topic and value");
  const { topic, partition, timestamp, key = null, value } = record;
  checkTopic(topic);
  if (partition !== undefined && !(Number.isSafeInteger(partition) && partition >= 0)) {
    throw illegal(`a partition must be a whole number of at least 0; it is ${partition}`);
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw illegal(`a timestamp must be whole milliseconds since 1970; it is ${timestamp}`);
  }
  if (value === undefined) throw illegal("a record must have a value; null is the tombstone");
  const headers = record.headers === undefined ? [] : checkHeaders(record.headers);
  return {
    key: key === null ? null : serialize("key", serializers.key, topic, key, headers),
    value: value === null ? null : serialize("value", serializers.value, topic, value, headers),
    headers,
    timestamp: timestamp ?? clock.wallMs(),
  };
}

/** Throws INVALID_TOPIC_EXCEPTION, as the broker would. */
export function checkTopic(topic: unknown): void {
  const problem = typeof topic === "string" ? topicNameProblem(topic) : "a record must name its topic";
  if (problem !== undefined) throw fromWire(new ProtocolError("INVALID_TOPIC_EXCEPTION", problem).toWire());
}

function checkHeaders(headers: readonly Header[]): Header[] {
  if (!Array.isArray(headers)) throw illegal("headers must be an array of { key, value }");
  return headers.map((header: Header) => {
    const isHeader = typeof header === "object" && header !== null && typeof header.key === "string";
    if (!isHeader || !(header.value === null || header.value instanceof Uint8Array)) {
      throw illegal("a header must have a text as key and a Uint8Array or null as value");
    }
    return { key: header.key, value: header.value };
  });
}

function serialize(
  part: "key" | "value",
  serializer: Serializer<unknown>,
  topic: string,
  value: unknown,
  headers: Header[],
): Uint8Array | null {
  let data: unknown;
  try {
    data = serializer.serialize(topic, value, headers);
  } catch (cause) {
    throw failed(part, topic, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (data === null || data instanceof Uint8Array) return data;
  throw failed(part, topic, `the serializer gave a ${typeof data}, not a Uint8Array or null`);
}

function failed(part: string, topic: string, problem: string, cause?: unknown): BrookletError {
  return new BrookletError(`the ${part} of a record for ${topic} cannot be serialized: ${problem}`, {
    code: "RECORD_SERIALIZATION",
    cause,
  });
}

function illegal(problem: string): IllegalStateError {
  return new IllegalStateError(problem);
}
