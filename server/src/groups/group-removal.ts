// Groups and offsets that go by somebody's word, or because nothing is left of them: deleteGroups, offsetDelete, dead groups.
//
// Invariant: a removal is staged while the group has no member and everything of it is durable, so nothing that was staged
// before it is written after it; what joins or commits later, even in the same turn, is written after it and stays.

import { type ApiRequest, type ApiResponse, checkGroupId, idProblem, ProtocolError } from "@brooklet/protocol";
import { deferred } from "@brooklet/protocol/world";
import type { TopicCatalog } from "../log/log.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { GroupEntry } from "./group-entry.ts";
import type { OffsetStore } from "./offset-store.ts";
import type { OffsetPlace } from "./offsets.ts";

/** Turns that deleteGroups waits for what the group has on its way. */
const MAX_TURNS_AWAITED = 10;
/** Groups looked at when room is needed for a new one. */
const SWEPT_FOR_ROOM = 1000;

type OffsetDeleteResult = ApiResponse<"offsetDelete">["results"][number];

export interface GroupRemovalParts {
  readonly groups: Map<string, GroupEntry>;
  readonly store: OffsetStore;
  readonly turns: TurnQueue;
  readonly catalog: TopicCatalog;
}

export class GroupRemoval {
  readonly #groups: Map<string, GroupEntry>;
  readonly #store: OffsetStore;
  readonly #turns: TurnQueue;
  readonly #catalog: TopicCatalog;
  #sweeping: Iterator<GroupEntry> | undefined;

  constructor({ groups, store, turns, catalog }: GroupRemovalParts) {
    this.#groups = groups;
    this.#store = store;
    this.#turns = turns;
    this.#catalog = catalog;
  }

  /**
   * Deletes groups with their offsets and timelines; each by itself. The numbers of the members that left stay remembered: a
   * late join frame of one of them makes no new group (hard place 5).
   *
   * Errors, per group: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, the turn's.
   * Source: Kafka, DeleteGroups.
   */
  async deleteGroups(groupIds: readonly string[]): Promise<ApiResponse<"deleteGroups">["results"]> {
    return await Promise.all(
      groupIds.map(async (groupId) => {
        try {
          await this.#deleteGroup(groupId);
          return { groupId };
        } catch (error) {
          if (error instanceof ProtocolError) return { groupId, error: error.toWire() };
          throw error;
        }
      }),
    );
  }

  /**
   * Deletes offsets of one group, together. One that is not there counts as deleted.
   *
   * Errors: thrown: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, the turn's. Per partition: UNKNOWN_TOPIC_OR_PARTITION,
   * GROUP_SUBSCRIBED_TO_TOPIC.
   * Source: Kafka, OffsetDelete (KIP-496).
   */
  async deleteOffsets({ groupId, partitions }: ApiRequest<"offsetDelete">): Promise<OffsetDeleteResult[]> {
    checkGroupId(groupId);
    const entry = this.#groups.get(groupId);
    if (entry === undefined || !this.#exists(entry)) throw notFound(groupId);
    const { committed } = this.#store;
    const places: OffsetPlace[] = [];
    const results = partitions.map(({ topic, partition }): OffsetDeleteResult => {
      const found = this.#catalog.byName(topic);
      const refuse = (error: ProtocolError) => ({ topic, partition, error: error.toWire() });
      if (found === undefined || partition < 0 || partition >= found.partitionCount)
        return refuse(
          new ProtocolError(
            "UNKNOWN_TOPIC_OR_PARTITION",
            `there is no partition ${JSON.stringify(topic)}-${partition}`,
          ),
        );
      if (entry.group.subscribed.has(topic))
        return refuse(
          new ProtocolError("GROUP_SUBSCRIBED_TO_TOPIC", `members of group ${groupId} subscribe to topic ${topic}`, {
            hint: "Stop the group's consumers of this topic first, or set the offset instead.",
          }),
        );
      const { topicId } = found;
      if (
        committed.get(groupId, { topicId, partition }) !== undefined ||
        committed.isUnderWay(groupId, { topicId, partition })
      )
        places.push({ groupId, topicId, topic, partition });
      return { topic, partition };
    });
    if (places.length > 0) await this.#store.remove(groupId, places);
    return results;
  }

  /** Whether nothing is left of the group: no members, no offsets, nothing on its way. */
  isDead({ group, removal }: GroupEntry): boolean {
    return (
      removal === undefined && group.memberCount === 0 && group.isQuiet && !this.#store.committed.has(group.groupId)
    );
  }

  /** The group has no members and is quiet. Resolves when it is gone; synchronous up to staging it. */
  remove(entry: GroupEntry): Promise<void> {
    const { group, timeline } = entry;
    const { groupId, durableVersion } = group;
    if (entry.durable === undefined && !this.#store.committed.has(groupId)) {
      this.#groups.delete(groupId);
      return Promise.resolve();
    }
    const removal = this.#store.removeGroup(groupId, () => {
      entry.durable = undefined;
      entry.removal = undefined;
      timeline.forgetThrough(durableVersion);
      if (this.isDead(entry)) this.#groups.delete(groupId);
    });
    entry.removal = removal;
    removal.catch(() => {
      entry.removal = undefined;
    });
    return removal;
  }

  /** Removes some of the dead groups, because the broker has as many groups as it may. */
  makeRoom(): void {
    for (let looked = 0; looked < Math.min(SWEPT_FOR_ROOM, this.#groups.size + 1); looked++) {
      this.#sweeping ??= this.#groups.values();
      const next = this.#sweeping.next();
      if (next.done === true) this.#sweeping = undefined;
      else if (this.isDead(next.value)) void this.remove(next.value).catch(() => {});
    }
  }

  async #deleteGroup(groupId: string): Promise<void> {
    const problem = idProblem("group id", groupId);
    if (problem !== undefined) throw new ProtocolError("INVALID_GROUP_ID", problem);
    for (let turn = 0; turn < MAX_TURNS_AWAITED; turn++) {
      const entry = this.#groups.get(groupId);
      if (entry === undefined || !this.#exists(entry)) throw notFound(groupId);
      const { group, removal } = entry;
      if (group.memberCount > 0)
        throw new ProtocolError("NON_EMPTY_GROUP", `group ${groupId} has ${group.memberCount} members`, {
          hint: "Stop the group's consumers first, or remove its members.",
        });
      if (removal === undefined && group.isQuiet) return await this.remove(entry);
      await (removal ?? this.#nextTurn());
    }
    throw new ProtocolError("NON_EMPTY_GROUP", `members of group ${groupId} come and go`, {
      hint: "Stop the group's consumers first.",
    });
  }

  /** Whether the store knows the group, or will. */
  #exists({ group, durable }: GroupEntry): boolean {
    return durable !== undefined || !group.isQuiet || this.#store.committed.has(group.groupId);
  }

  /** Resolves when all of the open turn is durable. */
  #nextTurn(): Promise<void> {
    const turn = deferred();
    this.#turns.stage({ changes: [], essential: true, durable: () => turn.resolve(), failed: (e) => turn.reject(e) });
    return turn.promise;
  }
}

function notFound(groupId: string): ProtocolError {
  return new ProtocolError("GROUP_ID_NOT_FOUND", `there is no group ${groupId}`);
}
