// Commits and reads of committed offsets. A commit is judged and staged in one synchronous step: in a gap between the two a
// rebalance would let a member commit that has just lost the partition (hard place 6).

import { type ApiRequest, type ApiResponse, ProtocolError } from "@brooklet/protocol";
import { type Deferred, deferred } from "@brooklet/protocol/world";
import type { TopicCatalog } from "../log/log.ts";
import type { StoredOffset } from "../storage/storage.ts";
import { admitCommit, checkReader, commitRefusal, STALE_COMMIT_HINT } from "./commit-rules.ts";
import type { Effect } from "./effects.ts";
import type { Group } from "./group.ts";
import type { OffsetStore } from "./offset-store.ts";
import { partitionKey } from "./partitions.ts";

type CommitRequest = ApiRequest<"offsetCommit">;
type CommitItem = CommitRequest["offsets"][number];
type CommitResult = ApiResponse<"offsetCommit">["results"][number];
type FetchRequest = ApiRequest<"offsetFetch">;
type FetchedOffset = ApiResponse<"offsetFetch">["offsets"][number];

export interface OffsetRequestsParts {
  readonly store: OffsetStore;
  readonly catalog: TopicCatalog;
  readonly maxMetadataLength: number;
}

export class OffsetRequests {
  readonly #store: OffsetStore;
  readonly #catalog: TopicCatalog;
  readonly #maxMetadataLength: number;
  /** Reads that wait for commits under way. */
  readonly #readers = new Set<Deferred<void>>();

  constructor({ store, catalog, maxMetadataLength }: OffsetRequestsParts) {
    this.#store = store;
    this.#catalog = catalog;
    this.#maxMetadataLength = maxMetadataLength;
  }

  /**
   * Judges each partition and stages what is accepted, synchronously.
   *
   * Shape: `accepted` counts what was staged; `results` settles with the verdict of the turn. A commit whose topic's deletion
   * was stored before it was not recorded, and says so.
   * Errors: thrown where nothing of the request can be taken.
   */
  commit(
    group: Group | undefined,
    request: CommitRequest,
    { nowMs, wallMs, apply }: { nowMs: number; wallMs: number; apply: (effects: Effect[]) => void },
  ): { results: Promise<CommitResult[]>; accepted: number } {
    const { groupId, memberEpoch = -1 } = request;
    const member = group && this.#admitted(group, request, nowMs, apply);
    const accepted: StoredOffset[] = [];
    const tell = (item: CommitItem, error: ProtocolError, topicId?: string): CommitResult => {
      const partitions = topicId === undefined ? [] : [{ topicId, partition: item.partition }];
      if (group !== undefined)
        apply([group.refusedCommit(member?.id, partitions, error, { memberEpoch, offsets: [item] })]);
      return refused(item, error);
    };
    const results = request.offsets.map((item): CommitResult => {
      const { topic, partition, offset, leaderEpoch = -1, metadata = "" } = item;
      const place = this.#placeOf(item);
      if (place instanceof ProtocolError) return tell(item, place);
      const { topicId } = place;
      const illegal = this.#illegal(item);
      if (illegal !== undefined) return tell(item, illegal, topicId);
      if (group !== undefined && member !== undefined) {
        const reason = commitRefusal(group, member, memberEpoch, { topic, topicId, partition });
        if (reason !== undefined)
          return tell(item, new ProtocolError("STALE_MEMBER_EPOCH", reason, { hint: STALE_COMMIT_HINT }), topicId);
      }
      accepted.push({ groupId, topicId, topic, partition, offset, leaderEpoch, metadata, committedAtMs: wallMs });
      return { topic, partition, offset, committedAtMs: wallMs };
    });
    return { results: this.#recorded(groupId, request, results, accepted), accepted: accepted.length };
  }

  /** What refuses the whole request stands in the timeline too. */
  #admitted(group: Group, request: CommitRequest, nowMs: number, apply: (effects: Effect[]) => void) {
    try {
      return admitCommit(group, request, nowMs);
    } catch (error) {
      const { memberId, memberEpoch = -1, offsets } = request;
      if (error instanceof ProtocolError) apply([group.refusedCommit(memberId, [], error, { memberEpoch, offsets })]);
      throw error;
    }
  }

