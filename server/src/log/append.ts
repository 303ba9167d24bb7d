// Produce: check, assign offsets, stage; in one synchronous step per request, so offsets follow the order of the calls.
// Before that step, requests with compressed batches wait in produce-line.ts until those were checked.
// A request is one part of a turn: its batches, and the topics it creates, share one fate. Producer states are written
// once per turn, in the turn of the batches they speak of.
// Invariant: an item is appended whole or not at all, and nobody is answered, and nothing is visible, before `durable`.

import {
  type ApiResponse,
  isInternalTopic,
  ProtocolError,
  patchBatch,
  setLogAppendTime,
  topicNameProblem,
} from "@brooklet/protocol";
import { type Clock, deferred, type Random } from "@brooklet/protocol/world";
import type { Settings } from "../settings.ts";
import type { Change } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";
import { checkBatches, planAppend } from "./append-plan.ts";
import type { Catalog, StagedTopicChange, TopicState } from "./catalog.ts";
import type { Partition } from "./partition.ts";
import { type BatchVerdict, ProduceLine, type Verdicts } from "./produce-line.ts";
import type { ProducerJournal } from "./producer-journal.ts";
import type { BatchPublisher } from "./publish.ts";
import type { SlabAllocator } from "./slabs.ts";
import type { CachedBatch } from "./tail-cache.ts";
import type { TopicRules } from "./topic-rules.ts";
import type { Unpacker } from "./unpacker.ts";

export interface ProduceItem {
  readonly topic: string;
  readonly topicId?: string;
  readonly partition: number;
  readonly batches: Uint8Array;
}

export type ProduceResult = ApiResponse<"produce">["results"][number];

/** What one item came to before its fate is known. */
interface Outcome {
  readonly result: ProduceResult;
  /** What must be durable before the item is answered: its own turn, the turn of the batch it repeats. */
  readonly waitsFor: ReadonlySet<Promise<void>>;
}

/** What a request collects while its items are checked and assigned. */
interface Staging {
  readonly verdict: Promise<void>;
  readonly changes: Change[];
  /** Of the batches among the changes. */
  bytes: number;
  readonly created: StagedTopicChange[];
  readonly appended: { readonly partition: Partition; readonly batch: CachedBatch }[];
}

export interface AppenderParts {
  readonly turns: TurnQueue;
  readonly catalog: Catalog;
  readonly slabs: SlabAllocator;
  readonly publisher: BatchPublisher;
  readonly producers: ProducerJournal;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly bootEpoch: number;
  /** Of a topic that the append creates. */
  readonly newTopicRules: TopicRules;
  readonly unpacker: Unpacker;
}

export class Appender {
  readonly #parts: AppenderParts;
  readonly #line: ProduceLine;

  constructor(parts: AppenderParts) {
    this.#parts = parts;
    this.#line = new ProduceLine(parts.unpacker);
  }

