// What was fetched and not handed out yet, in the order of arrival. Decodes lazily, one batch at a time. No I/O.
// Compressed batches are unpacked by unpack-ahead.ts before; a partition whose next batch is not ready yet waits.
//
// Invariant: a record is handed out at most once per version of its partition's state, in offset order, without a gap other
// than those the log itself has; the position moves only as records are handed out or proven absent.

import {
  type DecodedRecord,
  decodeBatch,
  hasCompressed,
  invariant,
  isCompressed,
  ProtocolError,
  readBatchHeader,
  splitBatches,
} from "@brooklet/protocol";
import type { ConsumerRecord } from "../consumed.ts";
import { BrookletError, RecordDeserializationError } from "../errors.ts";
import type { Deserializer } from "../serdes.ts";
import type { PartitionState } from "./positions.ts";
import { nameOf } from "./types.ts";
import { UnpackAhead, type Unpacked, type UnpackOptions } from "./unpack-ahead.ts";

/** One partition's part of one fetch answer. */
export interface Fetched {
  readonly state: PartitionState;
  /** Of the state when the fetch was sent; a later one makes this void. */
  readonly version: number;
  /** What was asked for: the position then, or the end of what had been fetched before. */
  readonly offset: number;
  readonly nextOffset: number;
  /** Of the last record before `nextOffset`; -1: unknown. */
  readonly nextEpoch: number;
  readonly bytes: number;
  readonly payload: Uint8Array;
  /** What came instead of records; told when what was fetched before it is handed out. */
  readonly error?: BrookletError;
}

/** What waits for one partition, and what follows it. */
export interface Ahead {
  readonly answers: number;
  readonly nextOffset: number | undefined;
  readonly leaderEpoch: number;
}

export interface Taken<K, V> {
  readonly records: ConsumerRecord<K, V>[];
  /** Of the last record. */
  readonly last?: PartitionState;
  /** A position moved though there was no record: control batches, compacted or aborted ranges. */
  readonly advanced: boolean;
  /** Only without records: what stands in the way, and stays there. The position has not moved past it. */
  readonly failure?: { readonly state: PartitionState; readonly error: BrookletError };
}

export interface BufferOptions<K, V> extends UnpackOptions {
  readonly keyDeserializer: Deserializer<K>;
  readonly valueDeserializer: Deserializer<V>;
}

/** How far the handing out of one Fetched has come. */
interface Entry {
  readonly fetched: Fetched;
  readonly isPacked: boolean;
  readonly unpacked: Unpacked[];
  batches: readonly Uint8Array[] | undefined;
  nextBatch: number;
  records: readonly DecodedRecord[];
  nextRecord: number;
  leaderEpoch: number;
  timestampType: "CreateTime" | "LogAppendTime";
}

const NO_RECORDS: readonly DecodedRecord[] = [];
/** The next batch is being unpacked. */
const NOT_READY = Symbol("not ready");

export class FetchBuffer<K, V> {
  readonly #options: BufferOptions<K, V>;
  readonly #unpacking: UnpackAhead<Entry>;
  #entries: Entry[] = [];
  #changes = 0;
  /** There is room for more, or somebody waits. */
  #wantsUnpacking = false;

  constructor(options: BufferOptions<K, V>) {
    this.#options = options;
    this.#unpacking = new UnpackAhead(() => this.#entries, options);
  }

