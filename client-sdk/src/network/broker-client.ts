// A client object's way to its broker over one WebSocket at a time: connecting, pinning the cluster, timeouts, reconnecting.
//
// It connects at the first request and from then on keeps a connection while it is open, so that a member is heard of
// again as soon as its broker is. It never repeats a request: what was sent when a connection ended is rejected, what
// was not sent waits for the next connection, each within its own time.
// Invariant: every request ends by its timeout; after close() there is no timer and no socket.

import { type ApiName, type ApiRequest, encodeFrame, type Frame } from "@brooklet/protocol";
import { deferred, type Timers } from "@brooklet/protocol/world";
import { BrookletError, fromWire, RetriableError, TimeoutError } from "../errors.ts";
import type { Secret } from "../secret.ts";
import type { ClientLogger, ClientWorld } from "../world.ts";
import { answerProblem, isWireError } from "./answers.ts";
import type { Answer, BrokerClient, BrokerLimits, RequestOptions } from "./client.ts";
import { Connection, type End, type Hello } from "./connection.ts";
import { closedError, cutError, foreignCluster, tooLarge } from "./failures.ts";
import { isLoopback } from "./loopback.ts";
import { MAX_QUEUED_REQUESTS, type PendingRequest, Requests, settle } from "./requests.ts";
import { abortError, backoffMs } from "./retry.ts";
import { Route } from "./route.ts";

/** A timed-out request ends its connection only if that was silent for at least this long: short timeouts prove nothing. */
export const SILENCE_BEFORE_CLOSE_MS = 1_000;
/** A timer that runs later than this was held up, and so may be the answer: it gets one more pass. */
const LATE_TIMER_MS = 100;
/** How long close() waits for the other side before it cuts the connection. */
export const CLOSE_WAIT_MS = 1_000;
/** RFC 6455: a message was larger than the peer takes. */
const CLOSE_TOO_LARGE = 1009;
/** Refusals of hello that another attempt, here or elsewhere, can cure; others are final. */
const PASSING_REFUSALS: ReadonlySet<string> = new Set(["BROKER_NOT_AVAILABLE", "THROTTLING_QUOTA_EXCEEDED"]);

/** Kafka's options, and the client's world. */
export interface BrokerClientOptions {
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly requestTimeoutMs: number;
  readonly reconnectBackoffMs: number;
  readonly reconnectBackoffMaxMs: number;
  /** `socket.connection.setup.timeout.ms`: from the first byte to the answered hello. */
  readonly connectTimeoutMs: number;
  /** Who speaks: it goes into `hello`, and nowhere else. */
  readonly token?: Secret | undefined;
  /** Whether the clusterId of the first hello holds for life (Consumer, Producer). */
  readonly pinCluster: boolean;
  readonly world: ClientWorld;
  readonly logger: ClientLogger;
}

/** Makes a client that has not connected yet. */
export function createBrokerClient(options: BrokerClientOptions): BrokerClient {
  return new WebSocketBrokerClient(options);
}

class WebSocketBrokerClient implements BrokerClient {
  readonly #options: BrokerClientOptions;
  readonly #timers: Timers;
  readonly #route: Route;
  readonly #requests = new Requests();
  readonly #heartbeatListeners = new Set<(groupId: string) => void>();
  /** In memory only, never client.id: two processes with one id are two clients. */
  readonly #clientInstanceId: string;
  #connection: Connection | undefined;
  #isReady = false;
  #limits: BrokerLimits | undefined;
  #clusterId: string | undefined;
  /** What the current attempt found instead of our cluster. */
  #foreignClusterId: string | undefined;
  #attempts = 0;
  #connectionSeq = 0;
  #nextId = 1;
  #failures = 0;
  #lastAnswerMs = 0;
  /** When the first request was sent of those that timed out since the last answer. */
  #silentSinceMs: number | undefined;
  #lastFailure: { readonly address: string; readonly why: string } | undefined;
  #fatalError: BrookletError | undefined;
  #isClosed = false;
  /** Of a token in the open: once is enough. */
  #hasWarned = false;
  #closing: Promise<void> | undefined;
  #onEnded: (() => void) | undefined;

