// `npm run demo -- commits`: the same reports, four consumers side by side, each with its way to commit. The network fails under
// two of them, all are killed, all are started again, and what is lost and repeated is counted.

import { readReports } from "../shared/birdstrikes.ts";
import { Replay } from "../shared/replay.ts";
import type { Screen } from "../shared/screen.ts";
import { counted } from "../shared/screen.ts";
import { Stage } from "../shared/stage.ts";
import { Network } from "./network.ts";
import { type CommitsFigures, claimsOf, lessons, markdownOf, reasons, tableHead, tableRows, titles } from "./report.ts";
import { type Pace, Runner } from "./runner.ts";
import { type WayName, wayNames } from "./task.ts";

const PARTITIONS = 3;
/** Slow enough for a story, fast enough to be read to the end. */
export const usualPace: Pace = {
  reports: 10_000,
  sessionTimeoutMs: 6_000,
  autoCommitIntervalMs: 1_000,
  batchRecords: 100,
  workMs: 1,
};
/** Batches before anything fails, and how long a failure of the network lasts: until commitAsync has done so many more. */
const BATCHES_BEFORE = 4;
const BATCHES_IN_FAILURE = 3;
/**
 * The kill comes when so many batches lie between the work and the last automatic commit: so few that the next commit is not
 * due, and so many that the work does not catch up before the process is dead.
 */
const BATCHES_BEHIND = { least: 2, most: 5 };
const BATCHES_AHEAD = 4;

type Runners = Readonly<Record<WayName, Runner>>;

function introduce({ screen, url }: Stage, pace: Pace): void {
  screen.text(`Broker at ${url}, durability disk, data in a temporary folder.`);
  screen.text(
    `${counted(pace.reports)} reports of bird strikes lie in a topic of ${PARTITIONS} partitions. Four consumers, each a process ` +
      "and a group of its own, store them one after the other. They differ in how they commit:\n",
  );
  for (const way of wayNames) screen.text(`  - ${titles[way]}`);
  screen.text(
    `\nA batch is ${pace.batchRecords} records (max.poll.records), auto.commit.interval.ms is ${pace.autoCommitIntervalMs} ` +
      "(5000 unless set). What is going to happen: the network fails for a moment under the two that commit by " +
      "hand; later every process is killed (SIGKILL), at a moment that shows what its way can do; then each is " +
      "started again, as after any crash. Production picks such moments without being asked.\n",
  );
}

/** The network fails until commitAsync has worked on for some batches; `then` happens while nothing gets through. */
async function failure(
  stage: Stage,
  network: Network,
  { commitAsync }: Runners,
  pace: Pace,
  then: () => Promise<void>,
) {
  const goal = commitAsync.processed + BATCHES_IN_FAILURE * pace.batchRecords;
  network.fail();
  await stage.until("commitAsync going on without a network", () => commitAsync.processed >= goal);
  await then();
  network.repair();
}

/** The first failure: somebody comes back to tell of it. */
async function survive(stage: Stage, network: Network, runners: Runners, pace: Pace): Promise<void> {
  const { commitAsync, commit } = runners;
  const say = (text: string) => stage.screen.say(text);
  const before = { commitAsync: commitAsync.processed, commit: commit.processed };
  say(
    "The network between the broker and the two that commit by hand fails: bytes vanish, nobody is told (a switch died).",
  );
  await failure(stage, network, runners, pace, async () =>
    say(
      `Meanwhile commitAsync() has worked on: ${commitAsync.processed - before.commitAsync} records. commit() waits: ` +
        `${commit.processed - before.commit} records.`,
    ),
  );
  say("The network is back; the old connections are reset.");
  await stage.until(
    "a later commit that covers those that failed",
    () => commitAsync.failedCommits.length > 0 && commitAsync.failedCommitsAreCovered,
    () => `(${commitAsync.failedCommits.length} failed)`,
  );
  const { failedCommits } = commitAsync;
  say(
    `commitAsync(): ${failedCommits.length} commits have failed (${failedCommits[0]?.code}) and are not sent again. The next ` +
      "one is stored and covers them.",
  );
  const resumed = commit.processed;
  await stage.until("commit() going on", () => commit.processed > resumed);
  say("commit(): nothing has failed; it sent again until the broker had it, and goes on.");
}

