// What the broker's thread and the two workers say to each other. Batches travel as one buffer for each message, copied once
// and handed over. Shared memory would save that copy, but V8 does not count it: what was dropped would pile up by the
// gigabyte until a collection happens to come (docs/adr/0002-storage-executors.md).

import type { Change, Durability, PartitionId, ReadRequest, StoredBatch, Turn, TurnVerdict } from "../storage.ts";
import type { TimestampRequest } from "./read-batches.ts";

/** Where a batch's bytes lie in the message's buffer. */
interface PackedBytes {
  readonly at: number;
  readonly length: number;
}

type PackedBatch = Omit<StoredBatch, "bytes"> & { readonly bytes: PackedBytes };
type PackedChange =
  | Exclude<Change, { kind: "appendBatch" }>
  | { readonly kind: "appendBatch"; readonly batch: PackedBatch };

export interface PackedTurn {
  readonly number: number;
  readonly generation: number;
  readonly parts: readonly { readonly essential: boolean; readonly changes: readonly PackedChange[] }[];
  readonly buffer: ArrayBuffer;
}

export interface PackedBatches {
  readonly batches: readonly PackedBatch[];
  readonly buffer: ArrayBuffer;
}

export interface WorkerStart {
  readonly file: string;
  readonly durability: Durability;
  readonly reserve: string;
}

export type ToWriter =
  | { readonly kind: "write"; readonly turn: PackedTurn }
  /** One step of removing batches that nobody can see any more, and of giving their pages back. */
  | { readonly kind: "removeBatches" }
  | { readonly kind: "regainSpace" }
  /** Mark the clean end, close the file, exit. */
  | { readonly kind: "close" };

/** Answers come in the order of the messages. */
export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "written"; readonly verdict: TurnVerdict }
  | { readonly kind: "removed"; readonly verdict: TurnVerdict; readonly more: boolean }
  | { readonly kind: "space"; readonly regained: boolean; readonly verdict: TurnVerdict };

export type ReadCall =
  | { readonly kind: "read"; readonly request: ReadRequest }
  | { readonly kind: "findByTimestamp"; readonly request: TimestampRequest }
  | { readonly kind: "findMaxTimestamp"; readonly request: Omit<TimestampRequest, "timestampMs"> };

export type ToReader =
  | { readonly kind: "call"; readonly call: ReadCall }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "close" };

/** Answers come in the order of the messages. */
export type FromReader =
  | { readonly kind: "ready" }
  | { readonly kind: "batches"; readonly packed: PackedBatches }
  | {
      readonly kind: "corrupt";
      readonly partitionId: PartitionId;
      readonly baseOffset: number;
      readonly message: string;
    }
  /** This call could not be answered; others can. */
  | { readonly kind: "refused"; readonly message: string }
  /** An I/O error: the storage stops. */
  | { readonly kind: "stopped"; readonly message: string }
  | { readonly kind: "checkpointed"; readonly complete: boolean };

/** The message for a turn. Its buffer is to be transferred; the turn keeps its own bytes, which others still read. */
export function packTurn(turn: Turn): PackedTurn {
  let sizeBytes = 0;
  for (const batch of batchesOf(turn)) sizeBytes += batch.bytes.length;
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  const pack = (bytes: Uint8Array): PackedBytes => {
    whole.set(bytes, at);
    at += bytes.length;
    return { at: at - bytes.length, length: bytes.length };
  };
  const parts = turn.parts.map((part) => ({
    essential: part.essential,
    changes: part.changes.map((change) =>
      change.kind === "appendBatch"
        ? { kind: change.kind, batch: { ...change.batch, bytes: pack(change.batch.bytes) } }
        : change,
    ),
  }));
  return { number: turn.number, generation: turn.generation, parts, buffer: whole.buffer };
}

export function unpackTurn({ number, generation, parts, buffer }: PackedTurn): Turn {
  const unpack = ({ at, length }: PackedBytes) => new Uint8Array(buffer, at, length);
  return {
    number,
    generation,
    parts: parts.map((part) => ({
      essential: part.essential,
      changes: part.changes.map((change) =>
        change.kind === "appendBatch"
          ? { kind: change.kind, batch: { ...change.batch, bytes: unpack(change.batch.bytes) } }
          : change,
      ),
    })),
  };
}

export function packBatches(batches: readonly StoredBatch[]): PackedBatches {
  const whole = new Uint8Array(batches.reduce((sum, batch) => sum + batch.bytes.length, 0));
  let at = 0;
  const packed = batches.map((batch) => {
    whole.set(batch.bytes, at);
    at += batch.bytes.length;
    return { ...batch, bytes: { at: at - batch.bytes.length, length: batch.bytes.length } };
  });
  return { batches: packed, buffer: whole.buffer };
}

export function unpackBatches({ batches, buffer }: PackedBatches): StoredBatch[] {
  return batches.map((batch) => ({ ...batch, bytes: new Uint8Array(buffer, batch.bytes.at, batch.bytes.length) }));
}

function* batchesOf(turn: Turn): Iterable<StoredBatch> {
  for (const part of turn.parts) {
    for (const change of part.changes) if (change.kind === "appendBatch") yield change.batch;
  }
}
