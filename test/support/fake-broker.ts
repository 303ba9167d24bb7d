// A broker as far as a client can tell: frames over a network on the simulated clock, answered by a script.
//
// It keeps a real little log with the broker's idempotence rules, so that a test can ask what was stored; every API can be
// answered by a handler of the test's own, also with nothing or with nonsense. No groups.

import {
  type DecodedRecord,
  decodeBatch,
  decodeFrame,
  type ErrorCode,
  encodeFrame,
  errorRow,
  readBatchHeader,
  splitPayload,
  type WireError,
} from "@brooklet/protocol";
import type { Link, LinkHandlers, Transport } from "@brooklet/protocol/world";
import type { SimulatedClock } from "./simulated-clock.ts";

type Header = Record<string, unknown>;
export interface FakeRequest {
  readonly api: string;
  readonly id: number;
  readonly header: Header;
  readonly payload: Uint8Array;
  readonly connection: FakeConnection;
}
/** The answer's header; undefined: no answer. */
export type FakeAnswer = Header | undefined | Promise<Header | undefined>;
export type FakeHandler = (request: FakeRequest) => FakeAnswer;

/** The broker's end of one connection. */
export class FakeConnection {
  readonly broker: FakeBroker;
  readonly network: FakeNetwork;
  #client: LinkHandlers | undefined;
  readonly number: number;
  bufferedBytes = 0;

