// `npm run demo`: brooklet's main job on real input. Ten thousand reports of bird strikes, six partitions, a group of
// consumers in processes of their own; one joins, one is killed, one leaves. Then the books are checked.
// Invariant: whatever happens, the children end, the broker closes, the temporary folder goes; any mismatch is exit code 1.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin, json, Producer, string } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import { startBroker } from "@brooklet/server";
import { Aggregate, type Report, readReports } from "./birdstrikes.ts";
import { Ledger, type Move } from "./ledger.ts";
import type { FromWorker } from "./messages.ts";
import { committed, epochs, heading, repeated, result, standstills, type TimelineEntry, wrap } from "./report.ts";
import { Worker } from "./workers.ts";

const TOPIC = "bird-strikes";
const GROUP = "strike-statistics";
const PARTITIONS = 6;
const SESSION_TIMEOUT_MS = 6_000;
const COMMIT_INTERVAL_MS = 1_000;
/** Slow enough that the group changes while records flow, fast enough for one cup of coffee. */
const REPLAY_PER_SECOND = 600;
const TICK_MS = 20;
const STEP_LIMIT_MS = 60_000;
/** So that the kill certainly interrupts something. */
const MIN_UNCOMMITTED = 20;

const print = (text: string) => console.log(text);
const startMs = systemClock.wallMs();
const say = (text: string) =>
  print(wrap(`${((systemClock.wallMs() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}`, " ".repeat(10)));

/** What the demo's parts share: the book, the living workers, and the first thing that went wrong. */
class Demo {
  readonly ledger = new Ledger();
  readonly workers = new Map<string, Worker>();
  readonly #bootstrapServers: string;
  readonly #stop: AbortController;

  constructor(bootstrapServers: string, stop: AbortController) {
    this.#bootstrapServers = bootstrapServers;
    this.#stop = stop;
  }

  start(name: string): Worker {
    const worker = new Worker(
      {
        name,
        bootstrapServers: this.#bootstrapServers,
        topic: TOPIC,
        groupId: GROUP,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        commitIntervalMs: COMMIT_INTERVAL_MS,
      },
      (message) => this.#hear(name, message),
      (error) => this.#stop.abort(error),
    );
    this.workers.set(name, worker);
    return worker;
  }

  #hear(name: string, message: FromWorker): void {
    if (message.kind === "processed") this.ledger.processed(name, message.deliveries, message.atMs);
    if (message.kind === "committed") this.ledger.committed(message.offsets);
  }

  /** Waits until `holds`; says what it waited for when that never comes. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = systemClock.nowMs() + STEP_LIMIT_MS;
    while (!(await holds())) {
      this.#stop.signal.throwIfAborted();
      if (systemClock.nowMs() > deadlineMs)
        throw new Error(
          `waited ${STEP_LIMIT_MS / 1000} s in vain for: ${what} (${this.ledger.recordCount} records so far; ${this.shares})`,
        );
      await sleep(systemClock, TICK_MS, this.#stop.signal);
    }
  }

  /** Every partition has exactly one of the living, and each of them has at least one. */
  get shared(): boolean {
    const owned = [...this.workers.values()].map(({ partitions }) => partitions);
    const all = owned.flatMap((partitions) => [...partitions]);
    return all.length === PARTITIONS && new Set(all).size === PARTITIONS && owned.every(({ size }) => size > 0);
  }

  get shares(): string {
    return [...this.workers.values()]
      .map(({ name, partitions }) => `${name}: ${[...partitions].sort((a, b) => a - b).join(" ")}`)
      .join(" | ");
  }
}

/** Replays the reports at a steady pace, or at once after `hurry`; resolves with every acknowledged record. */
class Replay {
  readonly #producer: Producer<string, Report>;
  readonly #hurry = new AbortController();
  readonly acknowledged: Promise<{ partition: number; offset: number }[]>;
  sent = 0;