  /** Record bytes that may be handed out. What a paused partition keeps has its own bound, and must not hold others back. */
  get readyBytes(): number {
    let bytes = 0;
    for (const { fetched } of this.#entries) if (!fetched.state.paused) bytes += fetched.bytes;
    return bytes;
  }

  add(fetched: Fetched): void {
    const isPacked = hasCompressed(fetched.payload);
    this.#entries.push({
      fetched,
      isPacked,
      unpacked: [],
      batches: isPacked ? splitBatches(fetched.payload) : undefined,
      nextBatch: 0,
      records: NO_RECORDS,
      nextRecord: 0,
      leaderEpoch: -1,
      timestampType: "CreateTime",
    });
    this.#changes += 1;
    if (isPacked) this.#unpacking.pump();
  }

  /** Rises when an answer comes or goes: whether another fetch may be due. */
  get changes(): number {
    return this.#changes;
  }

  /** How many answers wait for each partition, and where its next fetch begins (undefined: behind an error, nowhere). */
  ahead(): Map<PartitionState, Ahead> {
    const ahead = new Map<PartitionState, Ahead>();
    for (const { fetched } of this.#entries) {
      const { state, version, error, nextOffset, nextEpoch: leaderEpoch } = fetched;
      if (version !== state.version) continue;
      const answers = (ahead.get(state)?.answers ?? 0) + 1;
      ahead.set(state, { answers, nextOffset: error === undefined ? nextOffset : undefined, leaderEpoch });
    }
    return ahead;
  }

  /** Forgets everything of a partition: it moved, or it is gone. */
  drop(state: PartitionState): void {
    this.#changes += 1;
    this.#entries = this.#entries.filter(({ fetched }) => fetched.state !== state);
  }

  /** Hands out at most `maxRecords`, moving positions. Once there are records no error is reported: it comes with the next call. */
  take(maxRecords: number): Taken<K, V> {
    const taken = this.#take(maxRecords);
    if (this.#wantsUnpacking) this.#unpacking.pump();
    this.#wantsUnpacking = false;
    return taken;
  }

  #take(maxRecords: number): Taken<K, V> {
    const records: ConsumerRecord<K, V>[] = [];
    let advanced = false;
    let index = 0;
    let last: PartitionState | undefined;
    /** What follows in these partitions must not be handed out before what is being unpacked. */
    let waiting: Set<PartitionState> | undefined;
    while (records.length < maxRecords && index < this.#entries.length) {
      const entry = this.#entries[index] as Entry;
      const { state, version, error } = entry.fetched;
      if (version !== state.version) {
        this.#remove(index);
        continue;
      }
      if (state.paused || state.revoking || state.assigning || waiting?.has(state)) {
        index += 1;
        continue;
      }
      if (error !== undefined) {
        if (records.length > 0) break;
        return { records, advanced, failure: { state, error } };
      }
      const before = records.length;
      const failure = this.#drain(entry, records, maxRecords);
      if (records.length > before) last = state;
      if (failure === NOT_READY) {
        waiting ??= new Set();
        waiting.add(state);
        index += 1;
        continue;
      }
      if (failure !== undefined) {
        if (records.length > 0) break;
        return { records, advanced, failure: { state, error: failure } };
      }
      if (entry.nextRecord < entry.records.length || entry.nextBatch < (entry.batches?.length ?? 0)) break;
      if ((state.position ?? 0) < entry.fetched.nextOffset) {
        state.position = entry.fetched.nextOffset;
        state.leaderEpoch = entry.fetched.nextEpoch;
        advanced = true;
      }
      this.#remove(index);
    }
    return last === undefined ? { records, advanced } : { records, last, advanced: false };
  }

  #remove(index: number): void {
    this.#entries.splice(index, 1);
    this.#changes += 1;
  }

  #drain(entry: Entry, into: ConsumerRecord<K, V>[], maxRecords: number): BrookletError | typeof NOT_READY | undefined {
    const { state } = entry.fetched;
    for (;;) {
      while (entry.nextRecord < entry.records.length) {
        const decoded = entry.records[entry.nextRecord] as DecodedRecord;
        if (decoded.offset < (state.position ?? 0)) {
          entry.nextRecord += 1;
          continue;
        }
        if (into.length >= maxRecords) return undefined;
        const record = this.#read(state, entry, decoded);
        if (record instanceof RecordDeserializationError) return record;
        into.push(record);
        entry.nextRecord += 1;
        state.position = decoded.offset + 1;
        state.leaderEpoch = entry.leaderEpoch;
      }
      try {
        const next = this.#nextBatch(entry);
        if (next !== true) return next === false ? undefined : next;
      } catch (cause) {
        return damaged(state, cause);
      }
    }
  }

  #nextBatch(entry: Entry): boolean | typeof NOT_READY {
    if (entry.batches === undefined) {
      const { state, offset, payload } = entry.fetched;
      invariant(offset <= (state.position ?? -1), "an answer is handed out only when everything before it was");
      entry.batches = splitBatches(payload);
    }
    const came = entry.batches[entry.nextBatch];
    if (came === undefined) return false;
    const [unpacked] = entry.unpacked;
    if (unpacked !== undefined && "failure" in unpacked) throw unpacked.failure;
    this.#wantsUnpacking ||= entry.isPacked;
    if (unpacked === undefined && isCompressed(came)) return NOT_READY;
    const batch = unpacked?.batch ?? came;
    const header = readBatchHeader(batch);
    // The CRC of a compressed batch was checked before it was unpacked.
    entry.records = decodeBatch(batch, { checkCrc: this.#options.checkCrcs && batch === came });
    entry.unpacked.shift();
    entry.nextRecord = 0;
    entry.nextBatch += 1;
    entry.leaderEpoch = header.partitionLeaderEpoch;
    entry.timestampType = header.timestampType;
    return true;
  }

  #read(
    { topic, partition }: PartitionState,
    { leaderEpoch, timestampType }: Entry,
    { offset, timestamp, key, value, headers }: DecodedRecord,
  ): ConsumerRecord<K, V> | RecordDeserializationError {
    const { keyDeserializer, valueDeserializer } = this.#options;
    let part: "key" | "value" = "key";
    try {
      const readKey = key === null ? null : now(keyDeserializer.deserialize(topic, key, headers));
      part = "value";
      const readValue = value === null ? null : now(valueDeserializer.deserialize(topic, value, headers));
      return {
        topic,
        partition,
        offset,
        leaderEpoch,
        timestamp,
        timestampType,
        key: readKey,
        value: readValue,
        headers,
      };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return new RecordDeserializationError(
        `the ${part} of ${nameOf({ topic, partition })} at offset ${offset} cannot be deserialized: ${why}`,
        {
          topic,
          partition,
          offset,
          part,
          keyBytes: key,
          valueBytes: value,
          headers,
          timestamp,
          timestampType,
          cause,
          hint: `seek to ${offset + 1} to go on behind it; the position stays at ${offset}`,
        },
      );
    }
  }
}

/** A promise as a key or value would be nobody's bug for long. */
function now<T>(read: T): T {
  if (!(read instanceof Promise)) return read;
  read.catch(() => {});
  throw new TypeError("the deserializer returned a promise; deserializers are synchronous");
}

function hintFor(cause: unknown): string {
  const isMissing = cause instanceof ProtocolError && cause.code === "UNSUPPORTED_COMPRESSION_TYPE";
  return (isMissing ? cause.hint : undefined) ?? "the position stays; seek past the damaged batch to go on behind it";
}

function damaged({ topic, partition, position }: PartitionState, cause: unknown): BrookletError {
  const code = cause instanceof ProtocolError ? cause.code : "CORRUPT_MESSAGE";
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BrookletError(
    `the records of ${nameOf({ topic, partition })} from offset ${position} on cannot be read: ${why}`,
    {
      code,
      cause,
      context: { topic, partition, offset: position },
      hint: hintFor(cause),
    },
  );
}
