// The group coordinator: carries out what the groups' machines ask for. The only one in this folder that touches the clock, the
// commit queue, connections and the log's catalog.
//
// Invariants: every request is answered exactly once; what shows new state leaves when that state is durable (hard place 3);
// after a failed turn every group stands where the store stands (hard place 1); after `close` there is no timer.

import { type ApiRequest, type ApiResponse, checkGroupId, idProblem, ProtocolError } from "@brooklet/protocol";
import { type Clock, deferred } from "@brooklet/protocol/world";
import type { OffsetsTopicWriter, RecordTimes, Topic, TopicCatalog } from "../log/log.ts";
import type { Peer } from "../peer.ts";
import { listOfNames, type Settings } from "../settings.ts";
import type { StoredState } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { Logger } from "../world.ts";
import { ChangedTopics } from "./changed-topics.ts";
import { ClientConnections } from "./client-connections.ts";
import type { GroupCoordinator } from "./coordinator.ts";
import { Deadlines } from "./deadlines.ts";
import type { DurableGroup } from "./durable-state.ts";
import type { DeadlineKind, Effect, Happening, HeartbeatAnswer, ReplyTo } from "./effects.ts";
import { Expiry } from "./expiry.ts";
import { Farewells } from "./farewells.ts";
import { Group, type GroupSurroundings } from "./group.ts";
import { type GroupEntry, withEmptySince } from "./group-entry.ts";
import { GroupRemoval } from "./group-removal.ts";
import { GroupViews } from "./group-views.ts";
import type { GroupLags } from "./lag.ts";
import { OffsetRequests } from "./offset-requests.ts";
import { OffsetStore } from "./offset-store.ts";
import { abridged } from "./partitions.ts";
import { Patterns, shown } from "./patterns.ts";
import { RebalanceCounts } from "./rebalance-counts.ts";
import { encodeGroup, parseGroup } from "./stored-group.ts";
import { Timeline, TimelineTotals } from "./timeline.ts";
import { WaitingHeartbeats } from "./waiting-heartbeats.ts";

/** What the log is told at info; the rest is debug. */
const NEWS: ReadonlySet<Happening["event"]> = new Set(["join", "leave", "eviction", "epoch", "restore"]);

export interface GroupCoordinatorParts {
  readonly turns: TurnQueue;
  readonly state: Pick<StoredState, "groups" | "offsets">;
  readonly catalog: TopicCatalog;
  readonly offsetsTopic: OffsetsTopicWriter;
  readonly recordTimes: RecordTimes;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Loads the stored groups; nobody's deadline runs before `start()`. */
export function createGroupCoordinator(parts: GroupCoordinatorParts): GroupCoordinator {
  return new Coordinator(parts);
}

class Coordinator implements GroupCoordinator {
  readonly #turns: TurnQueue;
  readonly #catalog: TopicCatalog;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #surroundings: GroupSurroundings;
  readonly #deadlines: Deadlines;
  readonly #patterns: Patterns;
  readonly #clients: ClientConnections;
  readonly #store: OffsetStore;
  readonly #offsets: OffsetRequests;
  readonly #removal: GroupRemoval;
  readonly #expiry: Expiry;
  readonly #views: GroupViews;
  readonly #rebalances = new RebalanceCounts();
  readonly #timelines = new TimelineTotals();
  readonly #groups = new Map<string, GroupEntry>();
  readonly #changedTopics = new ChangedTopics();
  /** Groups that the open turn's seal must visit. */
  readonly #unsealed = new Set<GroupEntry>();
  readonly #waiting = new WaitingHeartbeats();
  #turnRequested = false;
  #closed = false;