  constructor(bootstrapServers: string, reports: readonly Report[], stop: AbortController) {
    this.#producer = new Producer<string, Report>({
      "bootstrap.servers": bootstrapServers,
      "client.id": "replay",
      "key.serializer": string,
      "value.serializer": json<Report>(),
    });
    this.acknowledged = this.#run(reports, stop.signal);
    this.acknowledged.catch((error: unknown) => stop.abort(error));
  }

  hurry(): void {
    this.#hurry.abort();
  }

  async #run(reports: readonly Report[], stop: AbortSignal): Promise<{ partition: number; offset: number }[]> {
    const sends: Promise<{ partition: number; offset: number }>[] = [];
    const failed = new AbortController();
    const beganMs = systemClock.nowMs();
    try {
      for (const report of reports) {
        const send = this.#producer.send({ topic: TOPIC, key: report.airport, value: report });
        // Each is awaited at the end; a failure ends the replay before.
        send.catch((error: unknown) => failed.abort(error));
        sends.push(send);
        this.sent++;
        const aheadMs = (this.sent * 1000) / REPLAY_PER_SECOND - (systemClock.nowMs() - beganMs);
        if (aheadMs > TICK_MS && !this.#hurry.signal.aborted)
          await sleep(systemClock, aheadMs, AbortSignal.any([this.#hurry.signal, stop])).catch(() => undefined);
        stop.throwIfAborted();
        failed.signal.throwIfAborted();
      }
      return await Promise.all(sends);
    } finally {
      await this.#producer.close({ timeoutMs: 10_000 });
    }
  }
}

async function totalLag(admin: Admin): Promise<number> {
  const described = await admin.describeTopics([TOPIC]);
  const written = described[0]?.partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0) ?? 0;
  const offsets = await admin.listGroupOffsets(GROUP);
  return written - offsets.reduce((sum, { offset }) => sum + Math.max(0, offset), 0);
}

/** The group's lag, once a second, until `over`. */
async function sampleLag(admin: Admin, over: AbortSignal): Promise<number[]> {
  const lags: number[] = [];
  while (!over.aborted) {
    lags.push(await totalLag(admin));
    await sleep(systemClock, 1_000, over).catch(() => undefined);
  }
  return lags;
}

/** The story: returns who was killed and what became of it. */
async function play(demo: Demo, admin: Admin, replay: Replay) {
  const { ledger, workers } = demo;
  const processed = (count: number) => () => ledger.recordCount >= count;
  const more = async (count: number) => {
    const target = ledger.recordCount + count;
    await demo.until(`${count} more records`, processed(target));
  };
  const reached = async (partitions: ReadonlySet<number>, who: () => ReadonlySet<string>) =>
    await demo.until("a record of every partition that moved", () => {
      const lastMoves = new Map(ledger.moves.map((move) => [move.partition, move]));
      return [...partitions].every((partition) => who().has(lastMoves.get(partition)?.to ?? ""));
    });

  const over = new AbortController();
  const sampled = sampleLag(admin, over.signal);
  // Awaited at the end of the story, which may end before.
  sampled.catch(() => undefined);
  await more(1_200);

  say("C joins.");
  demo.start("C");
  await demo.until("three workers sharing six partitions", () => demo.shared);
  const joinedMs = systemClock.wallMs();
  say(`They share the partitions: ${demo.shares}`);
  await more(900);

  const victim = workers.get("B");
  if (victim === undefined) throw new Error("B is not there");
  await demo.until("B being in the middle of something", () => ledger.uncommitted("B").length >= MIN_UNCOMMITTED);
  say(`B (process ${victim.pid}) is killed: SIGKILL, in the middle of its work.`);
  await victim.kill();
  const killedMs = systemClock.wallMs();
  const uncommitted = ledger.uncommitted("B");
  const orphans = new Set(victim.partitions);
  workers.delete("B");
  say(`B had processed ${uncommitted.length} records since its last commit.`);
  say(`Its partitions ${[...orphans].join(" ")} wait for its session to end (${SESSION_TIMEOUT_MS / 1000} s).`);
  await demo.until("the group giving B's partitions to the others", () => demo.shared);
  say(`The others have them: ${demo.shares}`);
  await reached(orphans, () => new Set(workers.keys()));
  await more(600);

  const leaver = workers.get("C");
  if (leaver === undefined) throw new Error("C is not there");
  const released = new Set(leaver.partitions);
  say("C is shut down cleanly: it commits, gives its partitions back and leaves.");
  await leaver.close();
  workers.delete("C");
  await demo.until("A owning everything", () => demo.shared);
  say(`A has them all: ${demo.shares}`);
  await reached(released, () => new Set(["A"]));

  say(`${replay.sent} reports are produced so far; now the rest at once.`);
  replay.hurry();
  const acknowledged = await replay.acknowledged;
  say(`All ${acknowledged.length} reports are acknowledged.`);
  await demo.until("lag 0", async () => (await totalLag(admin)) === 0 && ledger.recordCount >= acknowledged.length);
  say("The group's lag is 0.");
  over.abort();
  const lags = [...(await sampled), 0];
  const offsets = await admin.listGroupOffsets(GROUP);
  await workers.get("A")?.close();
  workers.delete("A");
  return { acknowledged, uncommitted, offsets, lags, joinedMs, killedMs };
}

type Outcome = Awaited<ReturnType<typeof play>>;

/** Every claim of the demo, with whether it held. */
function checks(demo: Demo, reports: readonly Report[], outcome: Outcome): [string, boolean][] {
  const { ledger } = demo;
  const { acknowledged, uncommitted, offsets } = outcome;
  const expected = new Aggregate();
  for (const report of reports) expected.add(report);
  const differences = ledger.aggregate.differences(expected);
  for (const difference of differences.slice(0, 5)) print(`  ${difference}`);
  const behindCommit = new Set(uncommitted.map(({ partition, offset }) => `${partition}:${offset}`));
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  return [
    ["every report was acknowledged, at an offset of its own", distinct(acknowledged) === reports.length],
    ["no acknowledged record was lost", acknowledged.every(({ partition, offset }) => ledger.has(partition, offset))],
    ["nothing was delivered that was not produced", ledger.recordCount === acknowledged.length],
    ["each worker saw each partition in order", partitions.every((partition) => ledger.inOrder(partition))],
    [
      "only what B had not committed was delivered twice",
      ledger.repetitions.every(({ partition, offset }) => behindCommit.has(`${partition}:${offset}`)),
    ],
    ["the kill was seen: something was delivered twice", ledger.repetitions.length > 0],
    ["all is committed, lag 0", offsets.length === PARTITIONS && offsets.every(({ lag }) => lag === 0)],
    ["strikes per airport and cost per year equal the file's", differences.length === 0],
  ];
}

function distinct(records: readonly { partition: number; offset: number }[]): number {
  return new Set(records.map(({ partition, offset }) => `${partition}:${offset}`)).size;
}

async function report(demo: Demo, admin: Admin, reports: readonly Report[], outcome: Outcome): Promise<boolean> {
  const { ledger } = demo;
  const [group] = await admin.describeGroups([GROUP]);
  const timeline: readonly TimelineEntry[] = group?.timeline ?? [];

  print(heading("Each epoch of the group: who got which partitions, and why"));
  print(epochs(timeline, startMs));

  print(heading("How long partitions stood still"));
  const because = ({ atMs, from }: Move) =>
    atMs < outcome.killedMs ? "C joined" : from === "B" ? "B was killed" : "C left";
  print(standstills(ledger.moves, startMs, because));
  const moved = new Set(ledger.moves.map(({ partition }) => partition));
  const window = [outcome.joinedMs - 3_000, outcome.killedMs] as const;
  const kept = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter((p) => !moved.has(p));
  for (const partition of kept)
    print(
      `  ${String(partition).padEnd(12)}never moved; longest pause ${ledger.longestPauseMs(partition, ...window)} ms while C joined`,
    );

  print(heading("Delivered twice because of the kill"));
  print(repeated(ledger.repetitions));
  print(
    wrap(
      "B had processed these and not committed them; the next owner began at the last commit. That is at least " +
        "once: the result counts a record once by its (partition, offset).",
      "",
    ),
  );

  print(heading("Committed offsets and lag"));
  print(committed(outcome.offsets));
  print(wrap(`Lag of the group, once a second: ${outcome.lags.join(" ")}`, "  "));

  print(heading("The result"));
  print(result(ledger.aggregate));

  print(heading("Checked"));
  const found = checks(demo, reports, outcome);
  for (const [claim, holds] of found) print(`  ${holds ? "ok    " : "FAILED"} ${claim}`);
  return found.every(([, holds]) => holds);
}

async function main(stop: AbortController): Promise<boolean> {
  const reports = readReports();
  const folder = await mkdtemp(join(tmpdir(), "brooklet-demo-"));
  try {
    await using broker = await startBroker({ data: folder, durability: "disk" });
    print(`Broker at ${broker.url}, durability disk, data in a temporary folder.`);
    const bootstrapServers = `127.0.0.1:${broker.port}`;
    await using admin = new Admin({ "bootstrap.servers": bootstrapServers });
    await admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS }]);
    print(`Topic ${TOPIC}: ${PARTITIONS} partitions; ${reports.length} reports, keyed by airport.`);
    print(`Group ${GROUP}: session.timeout.ms ${SESSION_TIMEOUT_MS},`);
    print(`each worker a process of its own that commits every ${COMMIT_INTERVAL_MS} ms.\n`);

    const demo = new Demo(bootstrapServers, stop);
    try {
      say("A and B join.");
      demo.start("A");
      demo.start("B");
      await demo.until("two workers sharing six partitions", () => demo.shared);
      say(`They share the partitions: ${demo.shares}`);
      say(`The reports are replayed, ${REPLAY_PER_SECOND} a second.`);
      const replay = new Replay(bootstrapServers, reports, stop);
      const outcome = await play(demo, admin, replay);
      return await report(demo, admin, reports, outcome);
    } finally {
      stop.abort(new Error("the demo is over"));
      await Promise.all([...demo.workers.values()].map((worker) => worker.destroy()));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    process.exitCode = 130;
    stop.abort(new Error(`interrupted by ${signal}`));
  });
main(stop).then(
  (everythingHeld) => {
    print(everythingHeld ? "\nEverything held." : "\nSomething did not hold: see FAILED above.");
    process.exitCode = everythingHeld ? 0 : 1;
  },
  (error: unknown) => {
    if (process.exitCode === 130) return console.error("\nInterrupted; everything is put away.");
    console.error(`\nThe demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 1;
  },
);