  constructor(options: BrokerClientOptions) {
    this.#options = options;
    this.#timers = options.world.clock.timers();
    this.#route = new Route(options.bootstrapServers);
    this.#clientInstanceId = options.world.random.uuid();
  }

  get limits(): BrokerLimits | undefined {
    return this.#limits;
  }

  get connectionSeq(): number {
    return this.#connectionSeq;
  }

  get fatalError(): Error | undefined {
    return this.#fatalError;
  }

  get disconnected(): string | undefined {
    return this.#isReady || this.#attempts === 0 ? undefined : this.#noConnection();
  }

  #noConnection(): string {
    const { bootstrapServers } = this.#options;
    const last = this.#lastFailure;
    const where = last === undefined || bootstrapServers.length === 1 ? "" : `the last attempt, at ${last.address}: `;
    return `no connection to ${bootstrapServers.join(", ")}: ${where}${last?.why ?? "no attempt has ended yet"}`;
  }

  onHeartbeatNow(listener: (groupId: string) => void): () => void {
    this.#heartbeatListeners.add(listener);
    return () => void this.#heartbeatListeners.delete(listener);
  }

  request<A extends ApiName>(api: A, header: ApiRequest<A>, options: RequestOptions = {}): Promise<Answer<A>> {
    const refusal = this.#refusal(api, options.signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { promise, resolve, reject } = deferred<Answer<A>>();
    const { signal } = options;
    const id = this.#nextId++;
    const onAbort = () => {
      if (signal !== undefined) this.#giveUp(pending, (definite) => abortError(api, signal, definite));
    };
    const pending: PendingRequest = {
      id,
      api,
      header,
      payload: options.payload ?? [],
      // The answer's shape was checked for this API.
      resolve: resolve as (answer: Answer<ApiName>) => void,
      reject,
      release: () => {
        this.#timers.cancel(timerKey(id));
        signal?.removeEventListener("abort", onAbort);
      },
      frame: undefined,
      frameBytes: 0,
      sentAtMs: 0,
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#limitTime(pending, options.timeoutMs ?? this.#options.requestTimeoutMs);
    this.#requests.add(pending);
    if (this.#isReady) this.#flush();
    else if (this.#connection === undefined && !this.#timers.has("reconnect")) this.#connect();
    return promise;
  }

  #refusal(api: ApiName, signal: AbortSignal | undefined): BrookletError | undefined {
    if (this.#isClosed) return closedError(api, true);
    if (this.#fatalError !== undefined) return this.#fatalError;
    if (signal?.aborted) return abortError(api, signal, true);
    if (!this.#requests.isFull) return undefined;
    return new RetriableError(`${api}: ${MAX_QUEUED_REQUESTS} requests wait for a connection already`, {
      code: "THROTTLING_QUOTA_EXCEEDED",
      definite: true,
    });
  }

  #limitTime(pending: PendingRequest, timeoutMs: number): void {
    const key = timerKey(pending.id);
    this.#timers.schedule(key, timeoutMs, (lateMs) => {
      const expire = () => this.#expire(pending, timeoutMs);
      // After a blocked event loop timers run before sockets are read: the answer may be here already.
      if (lateMs > LATE_TIMER_MS) this.#timers.schedule(key, LATE_TIMER_MS, expire);
      else expire();
    });
  }

  #expire(pending: PendingRequest, timeoutMs: number): void {
    const { sentAtMs } = pending;
    const wasSent = this.#requests.isSent(pending);
    this.#giveUp(pending, (definite) => this.#timeoutError(pending.api, timeoutMs, definite));
    if (!wasSent || this.#lastAnswerMs > sentAtMs) return;
    // Several short timeouts in a row prove together what each of them does not.
    this.#silentSinceMs ??= sentAtMs;
    const silentMs = this.#options.world.clock.nowMs() - this.#silentSinceMs;
    if (silentMs >= SILENCE_BEFORE_CLOSE_MS) {
      this.#connection?.terminate(`no answer came for ${Math.round(silentMs)} ms after a request`);
    }
  }

  #timeoutError(api: ApiName, timeoutMs: number, definite: boolean): BrookletError {
    const foreign = this.#route.onlyForeign;
    if (definite && foreign.length > 0) return foreignCluster(this.#clusterId, foreign);
    const why = definite
      ? this.#isReady
        ? "it waited for room within the broker's grant"
        : `there was ${this.#noConnection()}`
      : "it was sent and not answered";
    return new TimeoutError(`${api} did not finish within ${Math.round(timeoutMs)} ms: ${why}`, {
      code: "REQUEST_TIMED_OUT",
      definite,
      context: { why },
    });
  }

  /** The caller stops waiting; what was sent is cancelled at the broker. */
  #giveUp(pending: PendingRequest, error: (definite: boolean) => BrookletError): void {
    const wasSent = this.#requests.abandon(pending);
    if (wasSent && this.#isReady) this.#connection?.send(encodeFrame({ cancel: pending.id }));
    settle(pending, error(!wasSent));
    // What is gone may have blocked others.
    if (this.#isReady) this.#flush();
  }

  #flush(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#limits === undefined) return;
    this.#requests.flush(this.#limits, this.#options.world.clock.nowMs(), (frame) => connection.send(frame));
  }

  #connect(): void {
    const { world, clientId, connectTimeoutMs, logger, token } = this.#options;
    const connectionSeq = ++this.#attempts;
    const { address } = this.#route;
    logger.debug({ address, connectionSeq, clientId }, "connecting");
    if (token !== undefined && !this.#hasWarned && !isLoopback(address)) {
      this.#hasWarned = true;
      logger.warn(
        { address, clientId },
        `the token goes to ${address} unencrypted: who sees the traffic can use it. Stay within a network that is yours, or go through a tunnel (ssh, WireGuard) that begins on this machine.`,
      );
    }
    const connection = new Connection(
      {
        transport: world.transport,
        address,
        clientId,
        clientInstanceId: this.#clientInstanceId,
        connectionSeq,
        connectTimeoutMs,
        token,
      },
      {
        onHello: (hello) => this.#welcome(connection, connectionSeq, hello),
        onFrame: (frame) => this.#receive(frame),
        onEnd: (end) => this.#ended(connection, end),
      },
    );
    this.#connection = connection;
    this.#timers.schedule("connect", connectTimeoutMs, () =>
      connection.terminate(`no answer to hello within ${connectTimeoutMs} ms`),
    );
  }

  #welcome(connection: Connection, connectionSeq: number, { clusterId, limits }: Hello): void {
    this.#timers.cancel("connect");
    if (this.#options.pinCluster && this.#clusterId !== undefined && clusterId !== this.#clusterId) {
      this.#foreignClusterId = clusterId;
      connection.terminate(`it holds the log of cluster ${clusterId}, not ${this.#clusterId}`);
      return;
    }
    this.#clusterId = clusterId;
    this.#limits = limits;
    this.#connectionSeq = connectionSeq;
    this.#isReady = true;
    this.#lastAnswerMs = this.#options.world.clock.nowMs();
    this.#silentSinceMs = undefined;
    this.#route.succeeded();
    this.#options.logger.debug({ address: connection.address, connectionSeq, clusterId }, "connected");
    this.#flush();
  }

  #receive({ header, payload }: Frame): void {
    if (header.event !== undefined) {
      const { groupId } = header;
      if (header.event !== "heartbeatNow" || typeof groupId !== "string") return;
      for (const listener of this.#heartbeatListeners) listener(groupId);
      return;
    }
    // An answer to nobody: given up meanwhile, or invented by the server.
    const pending = typeof header.id === "number" ? this.#requests.takeAnswered(header.id) : "nobody";
    if (pending === "nobody") return;
    // Only answers prove that the server is of use: one that says hello and hangs up keeps being backed off from, and one
    // that sends events and answers nothing counts as silent.
    this.#failures = 0;
    this.#lastAnswerMs = this.#options.world.clock.nowMs();
    this.#silentSinceMs = undefined;
    if (pending !== "given up") this.#answer(pending, header, payload);
    this.#flush();
  }

  #answer(pending: PendingRequest, header: Record<string, unknown>, payload: Uint8Array): void {
    if (isWireError(header.error)) {
      const error = fromWire(header.error);
      settle(pending, error);
      // Another connection of this very object has taken over: going on would take over from it in turn, for ever.
      if (error.code === "STALE_CONNECTION") this.#fail(error);
      return;
    }
    const problem =
      header.error === undefined ? answerProblem(pending.api, header, payload.length) : "its error is malformed";
    if (problem === undefined) {
      const { id: _, ...answer } = header;
      pending.release();
      pending.resolve({ header: answer as Answer<ApiName>["header"], payload });
      return;
    }
    this.#options.logger.warn({ api: pending.api, problem }, "the broker's answer is malformed");
    const message = `the broker's answer to ${pending.api} is malformed: ${problem}`;
    settle(pending, new BrookletError(message, { code: "UNKNOWN_SERVER_ERROR", definite: false }));
  }

  #ended(connection: Connection, end: End): void {
    if (connection !== this.#connection) return;
    const wasReady = this.#isReady;
    this.#connection = undefined;
    this.#isReady = false;
    this.#timers.cancel("connect");
    const { address } = connection;
    // Node's own words end with the address, too.
    const why = end.reason === "" ? `closed with code ${end.code}` : end.reason.replace(` ${address}`, "");
    this.#lastFailure = { address, why };
    this.#options.logger.debug({ address, code: end.code, reason: end.reason }, "disconnected");
    this.#rejectSent(end, `${address}: ${why}`);
    this.#onEnded?.();
    if (this.#isClosed || this.#fatalError !== undefined) return;
    if (end.refused !== undefined && !PASSING_REFUSALS.has(end.refused.code)) this.#fail(fromWire(end.refused));
    else if (wasReady) this.#reconnectLater();
    else this.#tryNext();
  }

  /** The attempt failed before it was of use. */
  #tryNext(): void {
    const foreign = this.#foreignClusterId;
    this.#foreignClusterId = undefined;
    const next = this.#route.failed(this.#options.world.clock.nowMs(), foreign);
    if (next.do === "giveUp") this.#fail(foreignCluster(this.#clusterId, next.foreign));
    else if (next.do === "waitAndTry") this.#reconnectLater();
    // Not within the ended connection's callback: many dead servers must not nest.
    else this.#timers.schedule("reconnect", 0, () => this.#connect());
  }

  #reconnectLater(): void {
    const { reconnectBackoffMs, reconnectBackoffMaxMs, world } = this.#options;
    this.#failures++;
    const policy = { initialMs: reconnectBackoffMs, maxMs: reconnectBackoffMaxMs };
    this.#timers.schedule("reconnect", backoffMs(policy, this.#failures, world.random), () => this.#connect());
  }

  #rejectSent(end: End, why: string): void {
    const sent = this.#requests.takeSent();
    // Whatever was too large is at most as large as the largest, and that one cannot have been taken either.
    const largest = end.code === CLOSE_TOO_LARGE ? largestOf(sent) : undefined;
    for (const pending of sent) {
      const isTooLarge = pending === largest;
      settle(pending, isTooLarge ? tooLarge(pending) : cutError(pending.api, why));
    }
  }

  /** Nothing can help any more. */
  #fail(error: BrookletError): void {
    this.#fatalError ??= error;
    this.#options.logger.error({ code: error.code, clientId: this.#options.clientId }, error.message);
    this.#connection?.terminate(error.message);
    for (const pending of this.#requests.takeWaiting()) settle(pending, error);
    this.#timers.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    for (const pending of this.#requests.takeWaiting()) settle(pending, closedError(pending.api, true));
    for (const pending of this.#requests.takeSent()) settle(pending, closedError(pending.api, false));
    this.#timers.cancel("reconnect");
    const connection = this.#connection;
    if (connection !== undefined) {
      const ended = deferred();
      this.#onEnded = ended.resolve;
      this.#timers.schedule("close", CLOSE_WAIT_MS, () => connection.terminate("the client was closed"));
      if (this.#isReady) connection.close();
      else connection.terminate("the client was closed");
      await ended.promise;
    }
    this.#timers.close();
    this.#heartbeatListeners.clear();
  }
}

function timerKey(id: number): string {
  return `request:${id}`;
}

function largestOf(sent: readonly PendingRequest[]): PendingRequest | undefined {
  return sent.reduce<PendingRequest | undefined>(
    (largest, pending) => (largest === undefined || pending.frameBytes > largest.frameBytes ? pending : largest),
    undefined,
  );
}