/** Every process is killed, each at its moment. */
async function crash(stage: Stage, network: Network, runners: Runners, pace: Pace): Promise<void> {
  const { autoAwaited, autoNotAwaited, commitAsync, commit } = runners;
  const batches = (count: number) => count * pace.batchRecords;
  const say = (text: string) => stage.screen.say(text);
  const automatic = async (runner: Runner, what: string, isTime: (ahead: number) => boolean) => {
    let ahead = 0;
    await stage.until(what, async () => {
      ahead = await runner.aheadOfCommit();
      return isTime(ahead);
    });
    await runner.kill();
    return ahead;
  };
  const killAwaited = async () => {
    const { least, most } = BATCHES_BEHIND;
    const isBetween = (ahead: number) => ahead >= batches(least) && ahead <= batches(most);
    const ahead = await automatic(autoAwaited, "auto commit between two commits", isBetween);
    say(`KILL ${titles.autoAwaited}: ${ahead} records after its last commit.`);
  };
  const killNotAwaited = async () => {
    const isAhead = (ahead: number) => ahead <= -batches(BATCHES_AHEAD);
    const ahead = await automatic(autoNotAwaited, "a commit ahead of the work", isAhead);
    say(`KILL ${titles.autoNotAwaited}: its commit is ${-ahead} records ahead of its work.`);
  };
  const killByHand = async () => {
    await stage.until("commit() in the middle of a batch", async () => {
      const ahead = await commit.aheadOfCommit();
      return ahead > 0 && ahead <= pace.batchRecords / 2;
    });
    say("The network fails again.");
    await failure(stage, network, runners, pace, async () => {
      await Promise.all([commitAsync.kill(), commit.kill()]);
      say("KILL commitAsync() and commit(), while nothing gets through.");
    });
  };
  await Promise.all([killAwaited(), killNotAwaited(), killByHand()]);
}

async function figuresOf(stage: Stage, runners: Runners, wereCovered: boolean, pace: Pace): Promise<CommitsFigures> {
  const ends = await stage.ends();
  const ways = wayNames.map(async (way) => {
    const runner = runners[way];
    const failed = { failedCommits: runner.failedCommits.length, failedCommitsWereCovered: wereCovered };
    return { way, ...runner.account(ends), ...failed, lag: await stage.lag(runner.groupId) };
  });
  return { reports: pace.reports, batchRecords: pace.batchRecords, ways: await Promise.all(ways) };
}

function report(screen: Screen, figures: CommitsFigures): boolean {
  screen.heading("What the crash cost");
  screen.table(tableHead, tableRows(figures));
  screen.text("\nlost: committed and never processed; they never come again. repeated: processed more than once.");
  screen.heading("Why");
  for (const [title, text] of reasons(figures)) {
    screen.line(title, "bold");
    screen.text(`  ${text}`);
  }
  screen.heading("What to learn");
  for (const lesson of lessons) screen.item("  -", lesson);
  return screen.checked(claimsOf(figures));
}

/** Plays the demo; `held` if everything was as it says. */
export async function waysToCommit(screen: Screen, stop: AbortController, pace = usualPace) {
  const reports = readReports().slice(0, pace.reports);
  const settings = { "group.min.session.timeout.ms": pace.sessionTimeoutMs };
  return await Stage.with({ screen, stop, partitions: PARTITIONS, settings }, async (stage) => {
    introduce(stage, pace);
    await using network = await Network.open(stage.port);
    await new Replay(stage, reports).acknowledged;
    const start = (way: WayName, server: string) => new Runner(stage, way, server, pace);
    const runners: Runners = {
      autoAwaited: start("autoAwaited", stage.server),
      autoNotAwaited: start("autoNotAwaited", stage.server),
      commitAsync: start("commitAsync", network.server),
      commit: start("commit", network.server),
    };
    const all = Object.values(runners);
    const enough = BATCHES_BEFORE * pace.batchRecords;
    await stage.until("four consumers at work", () => all.every(({ processed }) => processed >= enough));
    screen.say("Four consumers are at work.");

    await survive(stage, network, runners, pace);
    const wereCovered = runners.commitAsync.failedCommitsAreCovered;
    await crash(stage, network, runners, pace);

    screen.say(
      `All four are started again. Their groups wait until the dead ones' sessions end: session.timeout.ms, ` +
        `${pace.sessionTimeoutMs / 1000} s.`,
    );
    for (const runner of all) runner.startAgain();
    await Promise.all(all.map((runner) => runner.finish()));
    screen.say("All four are at the end of the topic, with everything committed: lag 0.");
    const figures = await figuresOf(stage, runners, wereCovered, pace);
    return { held: report(screen, figures), figures, markdown: markdownOf(figures) };
  });
}
