// The world of the group tests: topics, a commit queue whose turns end when the test says so, and members that speak by hand.

import type { ApiRequest } from "@brooklet/protocol";
import { ProtocolError } from "@brooklet/protocol";
import { createGroupCoordinator } from "../../../server/src/groups/group-coordinator.ts";
import type { OffsetsTopicWriter, RecordTimes, Topic, TopicCatalog } from "../../../server/src/log/log.ts";
import type { Peer } from "../../../server/src/peer.ts";
import { type Settings, settingDefinitions } from "../../../server/src/settings.ts";
import type { Change, StoredOffset, StoredState } from "../../../server/src/storage/storage.ts";
import type { Staged, TurnParticipant, TurnQueue } from "../../../server/src/storage/turns.ts";
import type { Logger } from "../../../server/src/world.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

export class FakeCatalog implements TopicCatalog {
  readonly #topics = new Map<string, Topic>();
  readonly #listeners: ((topic: Topic, change: "created" | "deleted" | "extended") => void)[] = [];
  readonly #leavingListeners: ((topic: Topic) => void)[] = [];
  readonly highWatermarks = new Map<string, number>();
  readonly logStarts = new Map<string, number>();
  #created = 0;

  create(topic: string, partitionCount: number, internal = false): Topic {
    this.#created += 1;
    const created = { topic, topicId: `id${this.#created}`.padEnd(22, "A"), internal, partitionCount };
    this.#topics.set(topic, created);
    for (const listener of this.#listeners) listener(created, "created");
    return created;
  }

  /** As the log tells it before the deletion is durable. */
  stageDeletion(topic: string): void {
    const leaving = this.#topics.get(topic);
    if (leaving !== undefined) for (const listener of this.#leavingListeners) listener(leaving);
  }

  extend(topic: string, partitionCount: number): void {
    const known = this.#topics.get(topic);
    if (known === undefined) return;
    const extended = { ...known, partitionCount };
    this.#topics.set(topic, extended);
    for (const listener of this.#listeners) listener(extended, "extended");
  }

  delete(topic: string): void {
    const deleted = this.#topics.get(topic);
    this.stageDeletion(topic);
    this.#topics.delete(topic);
    if (deleted !== undefined) for (const listener of this.#listeners) listener(deleted, "deleted");
  }

  byName(topic: string): Topic | undefined {
    return this.#topics.get(topic);
  }

  byId(topicId: string): Topic | undefined {
    return [...this.#topics.values()].find((topic) => topic.topicId === topicId);
  }

  all(): Iterable<Topic> {
    return this.#topics.values();
  }

  onChange(listener: (topic: Topic, change: "created" | "deleted" | "extended") => void): void {
    this.#listeners.push(listener);
  }

  onLeaving(listener: (topic: Topic) => void): void {
    this.#leavingListeners.push(listener);
  }

  highWatermark(topicId: string, partition: number): number | undefined {
    return this.highWatermarks.get(`${topicId}:${partition}`);
  }

  logStartOffset(topicId: string, partition: number): number | undefined {
    return this.logStarts.get(`${topicId}:${partition}`) ?? 0;
  }
}

/** The order of calls is the real queue's: durable, or restore and then failed. Turns end when the test says so. */
export class FakeTurns implements TurnQueue {
  readonly storageFull = false;
  readonly participants: TurnParticipant[] = [];
  open: Staged[] = [];
  inFlight: Staged[][] = [];
  wanted = false;
  /** What the durable turns wrote. */
  readonly stored: Change[] = [];

  stage(staged: Staged): void {
    this.open.push(staged);
    this.wanted = true;
  }

  requestTurn(): void {
    this.wanted = true;
  }

  hasRoomFor(): boolean {
    return true;
  }

  register(participant: TurnParticipant): void {
    this.participants.push(participant);
  }

  /** Ends the pass of the event loop: the open turn is written. */
  seal(): void {
    if (!this.wanted) return;
    for (const participant of this.participants) participant.seal?.();
    this.wanted = false;
    if (this.open.length > 0) this.inFlight.push(this.open.splice(0));
  }

  /** The oldest turn in flight is durable. */
  complete(): void {
    for (const part of this.inFlight.shift() ?? []) {
      this.stored.push(...part.changes);
      part.durable();
    }
  }

  flush(): void {
    this.seal();
    while (this.inFlight.length > 0) this.complete();
  }

  /** The oldest turn in flight fails, and everything behind it. */
  fail(code: "STORAGE_FULL" | "KAFKA_STORAGE_ERROR" = "STORAGE_FULL"): void {
    const doomed = [...this.inFlight.splice(0).flat(), ...this.open.splice(0)];
    for (const participant of this.participants) participant.restore?.();
    for (const part of doomed) part.failed(new ProtocolError(code, "the disk is full"));
  }
}

export class FakeOffsetsTopic implements OffsetsTopicWriter {
  readonly partitionCount = 50;
  readonly batches: { partition: number; records: readonly { key: Uint8Array; value: Uint8Array | null }[] }[] = [];

  prepare(partition: number, records: readonly { key: Uint8Array; value: Uint8Array | null }[]) {
    this.batches.push({ partition, records });
    return { changes: [], durable() {} };
  }
}

export function settingsWith(changed: Partial<Settings> = {}): Settings {
  const defaults = Object.fromEntries(Object.entries(settingDefinitions).map(([name, row]) => [name, row.default]));
  return { ...(defaults as unknown as Settings), ...changed };
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export class FakePeer implements Peer {
  readonly description = "test@127.0.0.1:1";
  clientInstanceId: string | undefined = undefined;
  readonly hints: string[] = [];
  hintHeartbeat(groupId: string): void {
    this.hints.push(groupId);
  }
  heldBack = false;
  wasHeldBackSince(): boolean {
    return this.heldBack;
  }
}

type Heartbeat = ApiRequest<"groupHeartbeat">;
type Answer = Awaited<ReturnType<ReturnType<typeof createGroupCoordinator>["heartbeat"]>>;

export const JOIN = { memberEpoch: 0, owned: [], rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 10_000 };

/** A client by hand: numbers its requests, and remembers what it was told. */
export class HandMember {
  readonly peer = new FakePeer();
  readonly memberId: string;
  readonly groupId: string;
  readonly #world: GroupWorld;
  seq = 0;
  commitSeq = 0;
  epoch = 0;
  owned: { topic: string; topicId: string; partition: number }[] = [];

  constructor(world: GroupWorld, memberId: string, groupId: string) {
    this.#world = world;
    this.memberId = memberId;
    this.groupId = groupId;
  }

  /** Sends; neither seals nor waits. */
  send(fields: Partial<Heartbeat> = {}): Promise<Answer> {
    this.seq += 1;
    const { memberId, groupId } = this;
    const answered = this.#world.coordinator.heartbeat(
      { groupId, memberId, memberEpoch: this.epoch, seq: this.seq, ...fields },
      this.peer,
    );
    return answered.then((answer) => {
      this.epoch = answer.memberEpoch;
      if (answer.assignment !== undefined) this.owned = answer.assignment;
      return answer;
    });
  }

  /** Sends, and lets every turn become durable. */
  async beat(fields: Partial<Heartbeat> = {}): Promise<Answer> {
    const answered = this.send(fields);
    answered.catch(() => {});
    this.#world.turns.flush();
    return await answered;
  }

  join(topics: string[] = ["orders"], fields: Partial<Heartbeat> = {}): Promise<Answer> {
    return this.beat({ ...JOIN, subscription: topics, ...fields });
  }

  /** Acknowledges what it holds. */
  acknowledge(): Promise<Answer> {
    return this.beat({ owned: this.owned });
  }

  partitions(): number[] {
    return this.owned.map(({ partition }) => partition).sort((a, b) => a - b);
  }

  async commit(
    offsets: { partition: number; offset: number; topic?: string; metadata?: string; topicId?: string }[],
    fields: Partial<ApiRequest<"offsetCommit">> = {},
  ) {
    this.commitSeq += 1;
    const { memberId, groupId, epoch: memberEpoch, commitSeq: seq } = this;
    const done = this.#world.coordinator.commitOffsets({
      groupId,
      memberId,
      memberEpoch,
      seq,
      offsets: offsets.map((item) => ({ topic: "orders", ...item })),
      ...fields,
    });
    done.catch(() => {});
    this.#world.turns.flush();
    return await done;
  }
}

export class GroupWorld {
  readonly clock = new SimulatedClock();
  readonly catalog = new FakeCatalog();
  readonly offsetsTopic = new FakeOffsetsTopic();
  /** What the coordinator tells the log. */
  readonly infos: { fields: object; message: string }[] = [];
  /** By `topicId:partition:offset`. */
  readonly recordTimestamps = new Map<string, number>();
  lookUp = async (place: string): Promise<number | undefined> => this.recordTimestamps.get(place);
  readonly recordTimes: RecordTimes = {
    at: (topicId, partition, offset) => this.lookUp(`${topicId}:${partition}:${offset}`),
  };
  readonly settings: Settings;
  turns = new FakeTurns();
  coordinator: ReturnType<typeof createGroupCoordinator>;

  constructor(settings: Partial<Settings> = {}, topics: Record<string, number> = { orders: 4 }) {
    this.settings = settingsWith(settings);
    for (const [topic, partitionCount] of Object.entries(topics)) this.catalog.create(topic, partitionCount);
    this.coordinator = this.#open({ groups: [], offsets: [] });
    this.coordinator.start();
  }

  #open(state: Pick<StoredState, "groups" | "offsets">) {
    return createGroupCoordinator({
      turns: this.turns,
      state,
      catalog: this.catalog,
      offsetsTopic: this.offsetsTopic,
      recordTimes: this.recordTimes,
      settings: this.settings,
      clock: this.clock,
      logger: { ...silentLogger, info: (fields, message) => this.infos.push({ fields, message }) },
    });
  }

  /** What the store would hand out at a start. */
  stored(): Pick<StoredState, "groups" | "offsets"> {
    const groups = new Map<string, string>();
    const offsets = new Map<string, StoredOffset>();
    for (const change of this.turns.stored) {
      if (change.kind === "putGroup") groups.set(change.group.groupId, change.group.state);
      if (change.kind === "deleteGroup") {
        groups.delete(change.groupId);
        for (const [key, { groupId }] of offsets) if (groupId === change.groupId) offsets.delete(key);
      }
      if (change.kind === "deleteOffset") offsets.delete(`${change.groupId}\n${change.topicId}:${change.partition}`);
      if (change.kind === "putOffset")
        offsets.set(`${change.offset.groupId}\n${change.offset.topicId}:${change.offset.partition}`, change.offset);
    }
    return {
      groups: [...groups].map(([groupId, state]) => ({ groupId, state })),
      offsets: [...offsets.values()].filter(({ topicId }) => this.catalog.byId(topicId) !== undefined),
    };
  }

  /** The broker ends and starts again from what is durable; its listener opens. */
  restart({ start = true } = {}): void {
    const state = this.stored();
    const { stored } = this.turns;
    this.coordinator.close();
    this.turns = new FakeTurns();
    this.turns.stored.push(...stored);
    this.coordinator = this.#open(state);
    if (start) this.coordinator.start();
  }

  member(memberId: string, groupId = "billing"): HandMember {
    return new HandMember(this, memberId, groupId);
  }

  group(groupId = "billing") {
    const group = this.coordinator.describe([groupId])[0];
    if (group === undefined) throw new Error("describe gives one answer per id");
    return group;
  }

  /** Every member heartbeats until nobody is told anything new. */
  async settleMembers(members: readonly HandMember[], rounds = 10): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const member of members) await member.acknowledge();
      if (this.group(members[0]?.groupId).state === "Stable") return;
    }
    throw new Error(`not stable after ${rounds} rounds`);
  }

  async advance(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
    this.turns.flush();
    await settle();
  }
}

/** The code and text of a refusal. */
export async function refusalOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ProtocolError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("it was not refused");
}

/** Whether it is settled already. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await settle();
  return (await Promise.race([promise.catch(() => {}), Promise.resolve(pending)])) === pending;
}
