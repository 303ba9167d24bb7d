// The rules of a partition's batches, one by one (DESIGN.md section 4, hard place 10). All together: test/property/client.

import type { ErrorCode } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { fromWire } from "../../../../client-sdk/src/errors.ts";
import {
  MAX_PRODUCER_EPOCH,
  nextSequence,
  PartitionQueue,
  type QueuedBatch,
} from "../../../../client-sdk/src/producer/partition-queue.ts";
import { wireError } from "../../../support/fake-broker.ts";

const NOW_MS = 0;

function batch(recordCount = 1, deadlineMs = 1_000): QueuedBatch {
  return {
    recordCount,
    deadlineMs,
    state: "queued",
    attempts: 0,
    retryAtMs: 0,
    isIndefinite: false,
    sequence: -1,
    outcome: undefined,
  };
}

function start({ isIdempotent = true, producerEpoch = 0, maxRetries = 100 } = {}) {
  const queue = new PartitionQueue<QueuedBatch>("t-0", {
    isIdempotent,
    maxInLine: 5,
    maxRetries,
    deliveryTimeoutMs: 1_000,
    backoffMs: (failures) => failures * 100,
  });
  if (isIdempotent) queue.identify({ producerId: 7, producerEpoch });
  return queue;
}

/** Puts batches in and sends what may be sent; the first one is stored, so that the broker knows the producer. */
function inFlight(count: number) {
  const queue = start();
  queue.push(batch());
  const first = send(queue);
  queue.succeeded(first, stored(0));
  const batches = Array.from({ length: count }, () => batch(2));
  for (const one of batches) queue.push(one);
  for (const one of batches) expect(send(queue)).toBe(one);
  return { queue, batches: batches as [QueuedBatch, QueuedBatch, QueuedBatch, ...QueuedBatch[]] };
}

function send(queue: PartitionQueue<QueuedBatch>): QueuedBatch {
  const next = queue.peek();
  if (next === undefined) throw new Error("nothing may be sent");
  queue.take(next);
  return next;
}

const stored = (baseOffset: number) => ({ baseOffset, logAppendTimeMs: undefined });
const failure = (code: ErrorCode) => fromWire(wireError(code));

test("sequences follow the record counts and wrap to 0", () => {
  const { batches } = inFlight(3);
  expect(batches.map(({ sequence }) => sequence)).toEqual([1, 3, 5]);
  expect(nextSequence(2_147_483_646, 1)).toBe(2_147_483_647);
  expect(nextSequence(2_147_483_647, 1)).toBe(0);
  expect(nextSequence(2_147_483_640, 20)).toBe(12);
});

test("the first batch of a numbering goes alone, then at most five are undecided", () => {
  const queue = start();
  for (let count = 0; count < 8; count++) queue.push(batch());
  const first = send(queue);
  expect(queue.peek()).toBeUndefined();
  queue.succeeded(first, stored(0));
  for (let count = 0; count < 5; count++) send(queue);
  expect(queue.peek()).toBeUndefined();
});

test("outcomes come in order, whatever the order of the answers", () => {
  const { queue, batches } = inFlight(3);
  expect(queue.succeeded(batches[2], stored(5))).toEqual([]);
  expect(queue.succeeded(batches[1], stored(3))).toEqual([]);
  expect(queue.succeeded(batches[0], stored(1))).toEqual(batches);
  expect(queue.isEmpty).toBe(true);
});

test("a retry goes first, after its back-off, and nothing passes it", () => {
  const { queue, batches } = inFlight(2);
  const later = batch();
  queue.push(later);
  queue.failed(batches[0], failure("STORAGE_FULL"), NOW_MS);
  expect(queue.peek()).toBe(batches[0]);
  expect(batches[0].retryAtMs).toBe(100);
  send(queue);
  expect(queue.peek()).toBe(later);
});

test("out of order behind an undecided batch: again in order, without a new epoch", () => {
  const { queue, batches } = inFlight(2);
  queue.failed(batches[0], failure("STORAGE_FULL"), NOW_MS);
  queue.failed(batches[1], failure("OUT_OF_ORDER_SEQUENCE_NUMBER"), NOW_MS);
  expect(queue.identity?.producerEpoch).toBe(0);
  expect(send(queue)).toBe(batches[0]);
  expect(send(queue)).toBe(batches[1]);
  expect(batches.map(({ sequence }) => sequence)).toEqual([1, 3]);
});

test.each(["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID", "INVALID_PRODUCER_EPOCH"] as const)(
  "%s for the first in line raises the epoch, once those in flight are heard of",
  (code) => {
    const { queue, batches } = inFlight(2);
    queue.failed(batches[0], failure(code), NOW_MS);
    expect(queue.identity?.producerEpoch, "the second still carries the old numbers").toBe(0);
    expect(queue.peek()).toBeUndefined();
    expect(batches[1].sequence).toBe(3);
    queue.failed(batches[1], failure("OUT_OF_ORDER_SEQUENCE_NUMBER"), NOW_MS);
    expect(queue.identity).toEqual({ producerId: 7, producerEpoch: 1 });
    expect(batches.map(({ sequence }) => sequence)).toEqual([0, 2]);
    expect(send(queue)).toBe(batches[0]);
  },
);

