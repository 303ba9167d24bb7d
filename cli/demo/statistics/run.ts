// `npm run demo`: brooklet's main job on real input. Ten thousand reports of bird strikes, six partitions, a group of
// consumers in processes of their own; one joins, one is killed, one leaves. Then the books are checked.

import { sleep, systemClock } from "@brooklet/protocol/world";
import { Aggregate, type Report, readReports } from "../shared/birdstrikes.ts";
import { Group } from "../shared/group.ts";
import type { Move } from "../shared/ledger.ts";
import { Replay } from "../shared/replay.ts";
import type { Claim, Screen } from "../shared/screen.ts";
import { Stage } from "../shared/stage.ts";
import { epochs } from "../shared/timeline.ts";
import { committedHead, committedRows, repeated, result, standstillHead, standstillRows } from "./report.ts";

const GROUP = "strike-statistics";
const PARTITIONS = 6;
const SESSION_TIMEOUT_MS = 6_000;
const COMMIT_INTERVAL_MS = 1_000;
/** Slow enough that the group changes while records flow, fast enough for one cup of coffee. */
const REPLAY_PER_SECOND = 600;
const LAG_INTERVAL_MS = 1_000;
/** So that the kill certainly interrupts something. */
const MIN_UNCOMMITTED = 20;

/** The group's lag, once a second, until `over`. */
async function sampleLag(stage: Stage, over: AbortSignal): Promise<number[]> {
  const lags: number[] = [];
  while (!over.aborted) {
    lags.push(await stage.lag(GROUP));
    await sleep(systemClock, LAG_INTERVAL_MS, over).catch(() => undefined);
  }
  return lags;
}

/** The story: returns who was killed and what became of it. */
async function play(stage: Stage, group: Group, replay: Replay) {
  const { ledger, members } = group;
  const say = (text: string) => stage.screen.say(text);
  const reached = async (partitions: ReadonlySet<number>, who: () => ReadonlySet<string>) =>
    await group.until("a record of every partition that moved", () => {
      const lastMoves = new Map(ledger.moves.map((move) => [move.partition, move]));
      return [...partitions].every((partition) => who().has(lastMoves.get(partition)?.to ?? ""));
    });

  const over = new AbortController();
  const sampled = sampleLag(stage, over.signal);
  // Awaited at the end of the story, which may end before.
  sampled.catch(() => undefined);
  await group.more(1_200);

  say("C joins.");
  group.start("C");
  await group.untilShared("three workers sharing six partitions");
  const joinedMs = systemClock.wallMs();
  say(`They share the partitions: ${group.shares}`);
  await group.more(900);

  const victim = group.member("B");
  await group.until("B being in the middle of something", () => ledger.uncommitted("B").length >= MIN_UNCOMMITTED);
  say(`B (process ${victim.pid}) is killed: SIGKILL, in the middle of its work.`);
  await group.kill("B");
  const killedMs = systemClock.wallMs();
  const uncommitted = ledger.uncommitted("B");
  const orphans = new Set(victim.partitions);
  say(`B had processed ${uncommitted.length} records since its last commit.`);
  say(`Its partitions ${[...orphans].join(" ")} wait for its session to end (${SESSION_TIMEOUT_MS / 1000} s).`);
  await group.untilShared("the group giving B's partitions to the others");
  say(`The others have them: ${group.shares}`);
  await reached(orphans, () => new Set(members.keys()));
  await group.more(600);

  const released = new Set(group.member("C").partitions);
  say("C is shut down cleanly: it commits, gives its partitions back and leaves.");
  await group.close("C");
  await group.untilShared("A owning everything");
  say(`A has them all: ${group.shares}`);
  await reached(released, () => new Set(["A"]));

  say(`${replay.sent} reports are produced so far; now the rest at once.`);
  replay.hurry();
  const acknowledged = await replay.acknowledged;
  say(`All ${acknowledged.length} reports are acknowledged.`);
  await group.until("lag 0", async () => (await stage.lag(GROUP)) === 0 && ledger.recordCount >= acknowledged.length);
  say("The group's lag is 0.");
  over.abort();
  const lags = [...(await sampled), 0];
  const offsets = await stage.admin.listGroupOffsets(GROUP);
  await group.close("A");
  return { acknowledged, uncommitted, offsets, lags, joinedMs, killedMs };
}

type Outcome = Awaited<ReturnType<typeof play>>;