  constructor({ turns, state, catalog, offsetsTopic, recordTimes, settings, clock, logger }: GroupCoordinatorParts) {
    this.#turns = turns;
    this.#catalog = catalog;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#deadlines = new Deadlines(clock);
    const store = new OffsetStore({ turns, catalog, offsetsTopic, stored: state.offsets });
    const { committed } = store;
    this.#store = store;
    this.#offsets = new OffsetRequests({ store, catalog, maxMetadataLength: settings["offset.metadata.max.bytes"] });
    this.#views = new GroupViews({ groups: this.#groups, committed, catalog, recordTimes, clock });
    this.#clients = new ClientConnections({
      graceMs: settings["group.disconnect.grace.ms"],
      deadlines: this.#deadlines,
      nowMs: () => clock.nowMs(),
      apply: (entry, effects) => this.#apply(entry, effects),
    });
    this.#patterns = new Patterns({
      catalog,
      clock,
      maxLength: settings["group.max.pattern.length"],
      onMatched: (patterns) => this.#patternsMatched(patterns),
    });
    this.#surroundings = {
      topics: catalog,
      patterns: this.#patterns,
      farewells: new Farewells(),
      limits: {
        minSessionTimeoutMs: settings["group.min.session.timeout.ms"],
        maxSessionTimeoutMs: settings["group.max.session.timeout.ms"],
        defaultSessionTimeoutMs: settings["group.consumer.session.timeout.ms"],
        heartbeatIntervalMs: settings["group.consumer.heartbeat.interval.ms"],
        maxMembers: settings["group.max.size"],
        assignors: listOfNames(settings["group.consumer.assignors"]),
      },
    };
    const removal = new GroupRemoval({ groups: this.#groups, store, turns, catalog });
    this.#removal = removal;
    this.#expiry = new Expiry({
      groups: this.#groups,
      store,
      removal,
      clock,
      logger,
      retentionMs: settings["offsets.retention.minutes"] * 60_000,
      checkIntervalMs: settings["offsets.retention.check.interval.ms"],
    });
    for (const { groupId, state: json } of state.groups) {
      const entry = this.#add(groupId);
      entry.durable = parseGroup(groupId, json);
      entry.staged = entry.durable;
      entry.group.load(entry.durable, clock.nowMs());
      this.#patterns.use(groupId, entry.group.patterns);
    }
    for (const groupId of committed.groupIds()) if (!this.#groups.has(groupId)) this.#add(groupId);
    turns.register({ seal: () => this.#seal(), restore: () => this.#restore() });
    catalog.onChange((topic, change) => this.#topicChanged(topic, change));
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  start(): void {
    this.#deadlines.start();
    this.#patterns.start();
    for (const entry of this.#groups.values()) this.#apply(entry, entry.group.start(this.#clock.nowMs()));
    this.#expiry.start();
  }

  close(): void {
    this.#closed = true;
    this.#expiry.close();
    this.#deadlines.close();
    this.#patterns.close();
    // Each waits for a turn, which may be on its way to the disk.
    const unknown = new ProtocolError(
      "KAFKA_STORAGE_ERROR",
      "the broker stops before the disk has answered; what the heartbeat asked for may or may not be stored",
    );
    this.#waiting.refuseAll(unknown);
    this.#offsets.close(this.#stopping());
  }

  async heartbeat(request: ApiRequest<"groupHeartbeat">, peer: Peer): Promise<HeartbeatAnswer> {
    this.#checkOpen();
    const { groupId, memberId, memberEpoch } = request;
    checkGroupId(groupId);
    checkId("member id", memberId);
    if ((request.clientId ?? "") !== "") checkId("client id", request.clientId ?? "");
    const nowMs = this.#clock.nowMs();
    const known = this.#groups.get(groupId);
    if (known === undefined && memberEpoch !== 0) throw this.#unknownGroup(groupId, memberId, nowMs);
    const entry = known ?? this.#admit(groupId);
    const to: ReplyTo = { peer };
    const answered = this.#waiting.add(to);
    try {
      this.#apply(entry, entry.group.heartbeat(request, to, nowMs));
      this.#clients.heard(peer, entry);
      // At once: the next request may bring one pattern too many.
      if (request.pattern !== undefined) this.#patterns.use(groupId, entry.group.patterns);
    } catch (error) {
      this.#waiting.drop(to);
      if (known === undefined) this.#groups.delete(groupId);
      throw error;
    }
    return await answered;
  }

  async commitOffsets(request: ApiRequest<"offsetCommit">): Promise<ApiResponse<"offsetCommit">["results"]> {
    this.#checkOpen();
    const { groupId, memberEpoch = -1 } = request;
    checkGroupId(groupId);
    const nowMs = this.#clock.nowMs();
    const known = this.#groups.get(groupId);
    if (known === undefined && memberEpoch >= 0) throw this.#unknownGroup(groupId, request.memberId ?? "", nowMs);
    const entry = known ?? this.#admit(groupId);
    const { results, accepted } = this.#offsets.commit(entry.group, request, {
      nowMs,
      wallMs: this.#clock.wallMs(),
      apply: (effects) => this.#apply(entry, effects),
    });
    if (known === undefined && accepted === 0) this.#groups.delete(groupId);
    return await results;
  }

  async fetchOffsets(request: ApiRequest<"offsetFetch">): Promise<ApiResponse<"offsetFetch">["offsets"]> {
    this.#checkOpen();
    checkGroupId(request.groupId);
    return await this.#offsets.fetch(this.#groups.get(request.groupId)?.group, request, this.#clock.nowMs());
  }

  async deleteGroups(groupIds: readonly string[]): Promise<ApiResponse<"deleteGroups">["results"]> {
    this.#checkOpen();
    return await this.#removal.deleteGroups(groupIds);
  }

  async deleteOffsets(request: ApiRequest<"offsetDelete">): Promise<ApiResponse<"offsetDelete">["results"]> {
    this.#checkOpen();
    return await this.#removal.deleteOffsets(request);
  }

  async removeMembers({
    groupId,
    members,
    reason,
  }: ApiRequest<"leaveGroup">): Promise<ApiResponse<"leaveGroup">["results"]> {
    this.#checkOpen();
    checkGroupId(groupId);
    const entry = this.#groups.get(groupId);
    if (entry === undefined) throw new ProtocolError("GROUP_ID_NOT_FOUND", `there is no group ${groupId}`);
    const { effects, refusals } = entry.group.removeMembers(members, reason, this.#clock.nowMs());
    this.#apply(entry, effects);
    // The removals are part of the turn that is open; when all were refused there may be none.
    if (refusals.includes(undefined)) {
      const stored = deferred();
      const failed = (error: ProtocolError) => stored.reject(error);
      this.#turns.stage({ changes: [], essential: true, durable: () => stored.resolve(), failed });
      await stored.promise;
    }
    return members.map((member, index) => {
      const error = refusals[index];
      return error === undefined ? { ...member } : { ...member, error: error.toWire() };
    });
  }

  clientConnected(clientInstanceId: string): void {
    this.#clients.connected(clientInstanceId);
  }

  clientDisconnected(clientInstanceId: string): void {
    this.#clients.disconnected(clientInstanceId);
  }

  list(): ApiResponse<"listGroups">["groups"] {
    return this.#views.list();
  }

  describe(groupIds: readonly string[]): ApiResponse<"describeGroups">["groups"] {
    return this.#views.describe(groupIds);
  }

  withLagSeconds(groups: ApiResponse<"describeGroups">["groups"]): Promise<ApiResponse<"describeGroups">["groups"]> {
    return this.#views.withLagSeconds(groups);
  }

  memberCounts(): Iterable<{ readonly groupId: string; readonly members: number }> {
    return this.#views.memberCounts();
  }

  rebalances(): Iterable<readonly [reason: string, count: number]> {
    return this.#rebalances.totals();
  }

  lags(max: number): Promise<GroupLags> {
    return this.#views.lags(max);
  }

  #apply(entry: GroupEntry, effects: readonly Effect[]): void {
    const { groupId } = entry.group;
    for (const effect of effects) {
      switch (effect.kind) {
        case "answer":
          this.#waiting.answer(effect.to, effect.answer);
          break;
        case "refuse":
          this.#waiting.refuse(effect.to, effect.error);
          break;
        case "schedule":
          this.#deadlines.schedule(deadlineKey(groupId, effect.deadline, effect.memberId), effect.delayMs, () =>
            this.#expire(entry, effect.deadline, effect.memberId),
          );
          break;
        case "cancel":
          this.#deadlines.cancel(deadlineKey(groupId, effect.deadline, effect.memberId));
          break;
        case "requestTurn":
          this.#requestTurn(entry);
          break;
        case "persist":
          this.#persist(entry, effect.state, effect.version);
          break;
        case "hint":
          effect.peer.hintHeartbeat(groupId);
          break;
        case "timeline":
          this.#record(entry, effect.happening);
          break;
      }
    }
  }

  #record(entry: GroupEntry, happening: Happening): void {
    this.#rebalances.happened(entry.group.groupId, happening.event);
    const event = entry.timeline.add(happening, this.#clock.wallMs(), this.#catalog);
    const text = `group ${entry.group.groupId}: ${happening.event}${happening.member === undefined ? "" : ` of ${happening.member}`}`;
    const fields = { groupId: entry.group.groupId, ...event };
    if (NEWS.has(happening.event)) this.#logger.info(fields, text);
    else this.#logger.debug(fields, text);
  }

  #expire(entry: GroupEntry, deadline: DeadlineKind, memberId: string): void {
    const member = entry.group.members.get(memberId);
    const wasHeldBack = member?.peer?.wasHeldBackSince(member.lastHeardMs) ?? false;
    this.#apply(entry, entry.group.expire(deadline, memberId, this.#clock.nowMs(), wasHeldBack));
  }

  /** An empty part, so that the turn's verdict comes here even when it fails before it was sealed. */
  #requestTurn(entry: GroupEntry): void {
    this.#unsealed.add(entry);
    if (this.#turnRequested) return;
    this.#turnRequested = true;
    this.#turns.stage({
      changes: [],
      essential: true,
      durable: () => {},
      failed: (error) => this.#waiting.refuseDoomed(error),
    });
  }

  #persist(entry: GroupEntry, sealed: DurableGroup, version: number): void {
    const { group } = entry;
    const state = withEmptySince(sealed, entry.staged, this.#clock.wallMs());
    entry.staged = state;
    this.#turns.stage({
      changes: [{ kind: "putGroup", group: { groupId: group.groupId, state: encodeGroup(state) } }],
      essential: true,
      durable: () => {
        entry.durable = state;
        this.#apply(entry, group.durable(version, this.#clock.nowMs()));
      },
      failed: (error) => this.#waiting.refuseDoomed(error),
    });
  }

  #seal(): void {
    this.#followChangedTopics();
    this.#turnRequested = false;
    const unsealed = [...this.#unsealed];
    this.#unsealed.clear();
    for (const entry of unsealed) {
      this.#patterns.use(entry.group.groupId, entry.group.patterns);
      this.#apply(entry, entry.group.seal(this.#clock.nowMs()));
    }
    this.#store.seal();
  }

  #restore(): void {
    this.#turnRequested = false;
    this.#unsealed.clear();
    this.#store.restore();
    // They are durable: whoever stands still looks at them in the next turn.
    if (this.#changedTopics.size > 0) this.#turns.requestTurn();
    for (const entry of this.#groups.values()) {
      entry.staged = entry.durable;
      if (entry.group.isQuiet) continue;
      entry.timeline.takeBack(entry.group.durableVersion);
      const { effects, doomed } = entry.group.restore(entry.durable, this.#clock.nowMs());
      this.#waiting.doom(doomed);
      this.#patterns.use(entry.group.groupId, entry.group.patterns);
      this.#apply(entry, effects);
    }
  }

  #topicChanged(topic: Topic, change: "created" | "deleted" | "extended"): void {
    if (change === "created") this.#patterns.topicCreated(topic);
    if (change === "deleted") this.#patterns.topicDeleted(topic);
    this.#changedTopics.add(topic.topic, change);
    this.#turns.requestTurn();
  }

  /** All of a turn at once. */
  #followChangedTopics(): void {
    if (this.#changedTopics.size === 0) return;
    for (const entry of this.#groups.values()) {
      const matches = (pattern: string, topic: string) => this.#patterns.matches(pattern, topic);
      const reason = this.#changedTopics.reasonFor(entry.group, matches);
      if (reason !== undefined) this.#apply(entry, entry.group.topicsChanged(reason));
    }
    this.#changedTopics.clear();
  }

  #patternsMatched(patterns: ReadonlySet<string>): void {
    for (const entry of this.#groups.values()) {
      const mine = [...entry.group.patterns].filter((pattern) => patterns.has(pattern));
      const counts = mine.map(
        (pattern) => `${shown(pattern)} matches ${this.#patterns.matchesOf(pattern)?.length} topics`,
      );
      if (mine.length > 0) this.#apply(entry, entry.group.topicsChanged(`pattern ${abridged(counts)}`));
    }
  }

  #add(groupId: string): GroupEntry {
    const entry: GroupEntry = {
      group: new Group(groupId, this.#surroundings),
      timeline: new Timeline(this.#timelines),
      durable: undefined,
      staged: undefined,
      removal: undefined,
    };
    this.#groups.set(groupId, entry);
    return entry;
  }

  #admit(groupId: string): GroupEntry {
    const maxGroups = this.#settings["max.groups"];
    if (this.#groups.size >= maxGroups) this.#removal.makeRoom();
    if (this.#groups.size >= maxGroups)
      throw new ProtocolError(
        "COORDINATOR_NOT_AVAILABLE",
        `the broker has ${this.#groups.size} groups, as many as max.groups allows; group ${groupId} was not created`,
        { hint: "Raise max.groups, or let groups that are not needed end." },
      );
    return this.#add(groupId);
  }

  #unknownGroup(groupId: string, memberId: string, nowMs: number): ProtocolError {
    if (this.#surroundings.farewells.find(groupId, memberId, nowMs) !== undefined)
      return new Group(groupId, this.#surroundings).unknownMember(memberId, nowMs);
    return new ProtocolError("GROUP_ID_NOT_FOUND", `there is no group ${groupId}. Join with epoch 0.`);
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#stopping();
  }

  #stopping(): ProtocolError {
    return new ProtocolError("BROKER_NOT_AVAILABLE", "the broker is stopping");
  }
}

function checkId(what: string, id: string): void {
  const problem = idProblem(what, id);
  if (problem !== undefined) throw new ProtocolError("INVALID_REQUEST", problem);
}

function deadlineKey(groupId: string, deadline: DeadlineKind, memberId: string): string {
  return `${deadline}\n${groupId}\n${memberId}`;
}
