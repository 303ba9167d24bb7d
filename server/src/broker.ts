// The broker as a whole: which parts there are, in which order they start and end, and what becomes of it when its storage
// fails. The parts know each other only through what is given to them here.
//
// Invariant: a broker never exits the process, traps no signal and installs no process handler; after `close` or a failure
// nothing of it is left: no socket, timer, worker or held folder.

import type { ApiResponse } from "@brooklet/protocol";
import { type Clock, type Deferred, deferred, sleep, systemClock, systemRandom } from "@brooklet/protocol/world";
import packageJson from "../package.json" with { type: "json" };
import type { BrokerParts } from "./api/handler.ts";
import { createGroupCoordinator } from "./groups/group-coordinator.ts";
import { hostNamesOf, isLoopbackHost, urlOf } from "./hosts.ts";
import { Authenticator } from "./listeners/authenticator.ts";
import { dispatch } from "./listeners/dispatch.ts";
import { Guard } from "./listeners/guard.ts";
import { type HttpDoorOptions, openHttpDoor } from "./listeners/http.ts";
import { Instances } from "./listeners/instances.ts";
import { RefusalLog } from "./listeners/refusal-log.ts";
import { BROKER_ID } from "./listeners/session.ts";
import { Sessions } from "./listeners/sessions.ts";
import { createLog } from "./log/broker-log.ts";
import { InlineUnpacker, type Unpacker } from "./log/unpacker.ts";
import { ThreadUnpacker } from "./log/unpacker-thread.ts";
import { Exposition, type MetricSources } from "./metrics/exposition.ts";
import { LoopLag } from "./metrics/loop-lag.ts";
import { Meters } from "./metrics/meters.ts";
import { type BrokerConfig, type BrokerOptions, readOptions } from "./options.ts";
import { openStorage } from "./storage/open.ts";
import type { OpenedStorage, Storage } from "./storage/storage.ts";
import { CommitQueue } from "./storage/turns.ts";

export { ListenError } from "./listeners/listen-error.ts";
export { StorageOpenError, type StorageOpenErrorKind } from "./storage/open-error.ts";

/** What was begun is finished within this time when the broker stops; then it stops anyway. */
const DRAIN_TIMEOUT_MS = 10_000;
/** How long peers may take to answer close frames. */
const CLOSE_FRAMES_TIMEOUT_MS = 1_000;
const POLL_INTERVAL_MS = 5;

/** A running broker. */
export interface Broker extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Resolves when the broker has closed; rejects with the cause when it failed. Unobserved it harms nobody. */
  readonly closed: Promise<void>;
  /**
   * Finishes what was begun and ends the broker; resolves when nothing of it is left, within about half a minute in any case:
   * a sync that does not return by then is left behind with the thread and the folder it holds, and `closed` rejects.
   */
  close(): Promise<void>;
}

/** A way in: sockets, or a simulated network. */
interface Door {
  readonly url: string;
  readonly port: number;
  /** Requests that are not answered, and sockets that are not closed, beyond what sessions know. */
  readonly requests: () => number;
  readonly sockets: () => number;
  stopAccepting(): void;
  close(): Promise<void>;
}

/**
 * Runs a broker inside this process; installs no process handlers. Without `port` a free one; without `data` ephemeral.
 *
 * Errors: SettingsError with all problems of the options; StorageOpenError; ListenError.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const broker = new RunningBroker(readOptions(options));
  await broker.start();
  return broker;
}

/** Without the state it was opened with: that is everything stored but the records, and the parts have theirs of it. */
interface RunningStorage {
  readonly storage: Storage;
  readonly bootEpoch: number;
}

class RunningBroker implements Broker {
  readonly #config: BrokerConfig;
  readonly #clock: Clock;
  readonly #closed: Deferred<void> = deferred();
  #opened: RunningStorage | undefined;
  #turns: CommitQueue | undefined;
  #unpacker: Unpacker | undefined;
  #parts: BrokerParts | undefined;
  #sessions: Sessions | undefined;
  #door: Door | undefined;
  #ending: Promise<void> | undefined;
  #failure: Error | undefined;
  #loopLag: LoopLag | undefined;

  constructor(config: BrokerConfig) {
    this.#config = config;
    this.#clock = config.world.clock ?? systemClock;
    // Marked as handled: a failure that nobody waits for must not end the process.
    this.#closed.promise.catch(() => {});
  }

  get url(): string {
    return this.#door?.url ?? "";
  }

