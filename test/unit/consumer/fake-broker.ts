// A broker behind the BrokerClient interface, on the test's clock: logs of real batches, one scripted group, commits. Every
// request is recorded; any API's answer can be replaced. Not a model of the server: it says what the test tells it to.

import { type ApiName, type ApiRequest, type ApiResponse, encodeBatch, type RecordData } from "@brooklet/protocol";
import { BrookletError, ClosedError, fromWire } from "../../../client-sdk/src/errors.ts";
import type { Answer, BrokerClient, BrokerLimits, RequestOptions } from "../../../client-sdk/src/network/client.ts";
import type { SimulatedClock } from "../../support/simulated-clock.ts";

export interface Owned {
  topic: string;
  topicId: string;
  partition: number;
}

interface Batch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Uint8Array;
}

interface Log {
  startOffset: number;
  nextOffset: number;
  batches: Batch[];
}

type Item = Pick<RecordData, "key" | "value"> & Partial<RecordData>;
type Handler<A extends ApiName> = (
  request: ApiRequest<A>,
  options: RequestOptions,
) => Promise<ApiResponse<A> | Answer<A>> | ApiResponse<A> | Answer<A>;

export interface Seen<A extends ApiName = ApiName> {
  readonly api: A;
  readonly request: ApiRequest<A>;
  readonly atMs: number;
}

const encoder = new TextEncoder();
export const utf8 = (text: string) => encoder.encode(text);

export function failure(
  code: string,
  fields: { retriable?: boolean; definite?: boolean; message?: string; context?: Record<string, unknown> } = {},
) {
  const { retriable = false, definite = true, message = `${code} from the fake broker`, context } = fields;
  return fromWire({ code, message, retriable, definite, ...(context === undefined ? {} : { context }) });
}

export class FakeBroker implements BrokerClient {
  readonly clock: SimulatedClock;
  readonly seen: Seen[] = [];
  readonly logs = new Map<string, Log>();
  readonly topicIds = new Map<string, string>();
  readonly committed = new Map<string, ApiRequest<"offsetCommit">["offsets"][number]>();
  limits: BrokerLimits | undefined;
  connectionSeq = 1;
  disconnected: string | undefined;
  fatalError: Error | undefined;
  closed = false;
  epoch = 0;
  heartbeatIntervalMs = 5000;
  target: Owned[] = [];
  targetReason: string | undefined;
  #told: string | undefined;
  readonly #handlers = new Map<ApiName, Handler<ApiName>>();
  readonly #hints = new Set<(groupId: string) => void>();
  readonly #wakers = new Set<() => void>();

  constructor(clock: SimulatedClock) {
    this.clock = clock;
  }

  // ------------------------------------------------------------ what tests set up

  topic(topic: string, partitions = 1, topicId = `id-${topic}`): this {
    this.topicIds.set(topic, topicId);
    for (let partition = 0; partition < partitions; partition++) {
      this.logs.set(`${topic}-${partition}`, { startOffset: 0, nextOffset: 0, batches: [] });
    }
    return this;
  }

  /** Appends one batch. */
  append(topic: string, partition: number, items: readonly Item[], options: { control?: boolean } = {}): void {
    const log = this.log(topic, partition);
    const records = items.map((item) => ({ headers: [], timestamp: 1, ...item }));
    const bytes = encodeBatch(records, { baseOffset: log.nextOffset, leaderEpoch: 3, ...options });
    const nextOffset = log.nextOffset + items.length;
    log.batches.push({ baseOffset: log.nextOffset, nextOffset, bytes });
    log.nextOffset = nextOffset;
    this.wake();
  }

  /** Appends texts v<offset>, `perBatch` to a batch. */
  fill(topic: string, partition: number, count: number, perBatch = count): void {
    for (let left = count; left > 0; left -= perBatch) {
      const from = this.log(topic, partition).nextOffset;
      const values = Array.from({ length: Math.min(left, perBatch) }, (_, index) => `v${from + index}`);
      this.append(
        topic,
        partition,
        values.map((value) => ({ key: null, value: utf8(value) })),
      );
    }
  }

  log(topic: string, partition: number): Log {
    const log = this.logs.get(`${topic}-${partition}`);
    if (log === undefined) throw new Error(`the test has no log ${topic}-${partition}`);
    return log;
  }

  /** The broker's wish for the member; a new epoch, told with the next heartbeat. */
  assign(...partitions: [string, number][]): void {
    this.target = partitions.map(([topic, partition]) => ({
      topic,
      topicId: this.topicIds.get(topic) ?? `id-${topic}`,
      partition,
    }));
    this.epoch += 1;
  }

