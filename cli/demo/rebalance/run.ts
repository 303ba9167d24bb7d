// `npm run demo -- rebalance`: one group under everything that happens to groups, while records flow in every partition. What
// moved and how long each partition stood still is measured from outside; why, the broker's timeline says.

import { readReports } from "../shared/birdstrikes.ts";
import { Group } from "../shared/group.ts";
import { Replay } from "../shared/replay.ts";
import { counted, type Screen } from "../shared/screen.ts";
import { Stage } from "../shared/stage.ts";
import { epochs, type TimelineEntry } from "../shared/timeline.ts";
import { Observer } from "./observer.ts";
import {
  claimsOf,
  lessons,
  markdownOf,
  movement,
  type RebalanceFigures,
  reasonOf,
  repetitionReason,
  tableHead,
  tableRows,
  titles,
} from "./report.ts";

const PARTITIONS = 6;
const GROUP = "strike-watch";
/** A's group.instance.id. */
const INSTANCE = "desk-a";

/** Times of the experiment. */
export interface Pace {
  readonly perSecond: number;
  readonly sessionTimeoutMs: number;
  readonly maxPollIntervalMs: number;
  /** How long D works on one batch. */
  readonly stallMs: number;
  readonly commitIntervalMs: number;
  /** Records between two events, so that each is seen by itself. */
  readonly quietRecords: number;
}

export const usualPace: Pace = {
  perSecond: 300,
  sessionTimeoutMs: 6_000,
  maxPollIntervalMs: 3_000,
  stallMs: 5_000,
  commitIntervalMs: 500,
  quietRecords: 200,
};

function introduce({ screen, url }: Stage, pace: Pace): void {
  screen.text(`Broker at ${url}, durability disk, data in a temporary folder.`);
  screen.text(
    `Reports of bird strikes are dealt out to ${PARTITIONS} partitions in turn, ${pace.perSecond} a second: each partition has one ` +
      `every ${Math.round((PARTITIONS * 1000) / pace.perSecond)} ms. A partition without a record for longer stands still because of ` +
      "the group.\n",
  );
  screen.text(
    `Group ${GROUP}: every member a process of its own; session.timeout.ms ${pace.sessionTimeoutMs} (45000 unless set), ` +
      `max.poll.interval.ms ${pace.maxPollIntervalMs} (300000 unless set). A has a group.instance.id, the others have none.\n`,
  );
  screen.text(
    "What is going to happen: C joins; C leaves; B is killed; D comes in its place; D takes too long for one batch; A is " +
      "restarted.\n",
  );
}

async function play(
  stage: Stage,
  group: Group,
  observer: Observer,
  failed: readonly unknown[],
  pace: Pace,
): Promise<void> {
  const asStatic = { instanceId: INSTANCE };
  stage.screen.say("A (static) and B join, and records flow.");
  group.start("A", asStatic);
  group.start("B");
  await group.untilShared("A and B sharing the partitions");
  await group.more(pace.quietRecords);

  await observer.see("join", "C joins.", async () => {
    group.start("C");
    await group.untilShared("three members sharing the partitions");
  });
  await observer.see("leave", "C is shut down: close().", async () => {
    await group.close("C");
    await group.untilShared("A and B having C's partitions");
  });
  await observer.see("kill", `B (process ${group.member("B").pid}) is killed: SIGKILL.`, async () => {
    await group.kill("B");
    await group.untilShared("A having B's partitions");
  });
  await observer.see("replace", "D joins in B's place.", async () => {
    group.start("D");
    await group.untilShared("A and D sharing the partitions");
  });
  await observer.see("slowPoll", `D works on one batch for ${pace.stallMs / 1000} s.`, async () => {
    group.member("D").stall(pace.stallMs);
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    await group.until("A having all partitions", () => all.every((partition) => group.ownerOf(partition) === "A"));
    stage.screen.say("D has left by itself; A has its partitions.");
    await group.until("D's late commit", () => failed.length > 0);
    stage.screen.say("D's handler has ended, and D's commit fails. D polls again.");
    await group.untilShared("A and D sharing the partitions again");
  });
  await observer.see("staticRestart", "A is restarted: close(), and the same group.instance.id again.", async () => {
    await group.close("A");
    group.start("A", asStatic);
    await group.untilShared("A having its partitions again");
  });
}

