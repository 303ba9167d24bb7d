// How keys and values become bytes and back. Never called with null: a null key or value stays null (a tombstone).
//
// A serializer that throws fails its `send`; a deserializer that throws becomes a RecordDeserializationError.

/** A record header; names may repeat and their order is kept. */
export interface Header {
  key: string;
  value: Uint8Array | null;
}

/** Turns a key or value into bytes; may add headers. `null` writes a null. */
export interface Serializer<T> {
  serialize(topic: string, value: T, headers: Header[]): Uint8Array | null;
}

/**
 * Turns bytes into a key or value. The bytes may be kept: nobody overwrites them. They are a view into the whole answer they
 * came in, which lives as long as they do: what is kept long is better kept as a copy (`data.slice()`).
 */
export interface Deserializer<T> {
  deserialize(topic: string, bytes: Uint8Array, headers: readonly Header[]): T;
}

export interface Serde<T> extends Serializer<T>, Deserializer<T> {}

const encoder = new TextEncoder();
// Fatal: text that is not UTF-8 is reported instead of being changed silently.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Small texts share an allocation: TextEncoder.encode makes one each, which costs three times as much. */
const SLAB_BYTES = 65_536;
const MAX_BYTES_PER_UTF16_UNIT = 3;
let slab = new Uint8Array(SLAB_BYTES);
let slabAt = 0;

/** UTF-8 in memory that is never written again; a view into a larger buffer. */
function encodeText(text: string): Uint8Array {
  const mostBytes = text.length * MAX_BYTES_PER_UTF16_UNIT;
  if (mostBytes > SLAB_BYTES / 4) return encoder.encode(text);
  if (slabAt + mostBytes > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabAt = 0;
  }
  const start = slabAt;
  slabAt += encoder.encodeInto(text, slab.subarray(start)).written;
  return slab.subarray(start, slabAt);
}

function expectType(value: unknown, type: string): void {
  if (typeof value !== type) throw new TypeError(`expected a ${type}, got ${value === null ? "null" : typeof value}`);
}

function expectLength(data: Uint8Array, length: number, what: string): void {
  if (data.byteLength !== length) throw new TypeError(`${what} has ${length} bytes; these are ${data.byteLength}`);
}

/** UTF-8 text, as Kafka's StringSerializer. */
export const string: Serde<string> = {
  serialize(_topic, value) {
    expectType(value, "string");
    return encodeText(value);
  },
  deserialize: (_topic, data) => decoder.decode(data),
};

/** Bytes as they are. */
export const bytes: Serde<Uint8Array> = {
  serialize(_topic, value) {
    if (!(value instanceof Uint8Array)) {
      throw new TypeError(`expected a Uint8Array, got ${typeof value}: name a serializer, such as string or json()`);
    }
    return value;
  },
  deserialize: (_topic, data) => data,
};

/** JSON as UTF-8. The type is the caller's word; nothing checks it. */
export function json<T>(): Serde<T> {
  return {
    serialize(_topic, value) {
      const text: string | undefined = JSON.stringify(value);
      if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON form`);
      return encodeText(text);
    },
    deserialize: (_topic, data) => JSON.parse(decoder.decode(data)) as T,
  };
}

/** Eight bytes, big endian, as Kafka's LongSerializer. */
export const int64: Serde<bigint> = {
  serialize(_topic, value) {
    expectType(value, "bigint");
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit 64 bits`);
    const data = new Uint8Array(8);
    new DataView(data.buffer).setBigInt64(0, value);
    return data;
  },
  deserialize(_topic, data) {
    expectLength(data, 8, "an int64");
    return new DataView(data.buffer, data.byteOffset, 8).getBigInt64(0);
  },
};

/** Eight bytes, IEEE 754, big endian, as Kafka's DoubleSerializer. */
export const double: Serde<number> = {
  serialize(_topic, value) {
    expectType(value, "number");
    const data = new Uint8Array(8);
    new DataView(data.buffer).setFloat64(0, value);
    return data;
  },
  deserialize(_topic, data) {
    expectLength(data, 8, "a double");
    return new DataView(data.buffer, data.byteOffset, 8).getFloat64(0);
  },
};
