// AbortSignal on every call that waits: it ends at once, says truly whether anything may have happened, and leaves no listener.

import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { Bench, errorOf } from "./setup.ts";

type Text = Consumer<string, string>;
const p0 = { topic: "t", partition: 0 };
const calls: [string, (consumer: Text, signal: AbortSignal) => Promise<unknown>][] = [
  ["ready", (consumer, signal) => consumer.ready({ signal })],
  ["poll", (consumer, signal) => consumer.poll(60_000, { signal })],
  ["commit", (consumer, signal) => consumer.commit([{ ...p0, offset: 1 }], { signal })],
  ["committed", (consumer, signal) => consumer.committed([p0], { signal })],
  ["position", (consumer, signal) => consumer.position(p0, { signal })],
  ["beginningOffsets", (consumer, signal) => consumer.beginningOffsets([p0], { signal })],
  ["endOffsets", (consumer, signal) => consumer.endOffsets([p0], { signal })],
  ["offsetsForTimes", (consumer, signal) => consumer.offsetsForTimes([{ ...p0, timestamp: 1 }], { signal })],
];

/** Without moving time, as errorOf would. */
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as { code: string },
  );

/** Assigned by hand, so that every call is legal, before a broker that answers nothing. */
function silent(): { bench: Bench; consumer: Text } {
  const bench = new Bench();
  bench.broker.topic("t");
  const never = () => new Promise<never>(() => {});
  for (const api of ["metadata", "listOffsets", "offsetFetch", "offsetCommit", "fetch"] as const)
    bench.broker.on(api, never);
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.assign([p0]);
  return { bench, consumer };
}

test.each(calls)("%s with a signal that has aborted already asks for nothing", async (_, call) => {
  const { bench, consumer } = silent();
  const reason = new Error("changed my mind");
  const error = await errorOf(bench, call(consumer, AbortSignal.abort(reason)));
  expect(error).toMatchObject({ code: "ABORTED", definite: true, cause: reason });
  expect(bench.broker.seen).toEqual([]);
  await bench.run(consumer.close({ timeoutMs: 0 }));
});

test.each(calls)("%s ends when its signal aborts, and takes its listener off", async (_, call) => {
  const { bench, consumer } = silent();
  const controller = new AbortController();
  const outcome = caught(call(consumer, controller.signal));
  await bench.clock.advance(50);
  const atMs = bench.clock.nowMs();
  controller.abort();
  expect(await bench.run(outcome)).toMatchObject({ code: "ABORTED" });
  expect(bench.clock.nowMs()).toBe(atMs);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  await bench.run(consumer.close({ timeoutMs: 0 }));
  expect(bench.clock.liveTimers).toBe(0);
});

test("a commit that was sent may have happened; one that still waited for another has not", async () => {
  const { bench, consumer } = silent();
  const sent = new AbortController();
  const waiting = new AbortController();
  const first = caught(consumer.commit([{ ...p0, offset: 1 }], { signal: sent.signal }));
  await bench.clock.advance(1);
  const second = caught(consumer.commit([{ ...p0, offset: 2 }], { signal: waiting.signal }));
  await bench.clock.advance(1);
  waiting.abort();
  expect(await bench.run(second)).toMatchObject({ code: "ABORTED", definite: true });
  sent.abort();
  expect(await bench.run(first)).toMatchObject({ code: "ABORTED", definite: false });
  expect(bench.broker.of("offsetCommit").map(({ offsets }) => offsets[0]?.offset)).toEqual([1]);
  // Nobody is held up by what was withdrawn.
  bench.broker.off("offsetCommit");
  expect(await bench.run(consumer.commit([{ ...p0, offset: 3 }]))).toMatchObject([{ offset: 3 }]);
  await bench.run(consumer.close());
});

test("a commit withdrawn from the queue lets the asynchronous ones behind it go", async () => {
  const { bench, consumer } = silent();
  consumer.commitAsync([{ ...p0, offset: 1 }]);
  await bench.clock.advance(1);
  const controller = new AbortController();
  const blocked = caught(consumer.commit([{ ...p0, offset: 2 }], { signal: controller.signal }));
  consumer.commitAsync([{ ...p0, offset: 3 }]);
  await bench.clock.advance(1);
  controller.abort();
  await bench.run(blocked);
  expect(bench.broker.of("offsetCommit").map(({ offsets }) => offsets[0]?.offset)).toEqual([1, 3]);
  await bench.run(consumer.close({ timeoutMs: 0 }));
});

test("wakeup and close, too, know what was sent", async () => {
  const { bench, consumer } = silent();
  const woken = caught(consumer.commit([{ ...p0, offset: 1 }]));
  await bench.clock.advance(1);
  const queued = caught(consumer.commit([{ ...p0, offset: 2 }]));
  await bench.clock.advance(1);
  consumer.wakeup();
  expect(await bench.run(woken)).toMatchObject({ name: "WakeupError", definite: false });
  await bench.clock.advance(1);
  const third = caught(consumer.commit([{ ...p0, offset: 3 }]));
  await bench.clock.advance(1);
  await bench.run(consumer.close({ timeoutMs: 0 }));
  expect(await bench.run(queued)).toMatchObject({ name: "ClosedError", definite: false });
  expect(await bench.run(third)).toMatchObject({ name: "ClosedError", definite: true });
});

test("a signal that lives long has no listener left after 1,000 calls of every kind", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.assign([p0]);
  const { signal } = new AbortController();
  let most = 0;
  for (let round = 0; round < 125; round++) {
    await bench.run(consumer.position(p0, { signal }));
    for (const [name, call] of calls) {
      const isPoll = name === "poll" || name === "ready";
      await bench.run(isPoll ? consumer.poll(1, { signal }) : call(consumer, signal));
    }
    most = Math.max(most, getEventListeners(signal, "abort").length);
  }
  expect(most).toBe(0);
  await bench.run(consumer.close());
});

test.each([
  [{ signal: {} }, "AbortSignal"],
  [{ timeoutMs: Number.NaN }, "a timeout is"],
  [null, "options are an object"],
])("options %j are refused by every call", async (options, message) => {
  const { bench, consumer } = silent();
  const strange = options as never;
  for (const call of [
    () => consumer.ready(strange),
    () => consumer.commit([], strange),
    () => consumer.committed([p0], strange),
    () => consumer.position(p0, strange),
    () => consumer.beginningOffsets([p0], strange),
    () => consumer.endOffsets([p0], strange),
    () => consumer.offsetsForTimes([], strange),
  ]) {
    expect((await errorOf(bench, call())).message).toContain(message);
  }
  await bench.run(consumer.close({ timeoutMs: 0 }));
});