  constructor(network: FakeNetwork, broker: FakeBroker, client: LinkHandlers, number: number) {
    this.network = network;
    this.broker = broker;
    this.#client = client;
    this.number = number;
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  /** Bytes to the client, whatever they are. */
  sendRaw(message: Uint8Array): void {
    this.network.later(() => this.#client?.onMessage(message));
  }

  send(header: object, payload: Uint8Array[] = []): void {
    this.sendRaw(encodeFrame(header, payload));
  }

  close(code: number, reason: string): void {
    this.network.later(() => this.end(code, reason));
  }

  /** Both ends know at once. */
  end(code: number, reason: string): void {
    const client = this.#client;
    this.#client = undefined;
    this.broker.connections.delete(this);
    client?.onClose(code, reason);
  }
}

export class FakeNetwork implements Transport {
  readonly clock: SimulatedClock;
  readonly brokers = new Map<string, FakeBroker>();
  /** Every attempt, in order. */
  readonly attempts: string[] = [];
  latencyMs = 1;
  #connections = 0;
  #timer = 0;
  readonly #timers;

  constructor(clock: SimulatedClock) {
    this.clock = clock;
    this.#timers = clock.timers();
  }

  broker(address: string, options: Partial<FakeBroker> = {}): FakeBroker {
    const broker = Object.assign(new FakeBroker(), options);
    this.brokers.set(address, broker);
    return broker;
  }

  later(run: () => void): void {
    this.#timers.schedule(`message:${this.#timer++}`, this.latencyMs, run);
  }

  connect(address: string, handlers: LinkHandlers): Link {
    this.attempts.push(address);
    let connection: FakeConnection | undefined;
    let isEnded = false;
    const end = (code: number, reason: string) => {
      if (isEnded) return;
      isEnded = true;
      if (connection === undefined) handlers.onClose(code, reason);
      else connection.end(code, reason);
    };
    this.later(() => {
      const broker = this.brokers.get(address);
      if (isEnded || broker?.isSilent) return;
      if (broker === undefined || broker.isDown) {
        end(1006, `connect ECONNREFUSED ${address}`);
        return;
      }
      connection = new FakeConnection(this, broker, handlers, ++this.#connections);
      broker.connections.add(connection);
      handlers.onOpen?.();
    });
    return {
      send: (message) => {
        // Copied: what the client does with its memory afterwards must not matter.
        const copy = message.slice();
        this.later(() => {
          if (connection?.isOpen) void connection.broker.receive(connection, copy);
        });
      },
      close: (code, reason) => this.later(() => end(code, reason)),
      terminate: () => end(1006, "terminated"),
      pause() {},
      resume() {},
      bufferedBytes: 0,
    };
  }
}

interface Stored {
  readonly topicId: string;
  readonly partitions: FakePartition[];
}
interface ProducerState {
  epoch: number;
  batches: { first: number; last: number; baseOffset: number }[];
}
class FakePartition {
  readonly records: DecodedRecord[] = [];
  readonly producers = new Map<number, ProducerState>();
}

export class FakeBroker {
  clusterId = "cluster-1";
  isDown = false;
  /** Accepts and says nothing: a half-open connection. */
  isSilent = false;
  limits: Header = {
    maxFramePayloadBytes: 8 * 1024 * 1024,
    maxHeaderBytes: 1024 * 1024,
    maxBatchBytes: 1_048_588,
    maxInFlightRequestBytes: 32 * 1024 * 1024,
    maxReplyBytes: 32 * 1024 * 1024,
    maxFetchWaitMs: 30_000,
  };
  partitionCount = 1;
  autoCreate = true;
  readonly connections = new Set<FakeConnection>();
  readonly requests: FakeRequest[] = [];
  readonly hellos: Header[] = [];
  readonly cancelled: number[] = [];
  readonly topics = new Map<string, Stored>();
  #producerIds = 1000;
  /** Instead of the usual answer; return `pass` for that. */
  script: (request: FakeRequest) => FakeAnswer | typeof pass = () => pass;

  of(api: string): FakeRequest[] {
    return this.requests.filter((request) => request.api === api);
  }

  /** Texts of the values stored in a partition, in order. */
  values(topic: string, partition = 0): string[] {
    const records = this.topics.get(topic)?.partitions[partition]?.records ?? [];
    return records.map(({ value }) => (value === null ? "null" : new TextDecoder().decode(value)));
  }

  /** Cuts every connection, as a crash does. */
  cut(): void {
    for (const connection of [...this.connections]) connection.end(1006, "cut");
  }

  topic(name: string): Stored {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = {
        topicId: `id-${name}-${this.topics.size}-${this.#producerIds}`,
        partitions: Array.from({ length: this.partitionCount }, () => new FakePartition()),
      };
      this.topics.set(name, topic);
    }
    return topic;
  }

  deleteTopic(name: string): void {
    this.topics.delete(name);
    // So that a topic of the same name gets another id.
    this.#producerIds++;
  }

  async receive(connection: FakeConnection, message: Uint8Array): Promise<void> {
    if (this.isSilent) return;
    const { header, payload } = decodeFrame(message, { maxHeaderBytes: 1024 * 1024 });
    if (typeof header.cancel === "number") {
      this.cancelled.push(header.cancel);
      return;
    }
    const { id, api, ...fields } = header;
    const request = { api: String(api), id: Number(id), header: fields, payload, connection };
    if (api === "hello") this.hellos.push(fields);
    else this.requests.push(request);
    const scripted = this.script(request);
    const answer = await (scripted === pass ? this.answer(request) : scripted);
    if (answer !== undefined) connection.send({ id, ...answer });
  }

  /** The usual answer. */
  answer({ api, header, payload }: FakeRequest): Header {
    switch (api) {
      case "hello":
        return { clusterId: this.clusterId, brokerId: 1, version: 1, features: [], limits: this.limits };
      case "metadata":
        return { clusterId: this.clusterId, topics: this.#describeAll(header.topics as string[] | undefined) };
      case "initProducerId":
        return { producerId: ++this.#producerIds, producerEpoch: 0 };
      case "produce":
        return { results: this.#produce(header, payload) };
      default:
        return { error: wireError("UNSUPPORTED_VERSION") };
    }
  }

  #describeAll(names: readonly string[] = [...this.topics.keys()]): Header[] {
    return names.map((name) => this.#describe(name));
  }

  #describe(name: string): Header {
    if (!this.autoCreate && !this.topics.has(name)) {
      return { topic: name, topicId: "", partitions: [], error: wireError("UNKNOWN_TOPIC_OR_PARTITION") };
    }
    const { topicId, partitions } = this.topic(name);
    return {
      topic: name,
      topicId,
      partitions: partitions.map((partition, number) => ({
        partition: number,
        logStartOffset: 0,
        highWatermark: partition.records.length,
      })),
    };
  }

  #produce(header: Header, payload: Uint8Array): Header[] {
    const items = header.partitions as { topic: string; topicId: string; partition: number; bytes: number }[];
    const parts = splitPayload(payload, items);
    return items.map(({ topic, topicId, partition }, index) => {
      const place = { topic, partition };
      const stored = this.topics.get(topic);
      if (stored !== undefined && stored.topicId !== topicId) {
        return { ...place, baseOffset: -1, error: wireError("UNKNOWN_TOPIC_ID") };
      }
      const log = stored?.partitions[partition];
      const batch = parts[index];
      if (log === undefined || batch === undefined) {
        return { ...place, baseOffset: -1, error: wireError("UNKNOWN_TOPIC_OR_PARTITION") };
      }
      return { ...place, ...append(log, batch) };
    });
  }
}

/** From a script: answer as usual. */
export const pass = Symbol("pass");

export function wireError(code: ErrorCode, message = `scripted ${code}`): WireError {
  const { retriable, definite } = errorRow(code);
  return { code, message, retriable, definite };
}

/** SEMANTICS.md 3.3. */
function append(log: FakePartition, batch: Uint8Array): Header {
  const { producerId, producerEpoch, baseSequence, recordCount } = readBatchHeader(batch);
  const last = (baseSequence + recordCount - 1) % 2 ** 31;
  const refuse = (code: ErrorCode) => ({ baseOffset: -1, error: wireError(code) });
  if (producerId >= 0) {
    const state = log.producers.get(producerId);
    if (state !== undefined) {
      if (producerEpoch < state.epoch) return refuse("INVALID_PRODUCER_EPOCH");
      if (producerEpoch === state.epoch) {
        const known = state.batches.find((other) => other.first === baseSequence && other.last === last);
        if (known !== undefined) return { baseOffset: known.baseOffset };
        const newest = state.batches.at(-1);
        if (newest !== undefined && baseSequence !== (newest.last + 1) % 2 ** 31) {
          return refuse("OUT_OF_ORDER_SEQUENCE_NUMBER");
        }
      } else if (baseSequence !== 0) {
        return refuse("OUT_OF_ORDER_SEQUENCE_NUMBER");
      }
    }
    const next = state?.epoch === producerEpoch ? state : { epoch: producerEpoch, batches: [] };
    next.batches = [...next.batches, { first: baseSequence, last, baseOffset: log.records.length }].slice(-5);
    log.producers.set(producerId, next);
  }
  const baseOffset = log.records.length;
  log.records.push(...decodeBatch(batch));
  return { baseOffset };
}