function report(
  screen: Screen,
  figures: RebalanceFigures,
  { observed, names }: Observer,
  timeline: readonly TimelineEntry[],
): boolean {
  for (const { figures: one, fromMs, toMs } of observed) {
    screen.heading(titles[one.event]);
    screen.text("The broker's timeline:");
    const isShown = ({ atMs }: TimelineEntry) => atMs >= fromMs && atMs <= toMs;
    screen.line(epochs(timeline, screen.startMs, { columns: screen.columns, isShown, names }));
    screen.line();
    for (const [label, text] of movement(one)) screen.item(label, text);
    screen.item("why:", reasonOf(one.event, figures));
  }
  screen.heading("Longest time without a record, in ms");
  screen.table(tableHead(PARTITIONS), tableRows(figures));
  screen.text(
    "\n* the partition got another owner. The start of a process takes the processor from everybody for a moment: compare " +
      "what moved with what stayed.",
  );

  screen.heading("Processed twice");
  for (const { first, again, records } of figures.repeated)
    screen.text(`  ${records} records: first by ${first}, again by ${again} (${repetitionReason(first, again)})`);
  screen.heading("Commits that failed");
  for (const { member, text } of figures.failedCommits) screen.text(`  ${member}: ${text}`);
  screen.heading("What to learn");
  for (const lesson of lessons) screen.item("  -", lesson);
  return screen.checked(claimsOf(figures));
}

/** Plays the demo; `held` if everything was as it says. */
export async function rebalances(screen: Screen, stop: AbortController, pace = usualPace) {
  const reports = readReports();
  const settings = { "group.min.session.timeout.ms": pace.sessionTimeoutMs };
  return await Stage.with({ screen, stop, partitions: PARTITIONS, settings }, async (stage) => {
    introduce(stage, pace);
    const failedCommits: { member: string; text: string }[] = [];
    const { sessionTimeoutMs, maxPollIntervalMs, commitIntervalMs, stallMs } = pace;
    const timing = { sessionTimeoutMs, maxPollIntervalMs, commitIntervalMs };
    const group = new Group(stage, GROUP, timing, {
      onCommitFailed: (member, text) => void failedCommits.push({ member, text }),
    });
    const replay = new Replay(stage, reports, {
      perSecond: pace.perSecond,
      partitionOf: (index) => index % PARTITIONS,
      endless: true,
    });
    const observer = new Observer(stage, group, pace.quietRecords);
    await play(stage, group, observer, failedCommits, pace);

    replay.finish();
    const acknowledged = await replay.acknowledged;
    await group.until("everything processed and committed", async () => (await stage.lag(GROUP)) === 0);
    for (const name of [...group.members.keys()]) await group.close(name);
    screen.say(`${counted(acknowledged.length)} records were produced; the group's lag is 0.`);

    const { ledger } = group;
    const byPath = Map.groupBy(ledger.repetitions, ({ first, again }) => `${first} ${again}`).values();
    const figures: RebalanceFigures = {
      ...{ sessionTimeoutMs, maxPollIntervalMs, stallMs },
      events: observer.observed.map(({ figures }) => figures),
      quietMs: observer.quietMs,
      processed: ledger.recordCount,
      lost: acknowledged.filter((place) => !ledger.has(place)).length,
      repeated: byPath
        .flatMap((group) => group.slice(0, 1).map(({ first, again }) => ({ first, again, records: group.length })))
        .toArray(),
      failedCommits,
    };
    const [described] = await stage.admin.describeGroups([GROUP]);
    const held = report(screen, figures, observer, described?.timeline ?? []);
    return { held, figures, markdown: markdownOf(figures) };
  });
}
