// Puts a consumer together from its parts: who knows whom is written here and nowhere else. The Consumer class speaks to the
// application; the parts do the work.

import { DEFAULT_MAX_UNPACKED_BYTES, MAX_UNPACKED_BYTES } from "@brooklet/protocol";
import type { Clock, Random } from "@brooklet/protocol/world";
import type { ConsumerSettings } from "../config/consumer.ts";
import type { ConsumerInterceptor } from "../consumed.ts";
import { BrookletError, CommitFailedError, type OffsetAndMetadata } from "../errors.ts";
import { createBrokerClient } from "../network/broker-client.ts";
import type { BrokerClient } from "../network/client.ts";
import { MetadataCache } from "../network/metadata.ts";
import type { BackoffPolicy } from "../network/retry.ts";
import type { ClientLogger, ClientWorld } from "../world.ts";
import { AutoCommit } from "./auto-commit.ts";
import { Calls } from "./calls.ts";
import { type CommitIdentity, Commits } from "./commits.ts";
import { Events } from "./events.ts";
import { FetchBuffer } from "./fetch-buffer.ts";
import { Fetcher } from "./fetcher.ts";
import { Interceptors } from "./interceptors.ts";
import { MemberSession } from "./member-session.ts";
import { OffsetQueries } from "./offset-queries.ts";
import { Positions } from "./positions.ts";
import { type RebalanceDetail, Rebalancer } from "./rebalance.ts";
import { Resolver } from "./resolver.ts";
import { TopicCreation } from "./topic-creation.ts";
import { TopicWatch } from "./topic-watch.ts";
import { list, nameOf, type RebalanceListener } from "./types.ts";

/** What the application has asked to read. */
export interface Subscription {
  mode: "none" | "group" | "manual";
  /** The names given, or those that match the RegExp. */
  topics: readonly string[];
  /** The broker matches. */
  byPattern: boolean;
  listener: RebalanceListener;
}

/** What exists only with a group.id. */
export interface GroupParts {
  readonly groupId: string;
  readonly session: MemberSession;
  readonly commits: Commits;
  readonly autoCommit: AutoCommit | undefined;
  readonly rebalancer: Rebalancer;
}

export interface Parts<K, V> {
  readonly settings: ConsumerSettings;
  readonly logger: ClientLogger;
  readonly clock: Clock;
  readonly random: Random;
  readonly client: BrokerClient;
  readonly metadata: MetadataCache;
  readonly subscription: Subscription;
  readonly calls: Calls;
  readonly events: Events;
  readonly positions: Positions;
  readonly buffer: FetchBuffer<K, V>;
  readonly fetcher: Fetcher;
  readonly resolver: Resolver;
  readonly topicCreation: TopicCreation | undefined;
  readonly topicWatch: TopicWatch;
  readonly interceptors: Interceptors<K, V>;
  readonly queries: OffsetQueries;
  readonly group: GroupParts | undefined;
}

/** As whom the group's commits and look-ups are made now. */
export function identityOf(session: MemberSession, subscription: Subscription): CommitIdentity | undefined {
  if (subscription.mode !== "group") return { memberEpoch: -1 };
  const memberEpoch = session.liveEpoch;
  if (memberEpoch !== undefined) return { memberId: session.memberId, memberEpoch };
  return session.state === "UNSUBSCRIBED" ? { memberEpoch: -1 } : undefined;
}