  /** Starts synchronously. */
  async #recorded(
    groupId: string,
    { offsets }: CommitRequest,
    results: CommitResult[],
    accepted: readonly StoredOffset[],
  ): Promise<CommitResult[]> {
    if (accepted.length === 0) return results;
    const homeless = new Set((await this.#store.commit(groupId, accepted)).map(({ topic }) => topic));
    if (homeless.size === 0) return results;
    return results.map((result, index) => {
      if (result.error !== undefined || !homeless.has(result.topic)) return result;
      const gone = new ProtocolError(
        "UNKNOWN_TOPIC_ID",
        `topic ${result.topic} was deleted before the commit was stored`,
      );
      return refused(offsets[index] as CommitItem, gone);
    });
  }

  /** Durable offsets, after the commits that were staged before. */
  async fetch(group: Group | undefined, request: FetchRequest, nowMs: number): Promise<FetchedOffset[]> {
    const { groupId } = request;
    checkReader(group, request, nowMs);
    const asked = request.partitions?.map((item) => ({ item, place: this.#placeOf(item) }));
    const keys = asked?.flatMap(({ item, place }) =>
      place instanceof ProtocolError ? [] : partitionKey(place.topicId, item.partition),
    );
    const { committed } = this.#store;
    const commits = committed.underWay(groupId, keys);
    if (commits.length > 0) await this.#after(commits);
    if (asked === undefined) return [...committed.ofGroup(groupId)].map(fetched);
    return asked.map(({ item: { topic, topicId = "", partition }, place }) => {
      const none = { topic, topicId, partition, offset: -1, leaderEpoch: -1, metadata: "" };
      if (place instanceof ProtocolError) return { ...none, error: place.toWire() };
      const stored = committed.get(groupId, { topicId: place.topicId, partition });
      return stored === undefined ? { ...none, topicId: place.topicId } : fetched(stored);
    });
  }

  /** Reads that wait are refused; commits that are staged get their turn's verdict. */
  close(error: ProtocolError): void {
    for (const reader of this.#readers) reader.reject(error);
    this.#readers.clear();
  }

  async #after(commits: readonly Promise<void>[]): Promise<void> {
    const reader = deferred();
    this.#readers.add(reader);
    void Promise.all(commits).then(() => reader.resolve());
    try {
      await reader.promise;
    } finally {
      this.#readers.delete(reader);
    }
  }

  /** The topic that an item means, or why there is none. */
  #placeOf(item: { topic: string; topicId?: string; partition: number }): { topicId: string } | ProtocolError {
    const { topic, topicId, partition } = item;
    const found = this.#catalog.byName(topic);
    if (found === undefined)
      return new ProtocolError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic ${JSON.stringify(topic)}`);
    if (topicId !== undefined && topicId !== found.topicId)
      return new ProtocolError(
        "UNKNOWN_TOPIC_ID",
        `topic ${topic} was deleted and created again: its id is ${found.topicId}, not ${topicId}`,
      );
    return partition < 0 || partition >= found.partitionCount
      ? new ProtocolError(
          "UNKNOWN_TOPIC_OR_PARTITION",
          `topic ${topic} has ${found.partitionCount} partitions; there is no partition ${partition}`,
          { hint: "Partitions count from 0; metadata says how many there are." },
        )
      : found;
  }

  #illegal({ topic, partition, offset, metadata = "" }: CommitItem): ProtocolError | undefined {
    const where = `${topic}-${partition}`;
    if (offset < 0)
      return new ProtocolError("INVALID_REQUEST", `the offset of ${where} is ${offset}; it must be 0 or more`);
    const maxLength = this.#maxMetadataLength;
    return metadata.length > maxLength
      ? new ProtocolError(
          "OFFSET_METADATA_TOO_LARGE",
          `the metadata of ${where} has ${metadata.length} characters; offset.metadata.max.bytes is ${maxLength}`,
        )
      : undefined;
  }
}

function refused({ topic, partition }: CommitItem, error: ProtocolError): CommitResult {
  return { topic, partition, offset: -1, committedAtMs: 0, error: error.toWire() };
}

function fetched({ topic, topicId, partition, offset, leaderEpoch, metadata }: StoredOffset): FetchedOffset {
  return { topic, topicId, partition, offset, leaderEpoch, metadata };
}