/** Every claim of the demo, with whether it held. */
function claimsOf({ ledger }: Group, outcome: Outcome, reports: readonly Report[], differences: string[]): Claim[] {
  const { acknowledged, uncommitted, offsets } = outcome;
  const name = ({ partition, offset }: { partition: number; offset: number }) => `${partition}:${offset}`;
  const behindCommit = new Set(uncommitted.map(name));
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  return [
    {
      text: "every report was acknowledged, at an offset of its own",
      holds: new Set(acknowledged.map(name)).size === reports.length,
    },
    { text: "no acknowledged record was lost", holds: acknowledged.every((place) => ledger.has(place)) },
    { text: "nothing was delivered that was not produced", holds: ledger.recordCount === acknowledged.length },
    {
      text: "each worker saw each partition in order",
      holds: partitions.every((partition) => ledger.inOrder(partition)),
    },
    {
      text: "only what B had not committed was delivered twice",
      holds: ledger.repetitions.every((repetition) => behindCommit.has(name(repetition))),
    },
    { text: "the kill was seen: something was delivered twice", holds: ledger.repetitions.length > 0 },
    {
      text: "all is committed, lag 0",
      holds: offsets.length === PARTITIONS && offsets.every(({ lag }) => lag === 0),
    },
    { text: "strikes per airport and cost per year equal the file's", holds: differences.length === 0 },
  ];
}

async function report(stage: Stage, group: Group, aggregate: Aggregate, reports: readonly Report[], outcome: Outcome) {
  const { screen } = stage;
  const { ledger } = group;
  const [described] = await stage.admin.describeGroups([GROUP]);

  screen.heading("Each epoch of the group: who got which partitions, and why");
  screen.line(epochs(described?.timeline ?? [], screen.startMs, screen));

  screen.heading("How long partitions stood still");
  const because = ({ atMs, from }: Move) =>
    atMs < outcome.killedMs ? "C joined" : from === "B" ? "B was killed" : "C left";
  screen.table(standstillHead, standstillRows(ledger.moves, screen.startMs, because));
  const moved = new Set(ledger.moves.map(({ partition }) => partition));
  const window = [outcome.joinedMs - 3_000, outcome.killedMs] as const;
  const kept = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter((p) => !moved.has(p));
  for (const partition of kept)
    screen.text(
      `  ${String(partition).padEnd(11)}never moved; longest pause ${ledger.longestPauseMs(partition, ...window)} ms while C joined`,
    );

  screen.heading("Delivered twice because of the kill");
  screen.text(repeated(ledger.repetitions));
  screen.text(
    "B had processed these and not committed them; the next owner began at the last commit. That is at least " +
      "once: the result counts a record once by its (partition, offset).",
  );

  screen.heading("Committed offsets and lag");
  screen.table(committedHead, committedRows(outcome.offsets));
  screen.text(`  Lag of the group, once a second: ${outcome.lags.join(" ")}`);

  screen.heading("The result");
  screen.text(result(aggregate));

  const expected = new Aggregate();
  for (const report of reports) expected.add(report);
  const differences = aggregate.differences(expected);
  for (const difference of differences.slice(0, 5)) screen.text(`  ${difference}`);
  const claims = claimsOf(group, outcome, reports, differences);
  const figures = { records: ledger.recordCount, repeated: ledger.repetitions.length, moves: ledger.moves };
  return { held: screen.checked(claims), figures: { ...figures, claims } };
}

/** Plays the demo; `held` if everything was as it says. */
export async function strikeStatistics(screen: Screen, stop: AbortController) {
  const reports = readReports();
  return await Stage.with({ screen, stop, partitions: PARTITIONS }, async (stage) => {
    screen.text(`Broker at ${stage.url}, durability disk, data in a temporary folder.`);
    screen.text(`Topic bird-strikes: ${PARTITIONS} partitions; ${reports.length} reports, keyed by airport.`);
    screen.text(`Group ${GROUP}: session.timeout.ms ${SESSION_TIMEOUT_MS},`);
    screen.text(`each worker a process of its own that commits every ${COMMIT_INTERVAL_MS} ms.\n`);

    const aggregate = new Aggregate();
    const timing = { sessionTimeoutMs: SESSION_TIMEOUT_MS, commitIntervalMs: COMMIT_INTERVAL_MS };
    const group = new Group(stage, GROUP, timing, {
      onFresh: (deliveries) => {
        for (const delivery of deliveries) aggregate.add(delivery);
      },
      onCommitFailed: (member, text) => stop.abort(new Error(`${member}: ${text}`)),
    });
    screen.say("A and B join.");
    group.start("A");
    group.start("B");
    await group.untilShared("two workers sharing six partitions");
    screen.say(`They share the partitions: ${group.shares}`);
    screen.say(`The reports are replayed, ${REPLAY_PER_SECOND} a second.`);
    const outcome = await play(stage, group, new Replay(stage, reports, { perSecond: REPLAY_PER_SECOND }));
    return await report(stage, group, aggregate, reports, outcome);
  });
}
