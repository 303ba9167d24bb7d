// The tables of a data file, and whether a file is one. Every row that is written or read is in apply-turn.ts,
// read-batches.ts and load-state.ts.
//
// Invariant: `batches` is a plain rowid table with the BLOB last; partition ids are never used twice, so that rows of a
// deleted topic that still wait for their removal are never anyone else's.

import { StorageOpenError } from "../open-error.ts";
import { type Connection, expectPragma, PAGE_BYTES } from "./connection.ts";
import { indexWholeLog } from "./log-index.ts";

/** "brok" in the file's header: what `file` and other programs see. */
export const APPLICATION_ID = 0x62726f6b;
/** 2: the index of the logs (batch_ranges, leader_epochs, trimmed_partitions). */
export const SCHEMA_VERSION = 2;
const AUTO_VACUUM_INCREMENTAL = 2;

const TABLES = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;

  CREATE TABLE topics (
    topic_id TEXT PRIMARY KEY, topic TEXT NOT NULL UNIQUE, configs TEXT NOT NULL, created_at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE partitions (
    partition_id INTEGER PRIMARY KEY, topic_id TEXT NOT NULL, partition INTEGER NOT NULL, log_start_offset INTEGER NOT NULL,
    UNIQUE (topic_id, partition)
  ) STRICT;

  -- Partitions of deleted topics whose batches are still to be removed.
  CREATE TABLE deleted_partitions (partition_id INTEGER PRIMARY KEY) STRICT;

  -- leader_epoch repeats what the bytes say: the batch's own checksum does not cover it.
  CREATE TABLE batches (
    partition_id INTEGER NOT NULL, base_offset INTEGER NOT NULL, last_offset INTEGER NOT NULL,
    max_timestamp_ms INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX batches_by_offset ON batches (partition_id, base_offset);

  -- batches: JSON, the latest five, oldest first.
  CREATE TABLE producer_states (
    partition_id INTEGER NOT NULL, producer_id INTEGER NOT NULL, producer_epoch INTEGER NOT NULL, batches TEXT NOT NULL,
    last_append_ms INTEGER NOT NULL, PRIMARY KEY (partition_id, producer_id)
  ) STRICT;

  CREATE TABLE committed_offsets (
    group_id TEXT NOT NULL, topic_id TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, metadata TEXT NOT NULL, committed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, topic_id, partition)
  ) STRICT;
  CREATE INDEX committed_offsets_by_topic ON committed_offsets (topic_id);

  -- state: JSON that groups/ writes and reads.
  CREATE TABLE groups (group_id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;

  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
`;

/** What version 2 has and version 1 had not. */
const LOG_INDEX_TABLES = `
  -- Partitions whose log start has moved past batches that are still to be removed, and past ranges of earlier segments.
  CREATE TABLE trimmed_partitions (partition_id INTEGER PRIMARY KEY, first_segment_offset INTEGER NOT NULL) STRICT;

  CREATE TABLE batch_ranges (
    partition_id INTEGER NOT NULL, base_offset INTEGER NOT NULL, end_offset INTEGER NOT NULL,
    segment_base_offset INTEGER NOT NULL, size_bytes INTEGER NOT NULL, first_timestamp_ms INTEGER NOT NULL,
    max_timestamp_ms INTEGER NOT NULL, PRIMARY KEY (partition_id, base_offset)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leader_epochs (
    partition_id INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, start_offset INTEGER NOT NULL,
    PRIMARY KEY (partition_id, leader_epoch)
  ) STRICT, WITHOUT ROWID;
`;

/** Creates the tables in an empty database, or makes sure that the file is one of ours that this version understands. */
export function createOrCheck(db: Connection): void {
  const applicationId = db.pragma("application_id", { simple: true });
  const version = Number(db.pragma("user_version", { simple: true }));
  const isEmpty = db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
  if (applicationId === 0 && version === 0 && isEmpty) {
    create(db);
  } else if (applicationId !== APPLICATION_ID) {
    throw new StorageOpenError(
      "foreign",
      `${db.name} is a SQLite file of another program; choose another data folder, or move the file away`,
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new StorageOpenError(
      "newer",
      `${db.name} was written by a newer brooklet (schema ${version}; this one knows ${SCHEMA_VERSION}); start that one, or choose another data folder`,
    );
  }
  if (!isEmpty && version < SCHEMA_VERSION) migrate(db, version);
  if (db.memory) return;
  if (db.pragma("page_size", { simple: true }) !== PAGE_BYTES) {
    throw new StorageOpenError(
      "damaged",
      `${db.name} has another page size than brooklet gave it; restore it from a copy`,
    );
  }
  expectPragma(db, "journal_mode", "wal");
}

/** All of it or nothing: a file of an older release becomes one of this release in one transaction. */
function migrate(db: Connection, from: number): void {
  db.transaction(() => {
    if (from < 2) {
      db.exec(LOG_INDEX_TABLES);
      indexWholeLog(db);
    }
    expectPragma(db, "user_version", SCHEMA_VERSION);
  }).immediate();
}

function create(db: Connection): void {
  // In this order: the first three can only be chosen before the first table is.
  expectPragma(db, "page_size", PAGE_BYTES);
  expectPragma(db, "auto_vacuum", AUTO_VACUUM_INCREMENTAL);
  if (!db.memory) expectPragma(db, "journal_mode", "wal");
  db.transaction(() => {
    expectPragma(db, "application_id", APPLICATION_ID);
    expectPragma(db, "user_version", SCHEMA_VERSION);
    db.exec(TABLES);
    db.exec(LOG_INDEX_TABLES);
  })();
}
