// The commit queue against a storage whose verdicts the test gives. Hard place 1 of DESIGN.md section 4.

import { ProtocolError } from "@brooklet/protocol";
import { type Deferred, deferred } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import type { Change, Storage, Turn, TurnVerdict } from "../../../server/src/storage/storage.ts";
import { CommitQueue, type Staged } from "../../../server/src/storage/turns.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { append } from "../../support/stored.ts";

const full: TurnVerdict = { outcome: "full", message: "disk full" };
const essentialOnly: TurnVerdict = { outcome: "essentialOnly", message: "disk full" };
const durable: TurnVerdict = { outcome: "durable" };
const refused: TurnVerdict = { outcome: "refused", message: "an earlier turn failed" };
const failed: TurnVerdict = { outcome: "failed", message: "disk I/O error" };

/** A storage that only remembers; verdicts come from the test. */
class ScriptedStorage implements Storage {
  readonly durability = "memory";
  readonly dataFile = undefined;
  readonly turns: Turn[] = [];
  readonly verdicts: Deferred<TurnVerdict>[] = [];
  readonly stopped = deferred<Error>();
  readonly failed = this.stopped.promise;
  space = false;
  probes = 0;
  write(turn: Turn): Promise<TurnVerdict> {
    this.turns.push(turn);
    const verdict = deferred<TurnVerdict>();
    this.verdicts.push(verdict);
    return verdict.promise;
  }
  /** Of the turn with this number. */
  answer(number: number, verdict: TurnVerdict): void {
    this.verdicts[number - 1]?.resolve(verdict);
  }
  regainSpace(): Promise<boolean> {
    this.probes += 1;
    return Promise.resolve(this.space);
  }
  read = () => Promise.resolve([]);
  findByTimestamp = () => Promise.resolve(undefined);
  findMaxTimestamp = () => Promise.resolve(undefined);
  stats = () => ({ walBytes: 0, databaseBytes: 0 });
  close = () => Promise.resolve();
}

/**
 * A part of the broker with a memory: a number that runs ahead, and the durable one it is restored to. Every call is noted in
 * `events`.
 */
function rig() {
  const clock = new SimulatedClock();
  const storage = new ScriptedStorage();
  const events: string[] = [];
  const bugs: string[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => bugs.push(message) };
  const causes: Error[] = [];
  const queue = new CommitQueue({ storage, clock, logger, onStopped: (cause) => causes.push(cause) });
  const memory = { end: 0, durableEnd: 0 };
  queue.register({
    restore() {
      memory.end = memory.durableEnd;
      events.push(`restore to ${memory.durableEnd}`);
    },
  });
  const stage = (name: string, { essential = false, changes = [] as Change[] } = {}): Staged => {
    memory.end += 1;
    const end = memory.end;
    const staged: Staged = {
      essential,
      changes,
      durable() {
        memory.durableEnd = end;
        events.push(`${name} durable`);
      },
      failed: (error) => events.push(`${name} ${error.code}`),
    };
    queue.stage(staged);
    return staged;
  };
  const passes = () => clock.advance(0);
  return { clock, storage, events, bugs, causes, queue, memory, stage, passes };
}

/** One turn for each name, all in flight. */
async function inFlight({ stage, passes }: ReturnType<typeof rig>, names: readonly string[]) {
  for (const name of names) {
    stage(name);
    await passes();
  }
}

test("what is staged in one pass of the event loop is one turn, settled in staging order", async () => {
  const { storage, events, stage, passes } = rig();
  stage("a");
  stage("b", { essential: true });
  stage("c");
  expect(storage.turns).toHaveLength(0);
  await passes();
  expect(storage.turns).toHaveLength(1);
  expect(storage.turns[0]?.parts).toHaveLength(3);
  expect(storage.turns[0]).toMatchObject({ number: 1, generation: 1 });
  storage.answer(1, durable);
  await passes();
  expect(events).toEqual(["a durable", "b durable", "c durable"]);
});

test("five turns are in flight at most; what is staged meanwhile becomes one turn, sealed when it is sent", async () => {
  const world = rig();
  const { storage, queue, stage, passes } = world;
  let seals = 0;
  queue.register({
    seal() {
      seals += 1;
    },
  });
  await inFlight(world, ["a", "b", "c", "d", "e"]);
  stage("f");
  await passes();
  stage("g");
  await passes();
  expect(storage.turns).toHaveLength(5);
  expect(seals).toBe(5);
  storage.answer(1, durable);
  await passes();
  expect(seals).toBe(6);
  expect(storage.turns).toHaveLength(6);
  expect(storage.turns[5]?.parts).toHaveLength(2);
});