test("giving up in doubt with nothing behind: the next record has a new epoch", () => {
  const { queue, batches } = inFlight(1);
  queue.failed(batches[0], failure("NETWORK_EXCEPTION"), NOW_MS);
  expect(queue.expire(1_000)).toEqual([batches[0]]);
  expect(batches[0].outcome).toMatchObject({ error: { name: "TimeoutError", definite: false } });
  expect(queue.identity?.producerEpoch).toBe(1);
  const next = batch();
  queue.push(next);
  expect(send(queue).sequence).toBe(0);
});

test("giving up in doubt with others behind: nothing new is numbered until they have resolved it", () => {
  const { queue, batches } = inFlight(2);
  Object.assign(batches[1], { deadlineMs: 9_000 });
  queue.push(batch(1, 9_000));
  queue.failed(batches[0], failure("NETWORK_EXCEPTION"), NOW_MS);
  queue.failed(batches[1], failure("NETWORK_EXCEPTION"), NOW_MS);
  queue.expire(1_000);
  expect(send(queue)).toBe(batches[1]);
  expect(queue.peek()).toBeUndefined();
  queue.succeeded(batches[1], stored(3));
  expect(queue.identity?.producerEpoch, "its success proves the one before").toBe(0);
  expect(send(queue).sequence).toBe(5);
});

test("giving up with certainty uses the sequence again", () => {
  const { queue, batches } = inFlight(1);
  queue.failed(batches[0], failure("INVALID_TIMESTAMP"), NOW_MS);
  expect(batches[0].outcome).toMatchObject({ error: { code: "INVALID_TIMESTAMP", definite: true } });
  queue.push(batch());
  expect(send(queue).sequence).toBe(1);
  expect(queue.identity?.producerEpoch).toBe(0);
});

test("a certain refusal after a doubtful attempt is not certain", () => {
  const { queue, batches } = inFlight(1);
  queue.failed(batches[0], failure("REQUEST_TIMED_OUT"), NOW_MS);
  send(queue);
  queue.failed(batches[0], failure("INVALID_TIMESTAMP"), NOW_MS);
  expect(batches[0].outcome).toMatchObject({ error: { code: "INVALID_TIMESTAMP", definite: false } });
  expect(queue.identity?.producerEpoch).toBe(1);
});

test("a batch in flight is not expired; one that was never sent fails with certainty", () => {
  const { queue, batches } = inFlight(1);
  const unsent = batch();
  queue.push(unsent);
  expect(queue.expire(1_000), "it waits for the outcome of the one before").toEqual([]);
  expect(queue.succeeded(batches[0], stored(1))).toEqual([batches[0], unsent]);
  expect(unsent.outcome).toMatchObject({ error: { definite: true } });
});

test("retries end after so many", () => {
  const queue = start({ maxRetries: 2 });
  const one = batch();
  queue.push(one);
  for (let attempt = 0; attempt < 2; attempt++) {
    send(queue);
    expect(queue.failed(one, failure("STORAGE_FULL"), NOW_MS)).toEqual([]);
  }
  send(queue);
  expect(queue.failed(one, failure("STORAGE_FULL"), NOW_MS)).toEqual([one]);
});

test("parts of a batch that was too large take its place and its sequences, five undecided at most", () => {
  const { queue, batches } = inFlight(5);
  const parts = [batch(1), batch(1)];
  queue.replace(batches[0], parts);
  for (const one of batches.slice(1)) queue.failed(one, failure("OUT_OF_ORDER_SEQUENCE_NUMBER"), NOW_MS);
  expect(parts.map(({ sequence }) => sequence)).toEqual([1, 2]);
  const sent = [send(queue), send(queue), send(queue), send(queue), send(queue)];
  expect(sent).toEqual([...parts, ...batches.slice(1, 4)]);
  expect(queue.peek(), "a sixth would make the broker forget the first").toBeUndefined();
  queue.succeeded(parts[0] as QueuedBatch, stored(1));
  expect(send(queue)).toBe(batches[4]);
});

test("after the last epoch a fresh producer id is needed, and the numbering begins again", () => {
  const queue = start({ producerEpoch: MAX_PRODUCER_EPOCH });
  const one = batch();
  queue.push(one);
  send(queue);
  queue.failed(one, failure("OUT_OF_ORDER_SEQUENCE_NUMBER"), NOW_MS);
  expect([queue.needsIdentity, queue.lastProducerId, queue.peek()]).toEqual([true, 7, undefined]);
  queue.identify({ producerId: 8, producerEpoch: 0 });
  expect(send(queue)).toMatchObject({ sequence: 0 });
});

test("without idempotence nothing is numbered and no epoch is raised", () => {
  const queue = start({ isIdempotent: false });
  const batches = [batch(), batch()] as const;
  for (const one of batches) queue.push(one);
  send(queue);
  send(queue);
  expect(batches.map(({ sequence }) => sequence)).toEqual([-1, -1]);
  queue.failed(batches[0], failure("NETWORK_EXCEPTION"), NOW_MS);
  queue.expire(1_000);
  queue.succeeded(batches[1], stored(0));
  queue.push(batch());
  expect(send(queue).sequence).toBe(-1);
});

test("an answer to a batch that was given up changes nothing", () => {
  const { queue, batches } = inFlight(1);
  expect(queue.abandon((definite) => fromWire({ ...wireError("NETWORK_EXCEPTION"), definite }))).toEqual([batches[0]]);
  expect(batches[0].outcome).toMatchObject({ error: { definite: false } });
  expect(queue.succeeded(batches[0], stored(1))).toEqual([]);
  expect(queue.failed(batches[0], failure("STORAGE_FULL"), NOW_MS)).toEqual([]);
});