  /**
   * Appends the batches of each item to its partition.
   *
   * Shape: results in request order. With acks 0 they are there when it is appended, before it is durable, with base offset
   * -1. An item whose batches are all
   * repetitions is answered with the first one's original offset; repeated ones beside new ones are left out.
   * Errors: INVALID_REQUIRED_ACKS refuses the request; everything else is the item's (the list stands at the API).
   * Differs: a missing topic is created here too, as a Kafka producer's metadata request would (auto.create.topics.enable),
   * unless the item names a topic id; several batches per partition are taken, Kafka takes one.
   */
  produce(acks: number, items: readonly ProduceItem[]): Promise<ProduceResult[]> {
    if (acks !== 0 && acks !== 1 && acks !== -1)
      return Promise.reject(new ProtocolError("INVALID_REQUIRED_ACKS", `acks is ${acks}; it must be 0, 1 or -1 (all)`));
    if (!this.#line.concerns(items)) return this.#appendAll(acks, items, []);
    return this.#line
      .enter(items, (verdicts) => this.#appendAll(acks, items, verdicts))
      .catch((error: unknown) => {
        if (error instanceof ProtocolError) return items.map((item) => refused(item, error));
        throw error;
      });
  }

  /** Refuses the requests that still wait for their checks. */
  close(error: ProtocolError): void {
    this.#line.close(error);
  }

  #appendAll(acks: number, items: readonly ProduceItem[], verdicts: Verdicts): Promise<ProduceResult[]> {
    const { promise: verdict, resolve, reject } = deferred();
    // Not every verdict has somebody who waits for it: acks 0, and requests of which every item was refused.
    verdict.catch(() => {});
    const staging: Staging = { verdict, changes: [], bytes: 0, created: [], appended: [] };
    const outcomes = items.map((item, index) => this.#appendItem(item, verdicts[index], staging));
    if (staging.changes.length > 0) {
      this.#parts.turns.stage({
        changes: staging.changes,
        bytes: staging.bytes,
        essential: false,
        durable: () => {
          this.#commit(staging);
          resolve();
        },
        failed: reject,
      });
    }
    if (acks === 0) return Promise.resolve(outcomes.map(({ result }) => unacknowledged(result)));
    if (outcomes.every(({ waitsFor }) => waitsFor.size === 0))
      return Promise.resolve(outcomes.map(({ result }) => result));
    return Promise.all(outcomes.map(whenDurable));
  }

