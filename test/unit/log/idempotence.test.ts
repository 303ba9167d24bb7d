// Idempotent producers: the rules of SEMANTICS 3.3, staged, durable and after a restart (hard place 2).

import { expect, test } from "vitest";
import {
  addToSequence,
  judgeSequence,
  MAX_PRODUCERS_PER_PARTITION,
  type ProducerState,
  REMEMBERED_BATCHES,
  withBatch,
} from "../../../server/src/log/producer-states.ts";
import { refusal } from "../../support/bytes.ts";
import { concat, LogUnderTest, sequenced } from "./log-under-test.ts";

const MAX = 2_147_483_647;

const batch = (firstSequence: number, lastSequence = firstSequence, producerEpoch = 0) => ({
  producerId: 7,
  producerEpoch,
  firstSequence,
  lastSequence,
});

/** A producer that has sent batches of one record with these sequences. */
function stateOf(...sequences: number[]): ProducerState | undefined {
  let state: ProducerState | undefined;
  for (const [index, sequence] of sequences.entries()) {
    const remembered = {
      firstSequence: sequence,
      lastSequence: sequence,
      baseOffset: 100 + index,
      lastOffset: 100 + index,
      logAppendTimeMs: -1,
    };
    state = withBatch(state, batch(sequence), remembered, 0);
  }
  return state;
}

test.each([
  ["the next sequence", stateOf(0, 1), batch(2)],
  ["any sequence of an unknown producer", undefined, batch(41)],
  ["0 after the largest sequence", stateOf(MAX), batch(0)],
  ["a new epoch from 0", stateOf(0, 1), batch(0, 3, 1)],
])("%s is appended", (_, known, next) => {
  expect(judgeSequence(known, next)).toBeUndefined();
});

test.each([
  ["a gap", stateOf(0, 1), batch(3), "OUT_OF_ORDER_SEQUENCE_NUMBER"],
  ["a new epoch that does not start at 0", stateOf(0, 1), batch(2, 2, 1), "OUT_OF_ORDER_SEQUENCE_NUMBER"],
  ["an older epoch", withEpoch(3), batch(0, 0, 2), "INVALID_PRODUCER_EPOCH"],
  ["the same start with another length", stateOf(0, 1), batch(1, 2), "OUT_OF_ORDER_SEQUENCE_NUMBER"],
  ["a repetition older than the remembered", stateOf(0, 1, 2, 3, 4, 5), batch(0), "OUT_OF_ORDER_SEQUENCE_NUMBER"],
])("%s is refused", (_, known, next, code) => {
  expect(refusal(() => judgeSequence(known, next)).code).toBe(code);
});

function withEpoch(producerEpoch: number): ProducerState {
  return { producerId: 7, producerEpoch, batches: [], lastAppendMs: 0 };
}

test("each of the latest five is recognised, with its original offset", () => {
  const known = stateOf(0, 1, 2, 3, 4, 5);
  for (let sequence = 1; sequence <= 5; sequence++)
    expect(judgeSequence(known, batch(sequence))?.baseOffset).toBe(100 + sequence);
  expect(known?.batches).toHaveLength(REMEMBERED_BATCHES);
});

test("a new epoch forgets the batches of the old one", () => {
  const known = stateOf(0, 1);
  const remembered = { firstSequence: 0, lastSequence: 0, baseOffset: 9, lastOffset: 9, logAppendTimeMs: -1 };
  expect(withBatch(known, batch(0, 0, 1), remembered, 0).batches).toEqual([remembered]);
});

test("sequences wrap inside a batch", () => {
  expect(addToSequence(MAX - 1, 3)).toBe(1);
  expect(addToSequence(MAX, 0)).toBe(MAX);
});

test("a repeated batch is answered with the original offset, and appended once", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  expect((await at.produce("orders", sequenced(["a", "b"], 0))).baseOffset).toBe(0);
  expect((await at.produce("orders", sequenced(["c"], 2))).baseOffset).toBe(2);
  expect((await at.produce("orders", sequenced(["a", "b"], 0))).baseOffset).toBe(0);
  expect(await at.highWatermark("orders")).toBe(3);
});

test("a repetition of a staged batch waits for the original's turn, and gets its verdict", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  const item = () => [{ topic: "orders", partition: 0, batches: sequenced(["a"], 0) }];
  const first = at.log.produce(1, item());
  await at.clock.advance(1);
  let answered = false;
  const second = at.log.produce(1, item());
  void second.then(() => {
    answered = true;
  });
  await at.clock.advance(1000);
  expect(answered).toBe(false);
  at.storage.release();
  const [[original], [repeated]] = await at.during(Promise.all([first, second]));
  expect(repeated).toEqual(original);
  expect(repeated?.baseOffset).toBe(0);
  expect(await at.highWatermark("orders")).toBe(1);
});

test("a repetition of a staged batch fails with it, and the sequence is free again", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  const item = () => [{ topic: "orders", partition: 0, batches: sequenced(["a"], 0) }];
  const first = at.log.produce(1, item());
  await at.clock.advance(1);
  const second = at.log.produce(1, item());
  at.storage.release();
  const results = (await at.during(Promise.all([first, second]))).flat();
  expect(results.map(({ error }) => error?.code)).toEqual(["STORAGE_FULL", "STORAGE_FULL"]);
  expect(await at.highWatermark("orders")).toBe(0);

  await at.clock.advance(1500);
  expect((await at.produce("orders", sequenced(["a"], 0))).baseOffset).toBe(0);
  expect(await at.highWatermark("orders")).toBe(1);
});