/** `world.brokerClient`, if there is one, stands in for the network. */
export function assemble<K, V>(settings: ConsumerSettings, world: ClientWorld, logger: ClientLogger): Parts<K, V> {
  const { clock, random } = world;
  const { requestTimeoutMs, isolationLevel, groupId } = settings;
  for (const { option, why } of settings.ignoredOptions) logger.debug({ option }, `${option} has no effect: ${why}`);
  const backoff: BackoffPolicy = { initialMs: settings.retryBackoffMs, maxMs: settings.retryBackoffMaxMs };
  const client =
    world.brokerClient ??
    createBrokerClient({
      bootstrapServers: settings.bootstrapServers,
      clientId: settings.clientId,
      requestTimeoutMs,
      reconnectBackoffMs: settings.reconnectBackoffMs,
      reconnectBackoffMaxMs: settings.reconnectBackoffMaxMs,
      connectTimeoutMs: settings.socketConnectionSetupTimeoutMs,
      token: settings.token,
      pinCluster: true,
      world,
      logger,
    });
  const calls = new Calls(clock);
  const onChange = () => calls.changed();
  const events = new Events(logger);
  const subscription: Subscription = { mode: "none", topics: [], byPattern: false, listener: {} };
  const metadata = new MetadataCache({
    client,
    clock,
    maxAgeMs: settings.metadataMaxAgeMs,
    allowAutoCreate: settings.allowAutoCreateTopics,
  });
  const common = { client, clock, random, backoff, requestTimeoutMs, isolationLevel, metadata, logger, onChange };
  const buffer = new FetchBuffer<K, V>({
    // The configuration's types are the class's own (ConsumerConfig<K, V>).
    keyDeserializer: settings.keyDeserializer as never,
    valueDeserializer: settings.valueDeserializer as never,
    checkCrcs: settings.checkCrcs,
    // As much as the broker lets in, within reason: it may be no friend.
    maxUnpackedBytes: () =>
      Math.min(MAX_UNPACKED_BYTES, Math.max(DEFAULT_MAX_UNPACKED_BYTES, client.limits?.maxDecompressedBatchBytes ?? 0)),
    onReady: onChange,
  });
  const interceptors = new Interceptors(settings.interceptorClasses as ConsumerInterceptor<K, V>[], logger);
  const positions = new Positions((state) => {
    buffer.drop(state);
    fetcher.invalidate(state);
  });
  const reported = new WeakSet<object>();
  const fetcher = new Fetcher({
    ...common,
    settings,
    positions,
    buffer: buffer as FetchBuffer<unknown, unknown>,
    onTopicGone: (state, error) => {
      metadata.invalidate(state.topic);
      topicWatch.refresh();
      if (subscription.mode !== "group") return true;
      if (!reported.has(state)) {
        reported.add(state);
        logger.warn({ partition: nameOf(state), code: error.code }, `${nameOf(state)} is gone: ${error.message}`);
      }
      return error.code === "UNKNOWN_TOPIC_OR_PARTITION";
    },
  });
  const topicWatch = new TopicWatch({
    ...common,
    maxAgeMs: settings.metadataMaxAgeMs,
    excludesInternal: settings.excludeInternalTopics,
    onMatched: (topics) => {
      subscription.topics = topics;
      group?.session.handle({ type: "subscribe", topics });
    },
  });
  let group: GroupParts | undefined;
  if (groupId !== undefined) {
    group = assembleGroup(settings, groupId, subscription, {
      ...common,
      calls,
      events,
      positions,
      topicWatch,
      interceptors,
    });
  }
  const resolver = new Resolver({
    ...common,
    groupId,
    autoOffsetReset: settings.autoOffsetReset,
    resetByDurationMs: settings.resetByDurationMs,
    positions,
    identity: () => (group === undefined ? undefined : identityOf(group.session, subscription)),
  });
  const topicCreation = settings.allowAutoCreateTopics ? new TopicCreation(common) : undefined;
  const queries = new OffsetQueries({ ...common, positions });
  const owned = { buffer, fetcher, resolver, topicCreation, topicWatch, interceptors, queries, positions };
  return { settings, logger, clock, random, client, metadata, subscription, calls, events, group, ...owned };
}

interface Common {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly requestTimeoutMs: number;
  readonly metadata: MetadataCache;
  readonly logger: ClientLogger;
  readonly calls: Calls;
  readonly events: Events;
  readonly positions: Positions;
  readonly topicWatch: TopicWatch;
  readonly interceptors: Pick<Interceptors<never, never>, "onCommit">;
  readonly onChange: () => void;
}