  get port(): number {
    return this.#door?.port ?? 0;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(): Promise<void> {
    this.#ending ??= this.#end().then(
      () => this.#closed.resolve(),
      (error) => this.#closed.reject(error),
    );
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Storage, knowledge, doors, then the groups' deadlines; what was started is ended again if a later step fails. */
  async start(): Promise<void> {
    const { settings, logger, world } = this.#config;
    try {
      const random = world.random ?? systemRandom;
      const opened = await this.#openStorage();
      const { storage, state } = opened;
      this.#opened = { storage, bootEpoch: state.bootEpoch };
      const { clusterId } = state;
      const clock = this.#clock;
      const meters = new Meters(() => clock.nowMs());
      const turns = new CommitQueue({
        storage,
        clock,
        logger,
        onStopped: (cause) => this.#fail(cause),
        onTurn: ({ durationMs }) => meters.commits.observe(durationMs / 1000),
      });
      this.#turns = turns;
      const unpacker = this.#createUnpacker();
      this.#unpacker = unpacker;
      const log = createLog({ turns, storage, state, settings, clock, random, logger, clusterId, unpacker });
      const groups = createGroupCoordinator({
        turns,
        state,
        catalog: log.catalog,
        offsetsTopic: log.offsetsTopic,
        recordTimes: log.recordTimes,
        settings,
        clock,
        logger,
      });
      const startedAtMs = clock.wallMs();
      const startedMs = clock.nowMs();
      const parts: BrokerParts = {
        clusterId,
        settings,
        log,
        groups,
        logger,
        meters,
        describeStatus: () => this.#describe(parts, { startedAtMs, startedMs }),
      };
      this.#parts = parts;
      const refusals = new RefusalLog(logger, clock);
      const authenticator = new Authenticator({ digests: this.#config.tokenDigests, clock, refusals });
      const exposition = new Exposition(this.#metricSources(parts, refusals, startedAtMs));
      const metrics = () => exposition.text();
      const services = { broker: parts, clock, dispatch, refusals, authenticator, metrics };
      const sessions = new Sessions({
        ...services,
        instances: new Instances(clock),
      });
      this.#sessions = sessions;
      const door =
        world.listen === undefined
          ? await this.#openSockets(services, sessions)
          : simulatedDoor(world.listen((link, peer) => sessions.accept(link, peer)));
      this.#door = door;
      opened.setHolderUrl?.(door.url);
      groups.start();
      log.start();
      const { dataFile, durability } = storage;
      logger.info({ url: door.url, durability, dataFile, clusterId, bootEpoch: state.bootEpoch }, "broker started");
    } catch (error) {
      await this.close().catch(() => {});
      throw this.#failure ?? error;
    }
    // The storage may have failed while the doors were opening.
    if (this.#failure !== undefined) {
      await this.close();
      throw this.#failure;
    }
  }

  /** A simulation has one thread, and time of its own. */
  #createUnpacker(): Unpacker {
    const { settings, world, logger } = this.#config;
    const maxUnpackedBytes = settings["max.decompressed.batch.bytes"];
    if (world.openStorage === undefined) return new ThreadUnpacker({ maxUnpackedBytes, logger });
    const delay = world.delayUnpacking === undefined ? {} : { delay: world.delayUnpacking };
    return new InlineUnpacker({ maxUnpackedBytes, clock: this.#clock, ...delay });
  }

  #openStorage(): Promise<OpenedStorage> {
    const { world, data, durability, logger, settings } = this.#config;
    if (world.openStorage !== undefined) return world.openStorage();
    return openStorage({
      ...(data === undefined ? {} : { data }),
      ephemeral: data === undefined,
      durability,
      allowNetworkFileSystem: settings["network.file.system.enable"],
      clock: this.#clock,
      random: world.random ?? systemRandom,
      logger,
    });
  }

  async #openSockets(services: Services, sessions: Sessions): Promise<Door> {
    const { host, port, allowedHosts, allowedOrigins } = this.#config;
    // Who asked for one certain address may also be addressed by it.
    const guard = new Guard({ allowedHosts: [...allowedHosts, ...hostNamesOf(host)], allowedOrigins });
    const door = await openHttpDoor({ ...services, sessions, guard, host, port });
    this.#warn();
    return {
      url: urlOf(host, door.port),
      port: door.port,
      requests: () => door.load.requests,
      sockets: () => door.load.sockets,
      stopAccepting: () => door.stopAccepting(),
      close: () => door.close(),
    };
  }

  /** What whoever runs the broker should know about who gets in. */
  #warn(): void {
    const { host, tokenDigests, warnings, logger } = this.#config;
    for (const warning of warnings) logger.warn({}, warning);
    if (isLoopbackHost(host)) return;
    if (tokenDigests.length === 0)
      logger.warn({ host }, "anybody who reaches this broker may use it: no token is configured");
    else logger.warn({ host }, "tokens and records cross the network unencrypted: put TLS in front of this broker");
  }

  #metricSources(parts: BrokerParts, refusals: RefusalLog, startedAtMs: number): MetricSources {
    const { log, groups, meters, settings } = parts;
    const { storage } = this.#opened as RunningStorage;
    const loopLag = new LoopLag(this.#clock);
    this.#loopLag = loopLag;
    return {
      meters,
      maxPartitions: settings["max.metric.partitions"],
      maxGroups: settings["max.metric.groups"],
      version: packageJson.version,
      startedAtMs,
      partitions: () => log.usage(),
      groupMembers: () => groups.memberCounts(),
      groupLags: (max) => groups.lags(max),
      rebalances: () => groups.rebalances(),
      rejected: () => refusals.totals(),
      now: () => {
        const { topics, parkedFetches, tailCacheBytes } = log.stats;
        return {
          ...storage.stats(),
          topics,
          parkedFetches,
          tailCacheBytes,
          groups: groups.groupCount,
          connections: this.#sessions?.count ?? 0,
          storageFull: this.#turns?.storageFull === true,
          eventLoopLagSeconds: loopLag.seconds,
        };
      },
    };
  }

  #describe(parts: BrokerParts, { startedAtMs, startedMs }: { startedAtMs: number; startedMs: number }) {
    const { storage, bootEpoch } = this.#opened as RunningStorage;
    const { stats } = parts.log;
    return {
      clusterId: parts.clusterId,
      brokerId: BROKER_ID,
      version: packageJson.version,
      nodeVersion: process.version,
      url: this.url,
      startedAtMs,
      uptimeMs: Math.round(this.#clock.nowMs() - startedMs),
      durability: storage.durability,
      ...(storage.dataFile === undefined ? {} : { dataFile: storage.dataFile }),
      bootEpoch,
      storage: this.#turns?.storageFull === true ? "full" : "ok",
      topics: stats.topics,
      partitions: stats.partitions,
      groups: parts.groups.groupCount,
      connections: this.#sessions?.count ?? 0,
      parkedFetches: stats.parkedFetches,
      tailCacheBytes: stats.tailCacheBytes,
      residentBytes: process.memoryUsage.rss(),
    } satisfies ApiResponse<"status">;
  }

  /** Fail-stop: the storage has stopped for good, so has the broker. */
  #fail(cause: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = cause;
    this.#config.logger.error({ err: cause }, "the storage failed; the broker stops");
    void this.close();
  }

