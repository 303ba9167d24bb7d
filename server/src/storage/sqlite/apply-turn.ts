// One turn, one transaction: the only place that writes the tables, apart from open and the background removal of deleted
// batches. Runs in the writer's thread, or in the broker's for the inline executor.
//
// Invariant: after a turn failed, no later turn of its generation is executed, and after an I/O error none at all: SQLite
// itself would commit on as if nothing had happened.

import type { Change, Turn, TurnPart, TurnVerdict } from "../storage.ts";

import { type Connection, cutWal, describeError, sqliteCode } from "./connection.ts";
import type { Reserve } from "./reserve.ts";

/** In record batch v2. Read here without the codec: the writer's thread starts faster without @brooklet/protocol. */
const LEADER_EPOCH_AT = 12;

export class TurnWriter {
  readonly #db: Connection;
  readonly #reserve: Reserve;
  readonly #apply: (change: Change) => void;
  readonly #begin: () => void;
  readonly #commit: () => void;
  #refused: { readonly generation: number; readonly message: string } | undefined;
  #stoppedBecause: string | undefined;

  constructor(db: Connection, reserve: Reserve) {
    this.#db = db;
    this.#reserve = reserve;
    this.#apply = prepareChanges(db);
    const begin = db.prepare("BEGIN IMMEDIATE");
    const commit = db.prepare("COMMIT");
    this.#begin = () => void begin.run();
    this.#commit = () => void commit.run();
  }