function assembleGroup(
  settings: ConsumerSettings,
  groupId: string,
  subscription: Subscription,
  common: Common,
): GroupParts {
  const { clock, random, logger, positions, events, topicWatch, interceptors, onChange } = common;
  const onCommitFailed = (error: BrookletError, offsets: readonly OffsetAndMetadata[]) =>
    events.emit("commitFailed", { groupId, error, offsets: [...offsets] });
  const session = new MemberSession({
    ...common,
    member: {
      groupId,
      memberId: random.uuid(),
      clientId: settings.clientId,
      instanceId: settings.groupInstanceId,
      assignor: settings.groupRemoteAssignor,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      maxPollIntervalMs: settings.maxPollIntervalMs,
      retryBackoffMs: settings.retryBackoffMs,
      retryBackoffMaxMs: settings.retryBackoffMaxMs,
    },
    emit: (event, detail) => events.emit(event, detail),
    dropLost: (reason) => rebalancer.dropLost(reason),
  });
  const commits = new Commits({
    ...common,
    groupId,
    identity: (offsets) => {
      const who = identityOf(session, subscription);
      if (who === undefined) throw notAMember(groupId, session, offsets);
      return who;
    },
    topicIdOf: (topic, partition) =>
      positions.find({ topic, partition })?.topicId || common.metadata.peek(topic)?.topicId,
    measured: () => session.measured,
    onCommitted: (recorded) => {
      for (const one of recorded) {
        const state = positions.find(one);
        if (state !== undefined) state.committed = one.offset;
      }
      interceptors.onCommit(recorded.map(({ committedAtMs: _, error: __, ...offset }) => offset));
    },
    onSettled: onChange,
    onUnheard: (error, offsets) => {
      logger.warn({ groupId, code: error.code }, error.message);
      onCommitFailed(error, offsets);
    },
  });
  const autoCommit = settings.enableAutoCommit
    ? new AutoCommit({
        clock,
        logger,
        positions,
        commits,
        intervalMs: settings.autoCommitIntervalMs,
        retryBackoffMs: settings.retryBackoffMs,
        mayCommit: () => identityOf(session, subscription) !== undefined,
        onFailed: onCommitFailed,
      })
    : undefined;
  const rebalancer = new Rebalancer({
    session,
    positions,
    commits,
    autoCommit,
    rebalanceTimeoutMs: settings.maxPollIntervalMs,
    listener: () => subscription.listener,
    onRebalance: (detail: RebalanceDetail) => {
      const { revoked, assigned, lost, epoch, reason } = detail;
      const names = { revoked: revoked.map(nameOf), assigned: assigned.map(nameOf), lost: lost.map(nameOf) };
      logger.info({ groupId, memberId: session.memberId, epoch, reason, ...names }, "rebalance");
      events.emit("rebalance", { groupId, memberId: session.memberId, ...detail });
      topicWatch.refresh();
    },
    onChange,
  });
  return { groupId, session, commits, autoCommit, rebalancer };
}

function notAMember(groupId: string, session: MemberSession, offsets: readonly OffsetAndMetadata[]): CommitFailedError {
  const why = session.lossPending ? session.lossReason : `its state is ${session.state}`;
  return notSent(`member ${session.memberId} is not in group ${groupId} now: ${why}`, offsets);
}

/** The refusal of a commit() of everything, when what was handed out was lost and no poll has said so yet; else undefined. */
export function refusalOfLost({ groupId, session, rebalancer }: GroupParts): CommitFailedError | undefined {
  const loss = rebalancer.unheardLoss;
  if (loss === undefined) return undefined;
  return notSent(
    `member ${session.memberId} lost its place in group ${groupId} meanwhile: ${loss.reason}`,
    loss.offsets,
  );
}

function notSent(why: string, offsets: readonly OffsetAndMetadata[]): CommitFailedError {
  const error = new BrookletError(why, { code: "UNKNOWN_MEMBER_ID" });
  return new CommitFailedError(`the commit of ${list(offsets)} was not sent: ${error.message}`, {
    code: "UNKNOWN_MEMBER_ID",
    hint: "poll joins the group again; what was processed since the last commit is delivered again to whoever owns it then",
    cause: error,
    partitions: offsets.map(({ topic, partition }) => ({ topic, partition })),
    results: offsets.map((one) => ({ ...one, committedAtMs: -1, error })),
  });
}
