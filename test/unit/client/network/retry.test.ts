// The retry loop and its back-off in simulated time.

import type { ErrorCode } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { BrookletError, ClosedError, fromWire } from "../../../../client-sdk/src/errors.ts";
import { backoffMs, type RetryOptions, recoveryOf, retrying } from "../../../../client-sdk/src/network/retry.ts";
import { wireError } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";

function start(attempts: (ErrorCode | Error | "ok")[], options: Partial<RetryOptions> = {}) {
  const clock = new SimulatedClock();
  const seen: { remainingMs: number; number: number }[] = [];
  const outcome: { value?: string; error?: unknown; settled: boolean } = { settled: false };
  retrying(
    {
      clock,
      random: { next: () => 0.5, uuid: () => "" },
      backoff: { initialMs: 100, maxMs: 1_000 },
      timeoutMs: 5_000,
      what: "the call",
      ...options,
    },
    async (attempt) => {
      seen.push(attempt);
      const next = attempts.shift() ?? "ok";
      if (next === "ok") return "done";
      throw next instanceof Error ? next : fromWire(wireError(next));
    },
  ).then(
    (value) => Object.assign(outcome, { value, settled: true }),
    (error) => Object.assign(outcome, { error, settled: true }),
  );
  return { clock, seen, outcome };
}

test("what may be retried is, with growing waits and what time is left", async () => {
  const { clock, seen, outcome } = start(["STORAGE_FULL", "NETWORK_EXCEPTION", "UNKNOWN_TOPIC_ID", "ok"]);
  await clock.runUntil(() => outcome.settled);
  expect(outcome.value).toBe("done");
  expect(seen).toEqual([
    { remainingMs: 5_000, number: 1 },
    { remainingMs: 4_900, number: 2 },
    { remainingMs: 4_700, number: 3 },
    { remainingMs: 4_300, number: 4 },
  ]);
  expect(clock.liveTimers).toBe(0);
});

test.each(["INVALID_REQUEST", "FENCED_MEMBER_EPOCH", "OFFSET_OUT_OF_RANGE", "INVALID_GROUP_ID"] as const)(
  "%s is not retried",
  async (code) => {
    const { clock, seen, outcome } = start([code]);
    await clock.runUntil(() => outcome.settled);
    expect(outcome.error).toMatchObject({ code, definite: true });
    expect(seen).toHaveLength(1);
  },
);

test("an error that is not ours is a bug and passes as it is", async () => {
  const bug = new TypeError("bug");
  const { clock, outcome } = start([bug]);
  await clock.runUntil(() => outcome.settled);
  expect(outcome.error).toBe(bug);
});

test("when the time is over the last error is the cause, and certain only if all were", async () => {
  const definite = start(Array.from({ length: 20 }, () => "STORAGE_FULL" as const));
  await definite.clock.runUntil(() => definite.outcome.settled);
  expect(definite.clock.nowMs()).toBeLessThanOrEqual(5_000);
  expect(definite.outcome.error).toMatchObject({
    name: "TimeoutError",
    code: "TIMEOUT",
    definite: true,
    cause: { code: "STORAGE_FULL" },
    context: { lastError: "STORAGE_FULL" },
  });
  const doubtful = start(["NETWORK_EXCEPTION", ...Array.from({ length: 20 }, () => "STORAGE_FULL" as const)]);
  await doubtful.clock.runUntil(() => doubtful.outcome.settled);
  expect(doubtful.outcome.error).toMatchObject({ name: "TimeoutError", definite: false });
});

test("a refusal after a doubtful attempt is not certain", async () => {
  const { clock, outcome } = start(["NETWORK_EXCEPTION", "INVALID_REQUEST"]);
  await clock.runUntil(() => outcome.settled);
  expect(outcome.error).toMatchObject({ code: "INVALID_REQUEST", definite: false });
});

test("without any time there is one attempt", async () => {
  const { clock, seen, outcome } = start(["STORAGE_FULL"], { timeoutMs: 0 });
  await clock.runUntil(() => outcome.settled);
  expect(outcome.error).toMatchObject({ name: "TimeoutError" });
  expect(seen).toEqual([{ remainingMs: 0, number: 1 }]);
});

test("an abort ends the wait; a close says that it was one", async () => {
  for (const [reason, name] of [
    ["enough", "BrookletError"],
    [new ClosedError("closed", { code: "CLOSED" }), "ClosedError"],
  ] as const) {
    const controller = new AbortController();
    const { clock, outcome } = start(["NETWORK_EXCEPTION"], { signal: controller.signal });
    await clock.advance(50);
    controller.abort(reason);
    await clock.advance(0);
    expect(outcome.error).toMatchObject({ name, definite: false });
    expect(clock.liveTimers).toBe(0);
  }
});

test("the caller's own rule decides first, a fatal error last", async () => {
  const once = start(["STORAGE_FULL", "STORAGE_FULL"], { mayRetry: (_, __, attempts) => attempts < 2 });
  await once.clock.runUntil(() => once.outcome.settled);
  expect(once.seen).toHaveLength(2);
  const fatal = new BrookletError("fatal", { code: "NETWORK_EXCEPTION", retriable: true, fatal: true });
  const never = start([fatal], { mayRetry: () => true });
  await never.clock.runUntil(() => never.outcome.settled);
  expect(never.outcome.error).toBe(fatal);
});

test("back-off doubles up to its maximum, with a fifth of jitter, and never overflows", () => {
  const policy = { initialMs: 100, maxMs: 1_000 };
  const middle = { next: () => 0.5, uuid: () => "" };
  expect([1, 2, 3, 4, 5, 1e9].map((failures) => backoffMs(policy, failures, middle))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
  const random = simulatedRandom(3);
  for (let round = 0; round < 1_000; round++) {
    const waitMs = backoffMs(policy, 1, random);
    expect(waitMs).toBeGreaterThanOrEqual(80);
    expect(waitMs).toBeLessThanOrEqual(120);
  }
  expect(backoffMs({ initialMs: 500, maxMs: 100 }, 3, middle), "a maximum below the start").toBe(500);
});

test("the recovery is the error table's; a client's own error may be retried if it says so", () => {
  expect(recoveryOf(fromWire(wireError("FENCED_MEMBER_EPOCH")))).toBe("rejoin");
  expect(recoveryOf(new BrookletError("x", { code: "TIMEOUT", retriable: true }))).toBe("retry");
  expect(recoveryOf(new BrookletError("x", { code: "WAKEUP" }))).toBe("raise");
  expect(recoveryOf(new Error("x"))).toBe("raise");
});