test("seal stages into the turn that is being sealed, in the order of registration", async () => {
  const { storage, queue, stage, passes } = rig();
  const put = (name: string): Staged => ({
    essential: false,
    changes: [{ kind: "putCounter", name, value: 1 }],
    durable() {},
    failed() {},
  });
  let wanted = true;
  const once = (name: string) => ({
    seal: () => {
      if (wanted) queue.stage(put(name));
    },
  });
  queue.register(once("first"));
  queue.register(once("second"));
  queue.requestTurn();
  await passes();
  expect(storage.turns[0]?.parts.map((part) => part.changes[0])).toMatchObject([{ name: "first" }, { name: "second" }]);
  wanted = false;
  queue.requestTurn();
  await passes();
  expect(storage.turns).toHaveLength(1);
  stage("later");
  await passes();
  expect(storage.turns).toHaveLength(2);
});

test.each([1, 2, 3, 4, 5])(
  "turn %i of five in flight meets a full disk: it and all behind it fail, restored first",
  async (k) => {
    const world = rig();
    const { storage, events, queue, memory, stage, passes } = world;
    const names = ["t1", "t2", "t3", "t4", "t5"];
    await inFlight(world, names);
    stage("open");
    for (let number = 1; number < k; number++) storage.answer(number, durable);
    await passes();
    storage.answer(k, full);
    // The writer refuses the rest of the generation; those verdicts come later and change nothing.
    for (let number = k + 1; number <= 5; number++) storage.answer(number, refused);
    await passes();

    const lived = names.slice(0, k - 1).map((name) => `${name} durable`);
    const died = [...names.slice(k - 1), "open"].map((name) => `${name} STORAGE_FULL`);
    expect(events).toEqual([...lived, `restore to ${k - 1}`, ...died]);
    expect(memory.end).toBe(k - 1);
    expect(queue.storageFull).toBe(true);

    events.length = 0;
    stage("fresh");
    await passes();
    const sent = storage.turns.at(-1);
    expect(sent).toMatchObject({ generation: 2, number: storage.turns.length });
    storage.answer(storage.turns.length, durable);
    await passes();
    expect(events).toEqual(["fresh durable"]);
    expect(memory.durableEnd).toBe(k);
  },
);

test.each([1, 2, 3, 4, 5])(
  "turn %i of five in flight meets an I/O error: unknown for it and all behind, then nothing",
  async (k) => {
    const world = rig();
    const { storage, events, queue, causes, clock, stage, passes } = world;
    const names = ["t1", "t2", "t3", "t4", "t5"];
    await inFlight(world, names);
    stage("open");
    for (let number = 1; number < k; number++) storage.answer(number, durable);
    storage.answer(k, failed);
    for (let number = k + 1; number <= 5; number++) storage.answer(number, failed);
    storage.stopped.resolve(new Error("disk I/O error"));
    await passes();

    const lived = names.slice(0, k - 1).map((name) => `${name} durable`);
    const died = [...names.slice(k - 1), "open"].map((name) => `${name} KAFKA_STORAGE_ERROR`);
    expect(events).toEqual([...lived, `restore to ${k - 1}`, ...died]);
    expect(causes).toHaveLength(1);
    expect(causes[0]?.message).toContain("disk I/O error");

    events.length = 0;
    stage("late");
    await passes();
    expect(events).toEqual([`restore to ${k - 1}`, "late KAFKA_STORAGE_ERROR"]);
    expect(storage.turns).toHaveLength(5);
    await queue.drain();
    queue.close();
    expect(clock.liveTimers).toBe(0);
  },
);

test("with the disk full, essential parts are durable before anything is restored, and so kept", async () => {
  const { storage, events, memory, stage, passes } = rig();
  stage("produce");
  stage("commit", { essential: true });
  stage("produce too");
  await passes();
  stage("commit behind", { essential: true });
  await passes();
  storage.answer(1, essentialOnly);
  await passes();
  expect(events).toEqual([
    "commit durable",
    "restore to 2",
    "produce STORAGE_FULL",
    "produce too STORAGE_FULL",
    "commit behind STORAGE_FULL",
  ]);
  expect(memory.end).toBe(2);
});

test("what a durable() of the failed turn stages was computed before the restore, and fails too", async () => {
  const { storage, events, queue, stage, passes } = rig();
  stage("produce");
  queue.stage({
    essential: true,
    changes: [],
    durable: () => void stage("consequence", { essential: true }),
    failed() {},
  });
  await passes();
  storage.answer(1, essentialOnly);
  await passes();
  expect(events).toEqual(["restore to 0", "produce STORAGE_FULL", "consequence STORAGE_FULL"]);
  expect(storage.turns).toHaveLength(1);
});

test("what a failed() stages belongs to the next generation", async () => {
  const { storage, events, queue, stage, passes } = rig();
  queue.stage({ essential: false, changes: [], durable() {}, failed: () => void stage("again") });
  await passes();
  storage.answer(1, full);
  await passes();
  expect(storage.turns[1]).toMatchObject({ number: 2, generation: 2 });
  storage.answer(2, durable);
  await passes();
  expect(events).toEqual(["restore to 0", "again durable"]);
});

