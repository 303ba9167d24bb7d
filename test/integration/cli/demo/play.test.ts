// The demos played for real, faster than people see them: real consumers in processes of their own, real kills.

import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { waysToCommit } from "../../../../cli/demo/commits/run.ts";
import { rebalances } from "../../../../cli/demo/rebalance/run.ts";
import { Screen } from "../../../../cli/demo/shared/screen.ts";

/** Seconds where nothing else runs; processes, sessions and kills on a busy machine take what they take. */
const LIMIT_MS = 90_000;

function shown() {
  const texts: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      texts.push(String(chunk));
      done();
    },
  });
  return { screen: new Screen(stream, {}), text: () => texts.join("") };
}

test.concurrent("commits: what each way loses and repeats in a crash", { timeout: LIMIT_MS }, async () => {
  const { screen, text } = shown();
  const pace = { reports: 5_000, sessionTimeoutMs: 2_000, autoCommitIntervalMs: 1_000, batchRecords: 100, workMs: 1 };
  const { held, figures } = await waysToCommit(screen, new AbortController(), pace);
  expect(held, text()).toBe(true);
  const of = (way: string) => {
    const found = figures.ways.find((one) => one.way === way);
    if (found === undefined) throw new Error(`no figures of ${way}`);
    return found;
  };
  expect(of("autoAwaited").lost).toBe(0);
  expect(of("autoAwaited").repeated).toBeGreaterThan(0);
  expect(of("autoNotAwaited").lost).toBeGreaterThan(0);
  expect(of("commitAsync")).toMatchObject({ lost: 0, failedCommitsWereCovered: true });
  expect(of("commitAsync").failedCommits).toBeGreaterThan(0);
  expect(of("commitAsync").repeated).toBeGreaterThan(pace.batchRecords);
  expect(of("commit").lost).toBe(0);
  expect(of("commit").repeated).toBeLessThanOrEqual(pace.batchRecords);
  expect(
    Math.max(
      ...text()
        .split("\n")
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(80);
});

const REBALANCE = "rebalance: what moves and what stays under join, leave, kill, slow poll and static restart";
test.concurrent(REBALANCE, { timeout: LIMIT_MS }, async () => {
  const { screen, text } = shown();
  const pace = {
    perSecond: 600,
    sessionTimeoutMs: 2_000,
    maxPollIntervalMs: 1_500,
    stallMs: 2_000,
    commitIntervalMs: 300,
    quietRecords: 20,
  };
  const { held, figures } = await rebalances(screen, new AbortController(), pace);
  expect(held, text()).toBe(true);
  expect(figures.lost).toBe(0);
  const moved = new Map(figures.events.map(({ event, handovers }) => [event, handovers.length]));
  expect([moved.get("join"), moved.get("leave"), moved.get("staticRestart")]).toEqual([2, 2, 0]);
  const told = text().replaceAll(/\s+/g, " ");
  expect(told).toMatch(/D leaves, holding [\d -]+ \(max\.poll\.interval\.ms 1500 exceeded/);
  expect(told).toMatch(/B is removed, holding [\d -]+ \(no heartbeat for/);
  expect(
    Math.max(
      ...text()
        .split("\n")
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(80);
});
