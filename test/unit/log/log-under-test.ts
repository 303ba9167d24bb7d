// The real log over the real commit queue and real SQL in memory, on a simulated clock, with faults on request.
// `restart` is a crash: what was not durable is gone, and a new log starts from what the database holds.

import { encodeBatch, type ProtocolError } from "@brooklet/protocol";
import { expect } from "vitest";
import { createLog } from "../../../server/src/log/broker-log.ts";
import type { FetchResults, FetchWaiting, Log } from "../../../server/src/log/log.ts";
import type { Unpacker } from "../../../server/src/log/unpacker.ts";
import { type Settings, settingDefinitions } from "../../../server/src/settings.ts";
import { connect } from "../../../server/src/storage/sqlite/connection.ts";
import { InlineStorage } from "../../../server/src/storage/sqlite/inline.ts";
import { loadState, markStart } from "../../../server/src/storage/sqlite/load-state.ts";
import { createOrCheck } from "../../../server/src/storage/sqlite/schema.ts";
import type { StoredState } from "../../../server/src/storage/storage.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import type { Logger } from "../../../server/src/world.ts";
import { FaultyStorage } from "../../support/faulty-storage.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** pino hands its fields on; here only errors matter: the commit queue logs a bug instead of throwing it. */
export interface LoggedError {
  readonly fields: object;
  readonly message: string;
}

export class LogUnderTest {
  readonly clock = new SimulatedClock();
  readonly errors: LoggedError[] = [];
  readonly warnings: string[] = [];
  readonly settings: Settings;
  readonly #unpacker: Unpacker | undefined;
  readonly #random = simulatedRandom(1);
  readonly #db = connect(":memory:", "memory");
  storage: FaultyStorage;
  turns: CommitQueue;
  log: Log;

  constructor(settings: Partial<Settings> = {}, unpacker?: Unpacker) {
    this.#unpacker = unpacker;
    const defaults = Object.entries(settingDefinitions).map(([name, definition]) => [name, definition.default]);
    this.settings = { ...Object.fromEntries(defaults), ...settings };
    createOrCheck(this.#db);
    markStart(this.#db, "memory", () => this.#random.uuid());
    ({ storage: this.storage, turns: this.turns, log: this.log } = this.#start());
  }

  #start() {
    const { clock } = this;
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: (_, message) => this.warnings.push(message),
      error: (fields, message) => this.errors.push({ fields, message }),
    };
    const state = loadState(this.#db);
    const storage = new FaultyStorage(new InlineStorage({ db: this.#db, durability: "memory", clock }), { clock });
    const turns = new CommitQueue({ storage, clock, logger, onStopped: () => {} });
    const log = createLog({
      turns,
      storage,
      state,
      settings: this.settings,
      clock,
      random: this.#random,
      logger,
      clusterId: state.clusterId,
      ...(this.#unpacker === undefined ? {} : { unpacker: this.#unpacker }),
    });
    return { storage, turns, log };
  }

  async restart(): Promise<void> {
    // What the storage has begun it finishes; what waits in front of it never gets there.
    this.storage.hold();
    await this.clock.advance(0);
    this.log.close();
    this.turns.close();
    ({ storage: this.storage, turns: this.turns, log: this.log } = this.#start());
  }

  /** What a start would find in the database. */
  stored(): StoredState {
    return loadState(this.#db);
  }

  /** What is in the database, as the truth about durability: first and last offsets of the batches, in order. */
  storedRanges(partitionId: number): [number, number][] {
    return this.#db
      .prepare("SELECT base_offset, last_offset FROM batches WHERE partition_id = ? ORDER BY base_offset")
      .raw()
      .all(partitionId) as [number, number][];
  }

  /** Ranges of the index on the disk, those that wait for their removal too. */
  storedIndexRanges(partitionId: number): number {
    return this.#db
      .prepare("SELECT count(*) FROM batch_ranges WHERE partition_id = ?")
      .pluck()
      .get(partitionId) as number;
  }

  /** Changes the database past every check; what the log has in memory stays. */
  sql(statement: string): void {
    this.#db.exec(statement);
  }

  /** Flips bits of a stored batch's records. */
  damage(partitionId: number, baseOffset: number): void {
    this.sql(`UPDATE batches SET bytes = CAST(substr(bytes, 1, 65) || x'7f7f' || substr(bytes, 68) AS BLOB)
      WHERE partition_id = ${partitionId} AND base_offset = ${baseOffset}`);
  }

  /** Lets time and storage go on until the promise settles. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.clock.runUntil(() => settled, 100_000, "the awaited call");
    return promise;
  }

  async create(topic: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const [result] = await this.during(this.log.createTopics({ topics: [{ topic, partitions, configs }] }));
    expect(result?.error).toBeUndefined();
    return result?.topicId ?? "";
  }

  async produce(topic: string, batches: Uint8Array, partition = 0) {
    const [result] = await this.during(this.log.produce(-1, [{ topic, partition, batches }]));
    if (result === undefined) throw new Error("an item gets a result");
    return result;
  }

  /** Fetches one partition; does not wait for data unless told. */
  fetch(
    topic: string,
    offset: number,
    {
      partition = 0,
      maxWaitMs = 0,
      minBytes = 1,
      maxBytes = 1_000_000,
      waiting = never,
      ...item
    }: Partial<{
      partition: number;
      maxWaitMs: number;
      minBytes: number;
      maxBytes: number;
      waiting: FetchWaiting;
      topicId: string;
      leaderEpoch: number;
    }> = {},
  ): Promise<FetchResults> {
    return this.log.fetch(
      {
        maxWaitMs,
        minBytes,
        maxBytes,
        isolation: "read_uncommitted",
        partitions: [{ topic, partition, offset, ...item }],
      },
      waiting,
    );
  }

  async highWatermark(topic: string, partition = 0): Promise<number> {
    const [found] = await this.during(this.log.metadata({ topics: [topic] }));
    return found?.partitions[partition]?.highWatermark ?? -1;
  }
}

/** Nobody gives up. */
export const never: FetchWaiting = { onCancel: () => () => {} };

/** One batch of these values; each record one millisecond after the other from `timestamp`. */
export function batchOf(
  values: readonly string[],
  options: Parameters<typeof encodeBatch>[1] & { timestamps?: readonly number[] } = {},
): Uint8Array {
  const { timestamps, ...batch } = options;
  return encodeBatch(
    values.map((value, index) => ({
      key: null,
      value: utf8.encode(value),
      headers: [],
      timestamp: timestamps?.[index] ?? 1000,
    })),
    batch,
  );
}

/** What an idempotent producer sends: `values.length` sequences from `baseSequence`. */
export function sequenced(values: readonly string[], baseSequence: number, producerId = 7, producerEpoch = 0) {
  return batchOf(values, { producerId, producerEpoch, baseSequence });
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function textOf(value: Uint8Array | null): string {
  return value === null ? "null" : text.decode(value.slice());
}

/** The code a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: ProtocolError) => error.code,
  );
}
