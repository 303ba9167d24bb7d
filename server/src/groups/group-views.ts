// What people and metrics see of groups: lists, descriptions, lag. All of it from what is durable.

import { type ApiResponse, idProblem, ProtocolError } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import type { RecordTimes, TopicCatalog } from "../log/log.ts";
import { describeGroup, unknownGroup } from "./describe.ts";
import { stateOf } from "./durable-state.ts";
import type { GroupEntry } from "./group-entry.ts";
import { type GroupLags, Lags } from "./lag.ts";
import type { CommittedOffsets } from "./offsets.ts";

type DescribedGroups = ApiResponse<"describeGroups">["groups"];

export interface GroupViewsParts {
  readonly groups: ReadonlyMap<string, GroupEntry>;
  readonly committed: CommittedOffsets;
  readonly catalog: TopicCatalog;
  readonly recordTimes: RecordTimes;
  readonly clock: Clock;
}

export class GroupViews {
  readonly #groups: ReadonlyMap<string, GroupEntry>;
  readonly #committed: CommittedOffsets;
  readonly #catalog: TopicCatalog;
  readonly #lags: Lags;

  constructor({ groups, committed, catalog, recordTimes, clock }: GroupViewsParts) {
    this.#groups = groups;
    this.#committed = committed;
    this.#catalog = catalog;
    this.#lags = new Lags({ committed, catalog, recordTimes, clock });
  }

  list(): ApiResponse<"listGroups">["groups"] {
    return [...this.#groups]
      .filter(([groupId, entry]) => this.#isStored(groupId, entry))
      .map(([groupId, { durable }]) => ({ groupId, state: stateOf(durable) }))
      .sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  }

  describe(groupIds: readonly string[]): DescribedGroups {
    // Once each, however often an id stands in the request: a description may be long.
    return [...new Set(groupIds)].map((groupId) => {
      const problem = idProblem("group id", groupId);
      if (problem !== undefined) return unknownGroup(groupId, new ProtocolError("INVALID_GROUP_ID", problem));
      const entry = this.#groups.get(groupId);
      if (entry === undefined || !this.#isStored(groupId, entry))
        return unknownGroup(groupId, new ProtocolError("GROUP_ID_NOT_FOUND", `there is no group ${groupId}`));
      return describeGroup({
        groupId,
        durable: entry.durable,
        offsets: [...this.#committed.ofGroup(groupId)],
        timeline: entry.timeline.upTo(entry.group.durableVersion),
        refusedCommits: entry.timeline.refusedCommits(entry.group.durableVersion),
        catalog: this.#catalog,
      });
    });
  }

  *memberCounts(): Generator<{ readonly groupId: string; readonly members: number }, void, undefined> {
    for (const [groupId, entry] of this.#groups)
      if (this.#isStored(groupId, entry)) yield { groupId, members: entry.durable?.members.length ?? 0 };
  }

  withLagSeconds(groups: DescribedGroups): Promise<DescribedGroups> {
    return this.#lags.withSeconds(groups);
  }

  lags(max: number): Promise<GroupLags> {
    return this.#lags.all(max);
  }

  /** Whether the store knows the group: what is not durable is not shown. */
  #isStored(groupId: string, entry: GroupEntry): boolean {
    return entry.durable !== undefined || this.#committed.hasDurable(groupId);
  }
}
