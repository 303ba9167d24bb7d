// Topics that change all the time, over kills of their broker: configurations, more partitions, records that go by retention and by
// deleteRecords, topics that come and go. Calls that a kill cut off may have happened or not; what was answered has happened.
//
// Invariants checked: answered changes are there; a log's start and end never go back; between them no record is missing.

import { Admin, BrookletError, Consumer, Producer, string } from "@brooklet/client";
import type { Random } from "@brooklet/protocol/world";

const TOPIC = "churned";
const MAX_PARTITIONS = 30;
const BURST = 40;

interface Connection {
  readonly "bootstrap.servers": string;
  readonly "reconnect.backoff.max.ms": number;
  readonly "retry.backoff.max.ms": number;
}

export class TopicChurn {
  readonly #admin: Admin;
  readonly #producer: Producer<string, string>;
  readonly #connection: Connection;
  readonly #random: Random;
  readonly #loop: Promise<void>;
  /** By partition: what was told last. */
  readonly #starts = new Map<number, number>();
  readonly #ends = new Map<number, number>();
  /** Topics that must be there, and that must not; the ones in doubt are in neither. */
  readonly #present = new Set<string>();
  readonly #absent = new Set<string>();
  #segmentBytes: string | undefined;
  #partitions = 1;
  #isStopped = false;
  /** Changes that were answered. */
  changes = 0;

  constructor(connection: Connection, random: Random) {
    this.#connection = connection;
    this.#random = random;
    this.#admin = new Admin(connection);
    this.#producer = new Producer<string, string>({
      ...connection,
      "key.serializer": string,
      "value.serializer": string,
    });
    this.#loop = this.#run();
    this.#loop.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await this.verify();
    await this.#producer.close();
    await this.#admin.close();
  }

  /** Holds what was answered against what is there. */
  async verify(): Promise<void> {
    const [present, absent] = [[...this.#present], [...this.#absent]];
    const [leastPartitions, starts, ends] = [this.#partitions, new Map(this.#starts), new Map(this.#ends)];
    const names = new Set(await this.#admin.listTopics());
    // Changed since the question: in doubt.
    for (const name of present)
      if (!names.has(name) && this.#present.has(name)) throw new Error(`topic ${name} was created and is gone`);
    for (const name of absent)
      if (names.has(name) && this.#absent.has(name)) throw new Error(`topic ${name} was deleted and is there`);
    if (!names.has(TOPIC)) return;
    const [description] = await this.#admin.describeTopics([TOPIC]);
    const partitions = description?.partitions ?? [];
    if (partitions.length < leastPartitions) throw new Error(`${partitions.length} of ${leastPartitions} partitions`);
    for (const { partition, logStartOffset, highWatermark } of partitions) {
      const [start, end] = [starts.get(partition) ?? 0, ends.get(partition) ?? 0];
      if (logStartOffset < start || highWatermark < end || logStartOffset > highWatermark)
        throw new Error(`partition ${partition} is ${logStartOffset}..${highWatermark}, and was ${start}..${end}`);
    }
    await this.#readOne(partitions[Math.floor(this.#random.next() * partitions.length)]?.partition ?? 0);
  }

  /** From its start to its end a partition has every offset, whatever goes at its start meanwhile. */
  async #readOne(partition: number): Promise<void> {
    await using consumer = new Consumer<string, string>({
      ...this.#connection,
      "key.deserializer": string,
      "value.deserializer": string,
      "auto.offset.reset": "earliest",
    });
    const place = { topic: TOPIC, partition };
    consumer.assign([place]);
    const [{ offset: end } = { offset: 0 }] = await consumer.endOffsets([place]);
    let last: number | undefined;
    while ((await consumer.position(place)) < end) {
      for (const { offset } of await consumer.poll(200)) {
        // A gap is right only where the log begins later by now.
        if (last !== undefined && offset !== last + 1) {
          const [{ offset: start } = { offset: 0 }] = await consumer.beginningOffsets([place]);
          if (offset < last || start < offset) throw new Error(`${TOPIC}-${partition}: ${offset} after ${last}`);
        }
        last = offset;
      }
    }
  }

  async #run(): Promise<void> {
    this.#segmentBytes = "2000";
    await this.#admin.createTopics([
      { topic: TOPIC, configs: { "segment.bytes": this.#segmentBytes, "retention.bytes": "10000" } },
    ]);
    this.#present.add(TOPIC);
    for (let turn = 0; !this.#isStopped; turn++) await this.#change(turn);
  }

  async #change(turn: number): Promise<void> {
    const chance = this.#random.next();
    if (chance < 0.4) await this.#produce();
    else if (chance < 0.55) await this.#deleteRecords();
    else if (chance < 0.7) await this.#alter();
    else if (chance < 0.75 && this.#partitions < MAX_PARTITIONS) {
      const partitions = this.#partitions + 1;
      const isDone = await this.#try(() => this.#admin.createPartitions([{ topic: TOPIC, partitions }]));
      const [description] = isDone ? [] : await this.#admin.describeTopics([TOPIC]);
      this.#partitions = description?.partitions.length ?? partitions;
    } else if (chance < 0.9) {
      const name = `temporary-${turn}`;
      if (await this.#try(() => this.#admin.createTopics([{ topic: name, partitions: 2 }]))) this.#present.add(name);
    } else {
      const [name] = [...this.#present].filter((present) => present !== TOPIC);
      if (name === undefined) return;
      this.#present.delete(name);
      if (await this.#try(() => this.#admin.deleteTopics([name]))) this.#absent.add(name);
    }
  }

  async #produce(): Promise<void> {
    const partition = Math.floor(this.#random.next() * this.#partitions);
    const stored = await Promise.all(
      Array.from({ length: BURST }, () =>
        this.#producer.send({ topic: TOPIC, partition, value: "x".repeat(Math.floor(this.#random.next() * 300)) }),
      ),
    );
    const end = Math.max(...stored.map(({ offset }) => offset + 1));
    this.#ends.set(partition, Math.max(end, this.#ends.get(partition) ?? 0));
    this.changes++;
  }

  async #deleteRecords(): Promise<void> {
    const partition = Math.floor(this.#random.next() * this.#partitions);
    const end = this.#ends.get(partition) ?? 0;
    const offset = Math.floor(this.#random.next() * (end + 1));
    await this.#try(async () => {
      const [result] = await this.#admin.deleteRecords([{ topic: TOPIC, partition, offset }]);
      const start = result?.logStartOffset ?? 0;
      if (start < offset) throw new Error(`records before ${offset} were deleted, and the log starts at ${start}`);
      this.#starts.set(partition, Math.max(start, this.#starts.get(partition) ?? 0));
    });
  }

  async #alter(): Promise<void> {
    const value = `${1_000 + Math.floor(this.#random.next() * 5_000)}`;
    const isDone = await this.#try(() =>
      this.#admin.alterConfigs([{ topic: TOPIC, configs: { "segment.bytes": value } }]),
    );
    const [described] = await this.#admin.describeConfigs([TOPIC]);
    const found = described?.configs.find(({ name }) => name === "segment.bytes")?.value;
    const right = isDone ? [value] : [value, this.#segmentBytes];
    if (!right.includes(found)) throw new Error(`segment.bytes is ${found}; it was set to ${right.join(" or ")}`);
    this.#segmentBytes = found;
  }

  /** Whether it was answered well; false: nobody knows. */
  async #try(call: () => Promise<unknown>): Promise<boolean> {
    try {
      await call();
      this.changes++;
      return true;
    } catch (error) {
      if (!BrookletError.is(error)) throw error;
      return false;
    }
  }
}