  on<A extends ApiName>(api: A, handler: Handler<A>): this {
    this.#handlers.set(api, handler as unknown as Handler<ApiName>);
    return this;
  }

  /** The default answer again. */
  off(api: ApiName): this {
    this.#handlers.delete(api);
    return this;
  }

  /** Fails the next `times` requests of the API, then answers as before. */
  failNext(api: ApiName, error: BrookletError, times = 1): void {
    const before = this.#handlers.get(api);
    let left = times;
    this.#handlers.set(api, (request, options) => {
      if (left > 0) {
        left -= 1;
        throw error;
      }
      if (before !== undefined) return before(request, options);
      return this.#byDefault(api, request, options);
    });
  }

  hint(groupId = "g"): void {
    for (const listener of this.#hints) listener(groupId);
  }

  of<A extends ApiName>(api: A): ApiRequest<A>[] {
    return this.seen.filter((one) => one.api === api).map((one) => one.request as ApiRequest<A>);
  }

  wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  // ------------------------------------------------------------ BrokerClient

  onHeartbeatNow(listener: (groupId: string) => void): () => void {
    this.#hints.add(listener);
    return () => this.#hints.delete(listener);
  }

  async request<A extends ApiName>(api: A, request: ApiRequest<A>, options: RequestOptions = {}): Promise<Answer<A>> {
    if (this.closed) throw new ClosedError("closed", { code: "CLOSED" });
    this.seen.push({ api, request: structuredClone(request), atMs: this.clock.nowMs() });
    const handler = this.#handlers.get(api);
    const work = Promise.resolve(
      handler === undefined ? this.#byDefault(api, request, options) : handler(request as ApiRequest<ApiName>, options),
    );
    const answer = await this.#withinTime(work, api, options);
    return ("header" in answer ? answer : { header: answer, payload: new Uint8Array(0) }) as Answer<A>;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
  }

  #withinTime<T>(work: Promise<T>, api: string, { timeoutMs = 30_000, signal }: RequestOptions): Promise<T> {
    const timers = this.clock.timers();
    return new Promise<T>((resolve, reject) => {
      const abort = () => end(() => reject(new BrookletError(`${api} aborted`, { code: "ABORTED", definite: false })));
      const waker = () => {
        if (this.closed) end(() => reject(new ClosedError("closed", { code: "CLOSED" })));
      };
      const end = (then: () => void) => {
        timers.close();
        this.#wakers.delete(waker);
        signal?.removeEventListener("abort", abort);
        then();
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      this.#wakers.add(waker);
      timers.schedule("timeout", timeoutMs, () =>
        end(() => reject(failure("REQUEST_TIMED_OUT", { retriable: true, definite: false }))),
      );
      work.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error)),
      );
    });
  }

  async #byDefault(api: ApiName, request: unknown, options: RequestOptions): Promise<never> {
    return (await this.#answer(api, request, options)) as never;
  }

  async #answer(api: ApiName, request: unknown, options: RequestOptions): Promise<unknown> {
    switch (api) {
      case "groupHeartbeat":
        return this.heartbeat(request as ApiRequest<"groupHeartbeat">);
      case "fetch":
        return await this.fetch(request as ApiRequest<"fetch">, options);
      case "listOffsets":
        return this.#listOffsets(request as ApiRequest<"listOffsets">);
      case "offsetCommit":
        return this.commit(request as ApiRequest<"offsetCommit">);
      case "offsetFetch":
        return this.#offsetFetch(request as ApiRequest<"offsetFetch">);
      case "metadata":
        return this.#metadata(request as ApiRequest<"metadata">);
      default:
        throw new Error(`the fake broker knows no ${api}`);
    }
  }

  heartbeat(request: ApiRequest<"groupHeartbeat">): ApiResponse<"groupHeartbeat"> {
    const { memberId, memberEpoch } = request;
    const answer = { memberId, memberEpoch: this.epoch, heartbeatIntervalMs: this.heartbeatIntervalMs };
    if (memberEpoch < 0) return { ...answer, memberEpoch };
    const target = JSON.stringify(this.target);
    if (memberEpoch !== 0 && target === this.#told) return answer;
    this.#told = target;
    const reason = this.targetReason === undefined ? {} : { reason: this.targetReason };
    return { ...answer, assignment: structuredClone(this.target), ...reason };
  }

  commit(request: ApiRequest<"offsetCommit">): ApiResponse<"offsetCommit"> {
    return {
      results: request.offsets.map((one) => {
        if (one.topicId !== undefined && one.topicId !== this.topicIds.get(one.topic)) {
          const error = { code: "UNKNOWN_TOPIC_ID", message: "deleted", retriable: true, definite: true };
          return { topic: one.topic, partition: one.partition, offset: -1, committedAtMs: 0, error };
        }
        this.committed.set(`${one.topic}-${one.partition}`, one);
        return { topic: one.topic, partition: one.partition, offset: one.offset, committedAtMs: this.clock.wallMs() };
      }),
    };
  }

  #offsetFetch(request: ApiRequest<"offsetFetch">): ApiResponse<"offsetFetch"> {
    return {
      offsets: (request.partitions ?? []).map(({ topic, partition }) => {
        const found = this.committed.get(`${topic}-${partition}`);
        return {
          topic,
          topicId: this.topicIds.get(topic) ?? "",
          partition,
          offset: found?.offset ?? -1,
          leaderEpoch: found?.leaderEpoch ?? -1,
          metadata: found?.metadata ?? "",
        };
      }),
    };
  }

  #listOffsets(request: ApiRequest<"listOffsets">): ApiResponse<"listOffsets"> {
    return {
      results: request.partitions.map(({ topic, partition, at }) => {
        const log = this.log(topic, partition);
        const offset = at === "earliest" ? log.startOffset : at === "latest" ? log.nextOffset : -1;
        return { topic, partition, offset, timestamp: -1, leaderEpoch: 3 };
      }),
    };
  }

  #metadata(request: ApiRequest<"metadata">): ApiResponse<"metadata"> {
    return {
      clusterId: "fake",
      topics: (request.topics ?? [...this.topicIds.keys()]).map((topic) => {
        const topicId = this.topicIds.get(topic);
        if (topicId === undefined) {
          const error = failure("UNKNOWN_TOPIC_OR_PARTITION", { retriable: true });
          const { code, message, retriable, definite } = error;
          return { topic, topicId: "", error: { code, message, retriable, definite }, partitions: [] };
        }
        const partitions = [...this.logs.keys()]
          .filter((key) => key.slice(0, key.lastIndexOf("-")) === topic)
          .map((_, partition) => {
            const { startOffset, nextOffset } = this.log(topic, partition);
            return { partition, logStartOffset: startOffset, highWatermark: nextOffset };
          });
        return { topic, topicId, partitions, ...(topic.startsWith("__") ? { internal: true } : {}) };
      }),
    };
  }

  async fetch(request: ApiRequest<"fetch">, { signal }: RequestOptions): Promise<Answer<"fetch">> {
    const endMs = this.clock.nowMs() + request.maxWaitMs;
    for (;;) {
      const answer = this.#read(request);
      const done = answer.payload.length > 0 || answer.header.results.some(({ error }) => error !== undefined);
      if (done || this.clock.nowMs() >= endMs || signal?.aborted || this.closed) return answer;
      const timers = this.clock.timers();
      await new Promise<void>((resolve) => {
        const waker = () => {
          timers.close();
          this.#wakers.delete(waker);
          signal?.removeEventListener("abort", waker);
          resolve();
        };
        this.#wakers.add(waker);
        signal?.addEventListener("abort", waker);
        timers.schedule("park", endMs - this.clock.nowMs(), waker);
      });
    }
  }

  #read(request: ApiRequest<"fetch">): Answer<"fetch"> {
    const chunks: Uint8Array[] = [];
    const results = request.partitions.map(({ topic, topicId, partition, offset, maxBytes = 1 << 20 }) => {
      const log = this.log(topic, partition);
      const { startOffset, nextOffset: highWatermark } = log;
      const base = {
        topic,
        partition,
        highWatermark,
        lastStableOffset: highWatermark,
        logStartOffset: startOffset,
        nextOffset: offset,
        bytes: 0,
      };
      const refuse = (code: string) => ({ ...base, error: { code, message: code, retriable: false, definite: true } });
      if (topicId !== this.topicIds.get(topic)) return refuse("UNKNOWN_TOPIC_ID");
      if (offset < startOffset || offset > highWatermark) return refuse("OFFSET_OUT_OF_RANGE");
      let bytes = 0;
      let nextOffset = offset;
      for (const batch of log.batches) {
        if (batch.nextOffset <= offset) continue;
        if (bytes > 0 && bytes + batch.bytes.length > maxBytes) break;
        chunks.push(batch.bytes);
        bytes += batch.bytes.length;
        nextOffset = batch.nextOffset;
      }
      return { ...base, nextOffset, bytes };
    });
    const payload = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      payload.set(chunk, at);
      at += chunk.length;
    }
    return { header: { results }, payload };
  }
}