test("a turn that only the reserve made room for is durable, and the disk is full from then on: the reserve must come back", async () => {
  const { clock, storage, events, queue, stage, passes } = rig();
  stage("commit", { essential: true });
  await passes();
  stage("behind");
  await passes();
  storage.answer(1, { outcome: "durable", reserveGivenUp: "disk full" });
  storage.answer(2, durable);
  await passes();
  expect(events).toEqual(["commit durable", "behind durable"]);
  expect(queue.storageFull).toBe(true);
  await clock.advance(1500);
  expect(storage.probes).toBe(1);
  storage.space = true;
  await clock.advance(1000);
  expect(queue.storageFull).toBe(false);
});

test("a full disk is asked for room once a second, until there is some", async () => {
  const { clock, storage, queue, stage, passes } = rig();
  stage("produce", { changes: [append(1, 0)] });
  await passes();
  storage.answer(1, full);
  await passes();
  expect(queue.storageFull).toBe(true);
  await clock.advance(3500);
  expect(storage.probes).toBe(3);
  expect(queue.storageFull).toBe(true);
  storage.space = true;
  await clock.advance(1000);
  expect(queue.storageFull).toBe(false);
  expect(clock.liveTimers).toBe(0);
});

test("a storage that dies between turns stops the queue", async () => {
  const { storage, causes, events, stage, passes } = rig();
  storage.stopped.resolve(new Error("the writer thread ended"));
  await passes();
  expect(causes.map((cause) => cause.message)).toEqual(["the writer thread ended"]);
  stage("late");
  await passes();
  expect(events).toEqual(["restore to 0", "late KAFKA_STORAGE_ERROR"]);
});

test("a refusal without a failed turn before it stops the queue: the storage will not write again", async () => {
  const { storage, causes, events, stage, passes } = rig();
  stage("a");
  await passes();
  storage.answer(1, refused);
  await passes();
  expect(events).toEqual(["restore to 0", "a KAFKA_STORAGE_ERROR"]);
  expect(causes).toHaveLength(1);
});

test("verdicts that overtake each other are settled in the order of the turns", async () => {
  const world = rig();
  await inFlight(world, ["a", "b"]);
  world.storage.answer(2, durable);
  await world.passes();
  expect(world.events).toEqual([]);
  world.storage.answer(1, durable);
  await world.passes();
  expect(world.events).toEqual(["a durable", "b durable"]);
});

test("a callback that throws is logged as a bug and stops nobody else", async () => {
  const { storage, events, bugs, queue, stage, passes } = rig();
  const boom = () => {
    throw new Error("boom");
  };
  queue.register({ seal: boom, restore: boom });
  queue.stage({ essential: false, changes: [], durable: boom, failed: boom });
  stage("a");
  await passes();
  storage.answer(1, durable);
  await passes();
  expect(events).toEqual(["a durable"]);
  queue.stage({ essential: false, changes: [], durable: boom, failed: boom });
  stage("b");
  await passes();
  storage.answer(2, full);
  await passes();
  expect(events).toEqual(["a durable", "restore to 1", "b STORAGE_FULL"]);
  expect(bugs.filter((message) => message.startsWith("bug:"))).toHaveLength(5);
});

test("drain waits for what is open, for what is in flight and for a turn that was asked for", async () => {
  const { storage, queue, stage, passes } = rig();
  let drained = false;
  stage("a");
  void queue.drain().then(() => {
    drained = true;
  });
  await passes();
  expect(drained).toBe(false);
  storage.answer(1, durable);
  await passes();
  expect(drained).toBe(true);
  queue.requestTurn();
  const second = queue.drain();
  await passes();
  await second;
  expect(storage.turns).toHaveLength(1);
});

test("after close what is staged is refused as certainly not done, and no timer is left", async () => {
  const { clock, storage, events, causes, queue, stage, passes } = rig();
  stage("in flight");
  await passes();
  stage("open");
  queue.close();
  stage("late");
  await passes();
  storage.answer(1, durable);
  await passes();
  // Nothing is restored under a turn in flight, which may still become durable.
  expect(events).toEqual(["open BROKER_NOT_AVAILABLE", "late BROKER_NOT_AVAILABLE", "in flight durable"]);
  expect(new ProtocolError("BROKER_NOT_AVAILABLE", "").row.definite).toBe(true);
  expect(causes).toEqual([]);
  expect(clock.liveTimers).toBe(0);
});

test("record bytes that wait for the disk are bounded, and what their turn came to frees their room", async () => {
  const { storage, queue, passes } = rig();
  const mib = 1024 * 1024;
  const stage = (bytes: number) =>
    queue.stage({ essential: false, changes: [append(1, 0)], bytes, durable() {}, failed() {} });
  expect(queue.hasRoomFor(1000 * mib)).toBe(true);
  stage(200 * mib);
  await passes();
  stage(56 * mib);
  expect(queue.hasRoomFor(0)).toBe(true);
  expect(queue.hasRoomFor(1)).toBe(false);
  storage.answer(1, durable);
  await passes();
  expect([queue.hasRoomFor(200 * mib), queue.hasRoomFor(201 * mib)]).toEqual([true, false]);
  storage.answer(2, full);
  await passes();
  expect(queue.hasRoomFor(1000 * mib)).toBe(true);
});