  /** Never throws. */
  apply(turn: Turn): TurnVerdict {
    if (this.#stoppedBecause !== undefined) return { outcome: "failed", message: this.#stoppedBecause };
    if (this.#refused?.generation === turn.generation) return { outcome: "refused", message: this.#refused.message };
    try {
      this.#transact(turn.parts);
      return { outcome: "durable" };
    } catch (error) {
      return sqliteCode(error) === "SQLITE_FULL" ? this.#applyEssential(turn, error) : this.stop(error);
    }
  }

  /** Work of the storage itself, in transactions of its own; "full": there is no room for it now. Never throws. */
  maintain(run: () => void): TurnVerdict {
    if (this.#stoppedBecause !== undefined) return { outcome: "failed", message: this.#stoppedBecause };
    try {
      run();
      return { outcome: "durable" };
    } catch (error) {
      rollBack(this.#db);
      if (sqliteCode(error) !== "SQLITE_FULL") return this.stop(error);
      return { outcome: "full", message: describeError(error) };
    }
  }

  /** After a full disk: whether the reserve is in place again, if need be with the room that the WAL gives up. Never throws. */
  regainSpace(): { readonly regained: boolean; readonly verdict: TurnVerdict } {
    let regained = this.#reserve.regain();
    if (regained) return { regained, verdict: { outcome: "durable" } };
    const verdict = this.maintain(() => {
      cutWal(this.#db);
      regained = this.#reserve.regain();
    });
    return { regained, verdict };
  }

  /** Fail-stop: nothing is executed any more. What just failed may be on the disk nevertheless. */
  stop(error: unknown): TurnVerdict {
    this.#stoppedBecause ??= describeError(error);
    return { outcome: "failed", message: this.#stoppedBecause };
  }

  #applyEssential(turn: Turn, cause: unknown): TurnVerdict {
    const message = describeError(cause);
    const essential = turn.parts.filter((part) => part.essential);
    try {
      this.#reserve.giveUp();
      if (essential.length > 0) this.#transact(essential);
    } catch (error) {
      if (sqliteCode(error) !== "SQLITE_FULL") return this.stop(error);
      this.#refused = { generation: turn.generation, message };
      return { outcome: "full", message };
    }
    if (essential.length === turn.parts.length) return { outcome: "durable", reserveGivenUp: message };
    this.#refused = { generation: turn.generation, message };
    return { outcome: essential.length > 0 ? "essentialOnly" : "full", message };
  }

  #transact(parts: readonly TurnPart[]): void {
    this.#begin();
    try {
      for (const part of parts) for (const change of part.changes) this.#apply(change);
      this.#commit();
    } catch (error) {
      rollBack(this.#db);
      throw error;
    }
  }
}

/** SQLite has often rolled back by itself; saying it twice is an error that would hide the cause. */
function rollBack(db: Connection): void {
  if (!db.inTransaction) return;
  try {
    db.exec("ROLLBACK");
  } catch {
    // The cause is on its way up and matters more; a connection that cannot roll back fails its next BEGIN.
  }
}

/** Prepares every statement once. */
function prepareChanges(db: Connection): (change: Change) => void {
  const appendBatch = db.prepare(`
    INSERT INTO batches (partition_id, base_offset, last_offset, max_timestamp_ms, leader_epoch, bytes)
    VALUES (?, ?, ?, ?, ?, ?)`);
  const putProducerState = db.prepare(`
    INSERT INTO producer_states (partition_id, producer_id, producer_epoch, batches, last_append_ms) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
      producer_epoch = excluded.producer_epoch, batches = excluded.batches, last_append_ms = excluded.last_append_ms`);
  const raiseLogStart = db.prepare(
    `UPDATE partitions SET log_start_offset = :logStartOffset
     WHERE partition_id = :partitionId AND log_start_offset < :logStartOffset`,
  );
  // Nothing for a partition that is gone: its topic may have been deleted in the meantime.
  const putTrimmed = db.prepare(`
    INSERT INTO trimmed_partitions (partition_id, first_segment_offset)
    SELECT partition_id, :firstSegmentOffset FROM partitions WHERE partition_id = :partitionId
    ON CONFLICT DO UPDATE SET first_segment_offset = max(first_segment_offset, excluded.first_segment_offset)`);
  // The last epoch that begins at or before the log start is the one its records are of.
  const dropLeaderEpochs = db.prepare(`
    DELETE FROM leader_epochs WHERE partition_id = :partitionId AND leader_epoch < (
      SELECT max(leader_epoch) FROM leader_epochs
      WHERE partition_id = :partitionId AND start_offset <= :logStartOffset)`);
  const putRange = db.prepare(`
    INSERT OR REPLACE INTO batch_ranges
      (partition_id, base_offset, end_offset, segment_base_offset, size_bytes, first_timestamp_ms, max_timestamp_ms)
    SELECT partition_id, :baseOffset, :endOffset, :segmentBaseOffset, :sizeBytes, :firstTimestampMs, :maxTimestampMs
    FROM partitions WHERE partition_id = :partitionId`);
  const putLeaderEpoch = db.prepare(`
    INSERT OR REPLACE INTO leader_epochs (partition_id, leader_epoch, start_offset)
    SELECT partition_id, :leaderEpoch, :startOffset FROM partitions WHERE partition_id = :partitionId`);
  const deleteProducerState = db.prepare("DELETE FROM producer_states WHERE partition_id = ? AND producer_id = ?");
  const insertTopic = db.prepare("INSERT INTO topics (topic_id, topic, configs, created_at_ms) VALUES (?, ?, ?, ?)");
  const insertPartition = db.prepare(
    "INSERT INTO partitions (partition_id, topic_id, partition, log_start_offset) VALUES (?, ?, ?, ?)",
  );
  const addPartition = db.prepare(`
    INSERT INTO partitions (partition_id, topic_id, partition, log_start_offset)
    SELECT ?, topic_id, ?, 0 FROM topics WHERE topic_id = ?`);
  const putTopicConfigs = db.prepare("UPDATE topics SET configs = ? WHERE topic_id = ?");
  const deleteTopic = [
    "INSERT INTO deleted_partitions SELECT partition_id FROM partitions WHERE topic_id = ?",
    "DELETE FROM producer_states WHERE partition_id IN (SELECT partition_id FROM partitions WHERE topic_id = ?)",
    "DELETE FROM leader_epochs WHERE partition_id IN (SELECT partition_id FROM partitions WHERE topic_id = ?)",
    "DELETE FROM partitions WHERE topic_id = ?",
    "DELETE FROM topics WHERE topic_id = ?",
    "DELETE FROM committed_offsets WHERE topic_id = ?",
  ].map((sql) => db.prepare(sql));
  // Nothing for a topic that is gone: a commit may have been staged while the deletion was on its way.
  const putOffset = db.prepare(`
    INSERT INTO committed_offsets
      (group_id, topic_id, topic, partition, next_offset, leader_epoch, metadata, committed_at_ms)
    SELECT ?, topic_id, ?, ?, ?, ?, ?, ? FROM topics WHERE topic_id = ?
    ON CONFLICT DO UPDATE SET
      next_offset = excluded.next_offset, leader_epoch = excluded.leader_epoch, metadata = excluded.metadata,
      committed_at_ms = excluded.committed_at_ms`);
  const deleteOffset = db.prepare(
    "DELETE FROM committed_offsets WHERE group_id = ? AND topic_id = ? AND partition = ?",
  );
  const putGroup = db.prepare(`
    INSERT INTO groups (group_id, state) VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state`);
  const deleteGroup = ["DELETE FROM groups WHERE group_id = ?", "DELETE FROM committed_offsets WHERE group_id = ?"].map(
    (sql) => db.prepare(sql),
  );
  const putCounter = db.prepare(`
    INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`);

  return (change) => {
    switch (change.kind) {
      case "appendBatch": {
        const { partitionId, baseOffset, lastOffset, maxTimestampMs, bytes } = change.batch;
        appendBatch.run(partitionId, baseOffset, lastOffset, maxTimestampMs, leaderEpochOf(bytes), bytes);
        return;
      }
      case "moveLogStart": {
        const { partitionId, logStartOffset, firstSegmentOffset } = change;
        raiseLogStart.run({ partitionId, logStartOffset });
        putTrimmed.run({ partitionId, firstSegmentOffset });
        dropLeaderEpochs.run({ partitionId, logStartOffset });
        return;
      }
      case "putRange":
        putRange.run(change.range);
        return;
      case "putLeaderEpoch": {
        const { partitionId, leaderEpoch, startOffset } = change;
        putLeaderEpoch.run({ partitionId, leaderEpoch, startOffset });
        return;
      }
      case "putProducerState": {
        const { partitionId, producerId, producerEpoch, batches, lastAppendMs } = change.state;
        putProducerState.run(partitionId, producerId, producerEpoch, JSON.stringify(batches), lastAppendMs);
        return;
      }
      case "deleteProducerState":
        deleteProducerState.run(change.partitionId, change.producerId);
        return;
      case "createTopic": {
        const { topicId, topic, configs, createdAtMs, partitions } = change.topic;
        insertTopic.run(topicId, topic, JSON.stringify(configs), createdAtMs);
        for (const [index, { partitionId, logStartOffset }] of partitions.entries()) {
          insertPartition.run(partitionId, topicId, index, logStartOffset);
        }
        return;
      }
      case "addPartitions":
        for (const { partition, partitionId } of change.partitions)
          addPartition.run(partitionId, partition, change.topicId);
        return;
      case "putTopicConfigs":
        putTopicConfigs.run(JSON.stringify(change.configs), change.topicId);
        return;
      case "deleteTopic":
        for (const statement of deleteTopic) statement.run(change.topicId);
        return;
      case "putOffset": {
        const { groupId, topicId, topic, partition, offset, leaderEpoch, metadata, committedAtMs } = change.offset;
        putOffset.run(groupId, topic, partition, offset, leaderEpoch, metadata, committedAtMs, topicId);
        return;
      }
      case "deleteOffset":
        deleteOffset.run(change.groupId, change.topicId, change.partition);
        return;
      case "putGroup":
        putGroup.run(change.group.groupId, change.group.state);
        return;
      case "deleteGroup":
        for (const statement of deleteGroup) statement.run(change.groupId);
        return;
      case "putCounter":
        putCounter.run(change.name, change.value);
        return;
    }
  };
}

function leaderEpochOf(batch: Uint8Array): number {
  return new DataView(batch.buffer, batch.byteOffset, batch.byteLength).getInt32(LEADER_EPOCH_AT);
}
