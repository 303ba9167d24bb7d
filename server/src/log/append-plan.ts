// What an append decides before it changes anything: whether each batch may be stored at all, and, by what is known of its
// producer, whether it is new or repeats one that is stored or staged. Doing it is append.ts.
// Invariant: nothing here changes state, so an item that is refused half-way has left nothing behind.

import { type CheckedBatchHeader, checkBatch, NO_PRODUCER, ProtocolError, splitBatches } from "@brooklet/protocol";
import type { BatchVerdict } from "./produce-line.ts";
import {
  addToSequence,
  judgeSequence,
  type ProducerState,
  type RememberedBatch,
  withBatch,
} from "./producer-states.ts";
import type { TopicRules } from "./topic-rules.ts";

/** A batch that passed every check of its own. */
export interface CheckedBatch {
  readonly bytes: Uint8Array;
  readonly header: CheckedBatchHeader;
}

export interface BatchRules {
  /** "orders-3", for the refusals. */
  readonly name: string;
  /** The topic's. */
  readonly rules: TopicRules;
  readonly wallMs: number;
}

/**
 * Cuts what came for one partition into batches and checks each, but for those on which there is a verdict already.
 *
 * Errors: those of protocol's checkBatch; INVALID_RECORD (no batch, or a transactional one), MESSAGE_TOO_LARGE,
 * INVALID_TIMESTAMP.
 */
export function checkBatches(
  bytes: Uint8Array,
  { name, rules, wallMs }: BatchRules,
  verdicts: readonly BatchVerdict[] = [],
): CheckedBatch[] {
  const batches = splitBatches(bytes);
  if (batches.length === 0) throw new ProtocolError("INVALID_RECORD", `no record batch came for ${name}`);
  return batches.map((batch, index) => {
    if (batch.length > rules.maxMessageBytes)
      throw new ProtocolError(
        "MESSAGE_TOO_LARGE",
        `a record batch for ${name} has ${batch.length} bytes; at most ${rules.maxMessageBytes} are allowed`,
        { hint: "Send smaller batches, or raise message.max.bytes or the topic's max.message.bytes." },
      );
    const verdict = verdicts[index];
    if (verdict instanceof ProtocolError) throw verdict;
    const header = verdict ?? checkBatch(batch);
    if (header.transactional)
      throw new ProtocolError(
        "INVALID_RECORD",
        `a record batch for ${name} is transactional; transactions are not supported yet`,
      );
    checkTimestamps(header, name, rules, wallMs);
    return { bytes: batch, header };
  });
}

/** Kafka's bounds on what producers stamp; the broker's own stamps need none, and -1 says that there is no timestamp. */
function checkTimestamps(header: CheckedBatchHeader, name: string, rules: TopicRules, wallMs: number): void {
  if (rules.timestampType === "LogAppendTime") return;
  const { maxTimestamp, minTimestamp } = header;
  if (maxTimestamp > wallMs + rules.timestampAfterMaxMs)
    throw new ProtocolError(
      "INVALID_TIMESTAMP",
      `a record for ${name} is stamped ${maxTimestamp}, ${maxTimestamp - wallMs} ms in the future; message.timestamp.after.max.ms is ${rules.timestampAfterMaxMs}`,
      { hint: "Correct the producer's clock, or raise message.timestamp.after.max.ms of the topic." },
    );
  if (minTimestamp >= 0 && minTimestamp < wallMs - rules.timestampBeforeMaxMs)
    throw new ProtocolError(
      "INVALID_TIMESTAMP",
      `a record for ${name} is stamped ${minTimestamp}, ${wallMs - minTimestamp} ms in the past; message.timestamp.before.max.ms is ${rules.timestampBeforeMaxMs}`,
      { hint: "Send newer records, or raise message.timestamp.before.max.ms of the topic." },
    );
}

export interface AppendPlan {
  readonly fresh: readonly CheckedBatch[];
  readonly repeated: readonly RememberedBatch[];
  readonly baseOffset: number;
  /** The producers' states after the append. */
  readonly states: Iterable<ProducerState>;
}

export interface PlanContext {
  readonly nextOffset: number;
  readonly producerOf: (producerId: number) => ProducerState | undefined;
  readonly wallMs: number;
  readonly logAppendTimeMs: number;
  readonly verdict: Promise<void>;
}

/** Judges all batches of one item as one: none is appended when one of them is refused. Changes nothing. */
export function planAppend(checked: readonly CheckedBatch[], context: PlanContext): AppendPlan {
  const fresh: CheckedBatch[] = [];
  const repeated: RememberedBatch[] = [];
  const states = new Map<number, ProducerState>();
  let { nextOffset } = context;
  let baseOffset: number | undefined;
  for (const batch of checked) {
    const { producerId, producerEpoch, baseSequence, recordCount } = batch.header;
    if (producerId !== NO_PRODUCER) {
      const known = states.get(producerId) ?? context.producerOf(producerId);
      const lastSequence = addToSequence(baseSequence, recordCount - 1);
      const sequenced = { producerId, producerEpoch, firstSequence: baseSequence, lastSequence };
      const original = judgeSequence(known, sequenced);
      if (original !== undefined) {
        repeated.push(original);
        baseOffset ??= original.baseOffset;
        continue;
      }
      const remembered = {
        firstSequence: baseSequence,
        lastSequence,
        baseOffset: nextOffset,
        lastOffset: nextOffset + recordCount - 1,
        logAppendTimeMs: context.logAppendTimeMs,
        verdict: context.verdict,
      };
      states.set(producerId, withBatch(known, sequenced, remembered, context.wallMs));
    }
    baseOffset ??= nextOffset;
    nextOffset += recordCount;
    fresh.push(batch);
  }
  return { fresh, repeated, baseOffset: baseOffset ?? -1, states: states.values() };
}
