// What is read once at the start, and the marks of a start and of a clean end.

import type {
  Durability,
  StoredGroup,
  StoredOffset,
  StoredProducerState,
  StoredState,
  StoredTopic,
} from "../storage.ts";
import { type Connection, hasRoomForCheckpoint, setSynchronous } from "./connection.ts";
import { loadLogIndexes } from "./log-index.ts";

interface Meta {
  readonly clusterId: string;
  readonly bootEpoch: number;
  /** The level of the last start. */
  readonly durability: Durability;
  /** 1 between a clean end and the next start. */
  readonly cleanEnd: number;
}

/**
 * Writes the mark of a start: clears the clean end, takes note of the level, and raises the boot epoch when the last run may
 * have lost acknowledged records (its level was not `disk`, and it did not end cleanly).
 */
export function markStart(db: Connection, durability: Durability, newClusterId: () => string): void {
  // Synced at every level: a mark that is lost with the power would hide the loss of what came after it.
  if (!db.memory) setSynchronous(db, "disk");
  db.transaction(() => {
    const meta = readMeta(db);
    const mayHaveLost = meta !== undefined && meta.durability !== "disk" && meta.cleanEnd !== 1;
    writeMeta(db, {
      clusterId: meta?.clusterId ?? newClusterId(),
      bootEpoch: (meta?.bootEpoch ?? 0) + (mayHaveLost ? 1 : 0),
      durability,
      cleanEnd: 0,
    });
  })();
  setSynchronous(db, durability);
}

/** Writes the mark of a clean end, synced, and empties the WAL into the file. */
export function markCleanEnd(db: Connection): void {
  if (db.memory) return;
  setSynchronous(db, "disk");
  writeMeta(db, { cleanEnd: 1 });
  if (hasRoomForCheckpoint(db)) db.pragma("wal_checkpoint(TRUNCATE)");
}

function writeMeta(db: Connection, values: Partial<Meta>): void {
  const put = db.prepare(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  for (const [key, value] of Object.entries(values)) put.run(key, value);
}

function readMeta(db: Connection): Meta | undefined {
  const rows = db.prepare("SELECT key, value FROM meta").raw().all() as [string, unknown][];
  return rows.length === 0 ? undefined : (Object.fromEntries(rows) as unknown as Meta);
}

/** Reads everything but the batches; of those only the facts of each partition's last ones. */
export function loadState(db: Connection): StoredState {
  const meta = readMeta(db);
  if (meta === undefined) throw new Error("loadState comes after markStart");
  const topics = loadTopics(db);
  const logs = loadLogIndexes(
    db,
    topics.flatMap((topic) => topic.partitions),
  );
  return {
    clusterId: meta.clusterId,
    bootEpoch: meta.bootEpoch,
    topics,
    logEnds: logs.ends,
    logIndexes: logs.indexes,
    producerStates: loadProducerStates(db),
    offsets: db
      .prepare(
        `SELECT group_id AS groupId, topic_id AS topicId, topic, partition, next_offset AS offset,
           leader_epoch AS leaderEpoch, metadata, committed_at_ms AS committedAtMs
         FROM committed_offsets ORDER BY group_id, topic_id, partition`,
      )
      .all() as StoredOffset[],
    groups: db.prepare("SELECT group_id AS groupId, state FROM groups ORDER BY group_id").all() as StoredGroup[],
    counters: Object.fromEntries(
      db.prepare("SELECT name, value FROM counters ORDER BY name").raw().all() as [string, number][],
    ),
  };
}

function loadTopics(db: Connection): StoredTopic[] {
  const partitions = db.prepare<unknown[], StoredTopic["partitions"][number]>(
    `SELECT partition_id AS partitionId, log_start_offset AS logStartOffset
       FROM partitions WHERE topic_id = ? ORDER BY partition`,
  );
  const rows = db
    .prepare("SELECT topic_id AS topicId, topic, configs, created_at_ms AS createdAtMs FROM topics ORDER BY topic")
    .all() as (Omit<StoredTopic, "configs" | "partitions"> & { configs: string })[];
  return rows.map((row) => ({
    ...row,
    configs: JSON.parse(row.configs) as StoredTopic["configs"],
    partitions: partitions.all(row.topicId),
  }));
}

function loadProducerStates(db: Connection): StoredProducerState[] {
  const rows = db
    .prepare(
      `SELECT partition_id AS partitionId, producer_id AS producerId, producer_epoch AS producerEpoch, batches,
         last_append_ms AS lastAppendMs
       FROM producer_states ORDER BY partition_id, producer_id`,
    )
    .all() as (Omit<StoredProducerState, "batches"> & { batches: string })[];
  return rows.map((row) => ({ ...row, batches: JSON.parse(row.batches) as StoredProducerState["batches"] }));
}
