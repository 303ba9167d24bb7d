// The reader's thread: cold reads, and checkpoints, so that neither ever runs inside a commit or in the broker's thread.

import { parentPort, workerData } from "node:worker_threads";
import { StorageCorruptionError } from "../storage.ts";
import { connect, describeError, hasRoomForCheckpoint, isIoError, sqliteCode } from "./connection.ts";
import { type FromReader, packBatches, type ReadCall, type ToReader, type WorkerStart } from "./messages.ts";
import { BatchReader } from "./read-batches.ts";

const port = parentPort;
if (port === null) throw new Error("reader.worker.ts runs as a worker");
const { file, durability } = workerData as WorkerStart;

const db = connect(file, durability);
const reader = new BatchReader(db);

port.on("message", (message: ToReader) => {
  switch (message.kind) {
    case "call": {
      const answer = call(message.call);
      port.postMessage(answer, answer.kind === "batches" ? [answer.packed.buffer] : []);
      return;
    }
    case "checkpoint":
      port.postMessage(checkpoint());
      return;
    case "close":
      db.close();
      port.close();
      return;
  }
});
port.postMessage({ kind: "ready" } satisfies FromReader);

function call({ kind, request }: ReadCall): FromReader {
  try {
    if (kind === "read") return { kind: "batches", packed: packBatches(reader.read(request)) };
    const found = kind === "findByTimestamp" ? reader.findByTimestamp(request) : reader.findMaxTimestamp(request);
    return { kind: "batches", packed: packBatches(found === undefined ? [] : [found]) };
  } catch (error) {
    if (error instanceof StorageCorruptionError) {
      const { partitionId, baseOffset, message } = error;
      return { kind: "corrupt", partitionId, baseOffset, message };
    }
    return { kind: isIoError(error) ? "stopped" : "refused", message: describeError(error) };
  }
}

/** Moves what it can from the WAL into the file, without waiting for anybody. */
function checkpoint(): FromReader {
  try {
    if (!hasRoomForCheckpoint(db)) return { kind: "checkpointed", complete: false };
    const [state] = db.pragma("wal_checkpoint(PASSIVE)") as { busy: number; log: number; checkpointed: number }[];
    return { kind: "checkpointed", complete: state?.log === state?.checkpointed };
  } catch (error) {
    // On a full disk the WAL stays as it is. A failed sync must stop everything: the next one would "succeed".
    if (sqliteCode(error) === "SQLITE_FULL") return { kind: "checkpointed", complete: false };
    return { kind: "stopped", message: describeError(error) };
  }
}