  /** Every step runs, whatever the ones before it did; rejects with what made the broker fail. */
  async #end(): Promise<void> {
    const { logger } = this.#config;
    const attempt = async (what: string, step: () => unknown): Promise<void> => {
      try {
        await step();
      } catch (error) {
        logger.error({ err: error }, `closing: ${what} failed`);
      }
    };
    await attempt("stop accepting", () => {
      this.#loopLag?.close();
      this.#door?.stopAccepting();
      this.#sessions?.stop();
    });
    await attempt("complete parked fetches", () => this.#parts?.log.close());
    await attempt("drain turns", () => this.#bounded(this.#turns?.drain()));
    await attempt("close groups", () => this.#parts?.groups.close());
    await attempt("close turns", () => this.#turns?.close());
    await attempt("answer what is open", () => this.#until(() => this.#unanswered() === 0, DRAIN_TIMEOUT_MS));
    await attempt("close sockets", async () => {
      this.#sessions?.closeAll(this.#failure === undefined ? "the broker is stopping" : "the broker's storage failed");
      await this.#until(() => (this.#door?.sockets() ?? 0) === 0, CLOSE_FRAMES_TIMEOUT_MS);
      await this.#door?.close();
    });
    await attempt("close the unpacker", () => this.#bounded(this.#unpacker?.close()));
    await attempt("close storage", async () => {
      try {
        await this.#bounded(this.#opened?.storage.close());
      } catch (cause) {
        this.#failure ??= new Error(
          "the storage could not be closed: its data folder stays held until this process ends, and what was not acknowledged may or may not be stored",
          { cause },
        );
        throw cause;
      }
    });
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#door !== undefined) logger.info({ url: this.url }, "broker stopped");
  }

  #unanswered(): number {
    return (this.#sessions?.pendingCount ?? 0) + (this.#door?.requests() ?? 0);
  }

  async #until(condition: () => boolean, maxMs: number): Promise<void> {
    const deadlineMs = this.#clock.nowMs() + maxMs;
    while (!condition() && this.#clock.nowMs() < deadlineMs) await sleep(this.#clock, POLL_INTERVAL_MS);
  }

  /** Waits for a step that must not hold up the others for ever. */
  async #bounded(step: Promise<unknown> | undefined): Promise<void> {
    const giveUp = new AbortController();
    const timeout = sleep(this.#clock, DRAIN_TIMEOUT_MS, giveUp.signal).then(() => {
      throw new Error(`it did not end within ${DRAIN_TIMEOUT_MS / 1000} s`);
    });
    timeout.catch(() => {});
    try {
      await Promise.race([step, timeout]);
    } finally {
      giveUp.abort();
    }
  }
}

type Services = Pick<HttpDoorOptions, "broker" | "clock" | "dispatch" | "refusals" | "authenticator" | "metrics">;

function simulatedDoor(listener: { readonly address: string; close(): Promise<void> }): Door {
  return {
    url: `http://${listener.address}`,
    port: Number(listener.address.split(":").at(-1)) || 0,
    requests: () => 0,
    sockets: () => 0,
    stopAccepting: () => {},
    close: () => listener.close(),
  };
}