test("the batches of one partition in a request are one check: a bad one refuses all", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const gap = await at.produce("orders", concat(sequenced(["a"], 0), sequenced(["b"], 5)));
  expect(gap.error?.code).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  expect(await at.highWatermark("orders")).toBe(0);
  const whole = concat(sequenced(["a"], 0), sequenced(["b", "c"], 1), sequenced(["x"], 0, 8));
  expect((await at.produce("orders", whole)).baseOffset).toBe(0);
  expect((await at.produce("orders", whole)).baseOffset).toBe(0);
  expect(await at.highWatermark("orders")).toBe(4);
});

test("states are written once per turn, in the turn of their records", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const produced = [0, 1, 2].map((sequence) =>
    at.log.produce(1, [{ topic: "orders", partition: 0, batches: sequenced(["a"], sequence) }]),
  );
  await at.during(Promise.all(produced));
  const changes = at.storage.turns.at(-1)?.parts.flatMap((part) => part.changes) ?? [];
  expect(changes.map(({ kind }) => kind)).toEqual(["appendBatch", "appendBatch", "appendBatch", "putProducerState"]);
});

test("the latest five are known after a restart", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  for (let sequence = 0; sequence < 7; sequence++) await at.produce("orders", sequenced(["a"], sequence));
  await at.restart();
  for (let sequence = 2; sequence < 7; sequence++)
    expect((await at.produce("orders", sequenced(["a"], sequence))).baseOffset).toBe(sequence);
  expect((await at.produce("orders", sequenced(["a"], 1))).error?.code).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  expect((await at.produce("orders", sequenced(["a"], 8))).error?.code).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  expect((await at.produce("orders", sequenced(["a"], 7))).baseOffset).toBe(7);
});

test("the append time of the original is answered again, also after a restart", async () => {
  const at = new LogUnderTest();
  await at.create("stamped", 1, { "message.timestamp.type": "LogAppendTime" });
  const { logAppendTimeMs } = await at.produce("stamped", sequenced(["a"], 0));
  expect(logAppendTimeMs).toBeGreaterThan(0);
  await at.clock.advance(5000);
  expect((await at.produce("stamped", sequenced(["a"], 0))).logAppendTimeMs).toBe(logAppendTimeMs);
  await at.restart();
  expect((await at.produce("stamped", sequenced(["a"], 0))).logAppendTimeMs).toBe(logAppendTimeMs);
});

test("a producer that was silent for producer.id.expiration.ms is forgotten, durably", async () => {
  const at = new LogUnderTest({ "producer.id.expiration.ms": 5000 });
  await at.create("orders");
  await at.produce("orders", sequenced(["a"], 0));
  await at.clock.advance(4000);
  expect((await at.produce("orders", sequenced(["b"], 5))).error?.code).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  await at.clock.advance(20_000);
  const kinds = at.storage.turns.flatMap(({ parts }) =>
    parts.flatMap(({ changes }) => changes.map(({ kind }) => kind)),
  );
  expect(kinds).toContain("deleteProducerState");
  expect(at.clock.liveTimers).toBe(0);
  await at.restart();
  expect((await at.produce("orders", sequenced(["b"], 5))).baseOffset).toBe(1);
});

test("a repetition is answered even while the disk is full", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", sequenced(["a"], 0));
  at.storage.fillDisk();
  expect((await at.produce("orders", sequenced(["b"], 1))).error?.code).toBe("STORAGE_FULL");
  expect((await at.produce("orders", sequenced(["a"], 0))).baseOffset).toBe(0);
});

test("a partition remembers a bounded number of producers; the one silent longest is forgotten", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const many = Array.from({ length: MAX_PRODUCERS_PER_PARTITION + 1 }, (_, id) => sequenced(["a"], 0, id));
  await at.produce("orders", concat(...many));
  await at.produce("orders", sequenced(["b"], 1, 1));
  await at.clock.advance(10);
  const changes = at.storage.turns.flatMap(({ parts }) => parts.flatMap((part) => part.changes));
  const forgotten = changes.flatMap((change) => (change.kind === "deleteProducerState" ? [change.producerId] : []));
  expect(forgotten).toEqual([0]);
  // The forgotten one may go on with any sequence, the others not.
  expect((await at.produce("orders", sequenced(["c"], 9, 0))).error).toBeUndefined();
  expect((await at.produce("orders", sequenced(["c"], 9, 2))).error?.code).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
});

test("an expired producer is unknown already before it is swept away", async () => {
  const minute = 60_000;
  const at = new LogUnderTest({ "producer.id.expiration.ms": 15 * minute });
  await at.create("orders");
  await at.produce("orders", sequenced(["a"], 0));
  await at.clock.advance(14 * minute);
  expect((await at.produce("orders", sequenced(["b"], 5))).error?.code).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  await at.clock.advance(2 * minute);
  expect((await at.produce("orders", sequenced(["b"], 5))).baseOffset).toBe(1);
  at.log.close();
});