  #appendItem(item: ProduceItem, verdicts: readonly BatchVerdict[] | undefined, staging: Staging): Outcome {
    try {
      return this.#append(item, verdicts, staging);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { result: refused(item, error), waitsFor: new Set() };
    }
  }

  /** Everything that can refuse comes before the first thing that changes. */
  #append(item: ProduceItem, verdicts: readonly BatchVerdict[] | undefined, staging: Staging): Outcome {
    const { catalog, turns, clock, settings } = this.#parts;
    const existing = this.#topicOf(item);
    const partitionCount = existing?.partitionCount ?? settings["num.partitions"];
    if (item.partition < 0 || item.partition >= partitionCount)
      throw new ProtocolError(
        "UNKNOWN_TOPIC_OR_PARTITION",
        `topic ${item.topic} has partitions 0 to ${partitionCount - 1}; there is no partition ${item.partition}`,
        { hint: "Partitions count from 0; metadata says how many there are." },
      );
    const wallMs = clock.wallMs();
    const known = existing?.partitions[item.partition];
    const rules = existing?.rules ?? this.#parts.newTopicRules;
    const stamps = rules.timestampType === "LogAppendTime";
    const checked = checkBatches(item.batches, { name: `${item.topic}-${item.partition}`, rules, wallMs }, verdicts);
    const plan = planAppend(checked, {
      nextOffset: known?.logEndOffset ?? 0,
      producerOf: (producerId) => (known === undefined ? undefined : this.#parts.producers.known(known, producerId)),
      wallMs,
      logAppendTimeMs: stamps ? wallMs : -1,
      verdict: staging.verdict,
    });
    if (plan.fresh.length > 0 && turns.storageFull)
      throw new ProtocolError(
        "STORAGE_FULL",
        `the disk is full: nothing is stored of ${item.topic}-${item.partition}`,
        {
          hint: "Free space on the disk of the broker's data folder; the broker resumes by itself.",
        },
      );
    if (plan.fresh.length > 0 && !turns.hasRoomFor(staging.bytes + item.batches.length))
      throw new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `the disk does not keep up: too many records wait for it already, and those for ${item.topic}-${item.partition} were not taken`,
        { hint: "Wait for answers (acks 1 or all), and send again a little later." },
      );
    if (existing === undefined) catalog.checkRoom(1, partitionCount);

    const topic = existing ?? this.#create(item.topic, partitionCount, wallMs, staging);
    const partition = topic.partitions[item.partition] as Partition;
    for (const { bytes, header } of plan.fresh) {
      const copy = this.#parts.slabs.copy(bytes);
      const baseOffset = partition.assign(header.recordCount);
      patchBatch(copy.bytes, { baseOffset, leaderEpoch: this.#parts.bootEpoch });
      if (stamps) setLogAppendTime(copy.bytes, wallMs);
      const lastOffset = baseOffset + header.recordCount - 1;
      staging.bytes += bytes.length;
      staging.appended.push({ partition, batch: { baseOffset, lastOffset, ...copy } });
      staging.changes.push({
        kind: "appendBatch",
        batch: {
          partitionId: partition.partitionId,
          baseOffset,
          lastOffset,
          maxTimestampMs: stamps ? wallMs : header.maxTimestamp,
          bytes: copy.bytes,
        },
      });
    }
    for (const state of plan.states) this.#parts.producers.stage(partition, state);

    const waitsFor = new Set<Promise<void>>();
    if (plan.fresh.length > 0) waitsFor.add(staging.verdict);
    for (const { lastOffset, verdict } of plan.repeated)
      if (verdict !== undefined && lastOffset >= partition.highWatermark) waitsFor.add(verdict);
    return {
      result: {
        topic: item.topic,
        partition: item.partition,
        baseOffset: plan.baseOffset,
        ...(stamps ? { logAppendTimeMs: plan.repeated[0]?.logAppendTimeMs ?? wallMs } : {}),
      },
      waitsFor,
    };
  }

  /** The topic as staged, or undefined when it is to be created. */
  #topicOf(item: ProduceItem): TopicState | undefined {
    const problem = topicNameProblem(item.topic);
    if (problem !== undefined) throw new ProtocolError("INVALID_TOPIC_EXCEPTION", problem);
    if (isInternalTopic(item.topic))
      throw new ProtocolError("INVALID_TOPIC_EXCEPTION", `topic ${item.topic} is internal: only the broker writes it`, {
        hint: "Read it, or write to a topic of your own.",
      });
    const topic = this.#parts.catalog.newest(item.topic);
    if (item.topicId !== undefined) {
      if (topic?.topicId === item.topicId) return topic;
      throw new ProtocolError(
        "UNKNOWN_TOPIC_ID",
        `topic ${item.topic} with id ${item.topicId} does not exist any more`,
        topic === undefined ? {} : { hint: "A topic of this name was created since; ask for metadata again." },
      );
    }
    if (topic === undefined && !this.#parts.settings["auto.create.topics.enable"])
      throw new ProtocolError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${item.topic} does not exist`);
    return topic;
  }

  #create(topic: string, partitions: number, wallMs: number, staging: Staging): TopicState {
    const created = this.#parts.catalog.stageCreation({
      topicId: this.#parts.random.uuid(),
      topic,
      partitions,
      configs: {},
      createdAtMs: wallMs,
      internal: false,
      creation: staging.verdict,
    });
    staging.created.push(created);
    staging.changes.push(...created.changes);
    return created.state;
  }

  #commit(staging: Staging): void {
    for (const created of staging.created) created.durable();
    for (const { partition, batch } of staging.appended) {
      this.#parts.publisher.publish(partition, batch);
    }
  }
}

function whenDurable({ result, waitsFor }: Outcome): Promise<ProduceResult> | ProduceResult {
  if (waitsFor.size === 0) return result;
  return Promise.all(waitsFor).then(
    () => result,
    (error: unknown) => {
      if (error instanceof ProtocolError) return refused(result, error);
      throw error;
    },
  );
}

function refused(item: { readonly topic: string; readonly partition: number }, error: ProtocolError): ProduceResult {
  return { topic: item.topic, partition: item.partition, baseOffset: -1, error: error.toWire() };
}

function unacknowledged({ logAppendTimeMs: _, ...result }: ProduceResult): ProduceResult {
  return { ...result, baseOffset: -1 };
}
