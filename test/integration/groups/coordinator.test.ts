// The coordinator over the broker's own commit queue, log and storage: the turns of hard places 1 and 3 as they really run,
// and what lies in the file after a restart.

import { decodeBatch, encodeBatch } from "@brooklet/protocol";
import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { expect, onTestFinished, test } from "vitest";
import { encodeOffsetKey } from "../../../server/src/groups/consumer-offsets.ts";
import { createGroupCoordinator } from "../../../server/src/groups/group-coordinator.ts";
import { createLog } from "../../../server/src/log/broker-log.ts";
import { openStorage } from "../../../server/src/storage/open.ts";
import type { Storage, StoredState } from "../../../server/src/storage/storage.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import { FaultyStorage } from "../../support/faulty-storage.ts";
import { openTestStorage, testFolder } from "../../support/storage-on-file.ts";
import { FakePeer, JOIN, refusalOf, settingsWith, silentLogger } from "../../unit/groups/group-world.ts";

const FULL = { groupId: "billing", ...JOIN, subscription: ["orders"] };

function assemble(storage: Storage, state: StoredState) {
  const shared = { settings: settingsWith(), clock: systemClock, logger: silentLogger };
  const turns = new CommitQueue({ storage, ...shared, onStopped: () => {} });
  const log = createLog({ turns, storage, state, ...shared, random: systemRandom, clusterId: state.clusterId });
  const groups = createGroupCoordinator({
    turns,
    state,
    catalog: log.catalog,
    offsetsTopic: log.offsetsTopic,
    recordTimes: log.recordTimes,
    ...shared,
  });
  groups.start();
  const end = async () => {
    groups.close();
    log.close();
    await turns.drain();
    turns.close();
  };
  onTestFinished(end);
  return { turns, log, groups, end };
}

async function overFaults() {
  const { storage, state } = await openStorage({
    ephemeral: true,
    durability: "memory",
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => storage.close());
  const faulty = new FaultyStorage(storage, { clock: systemClock });
  const broker = assemble(faulty, state);
  await broker.log.createTopics({ topics: [{ topic: "orders", partitions: 4 }] });
  return { ...broker, faulty };
}

const join = (broker: { groups: ReturnType<typeof createGroupCoordinator> }, memberId: string, seq = 1) =>
  broker.groups.heartbeat({ ...FULL, memberId, seq }, new FakePeer());

test("join, commit and read over the real queue; the commit is an ordinary record of __consumer_offsets", async () => {
  const broker = await overFaults();
  const joined = await join(broker, "w1");
  expect(joined.assignment).toHaveLength(4);
  const commit = { groupId: "billing", memberId: "w1", memberEpoch: 1 };
  const results = await broker.groups.commitOffsets({
    ...commit,
    seq: 1,
    offsets: [{ topic: "orders", partition: 0, offset: 5 }],
  });
  expect(results[0]?.error).toBeUndefined();
  const partitions = Array.from({ length: 50 }, (_, partition) => ({
    topic: "__consumer_offsets",
    partition,
    offset: 0,
  }));
  const fetched = await broker.log.fetch(
    { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, isolation: "read_uncommitted", partitions },
    { onCancel: () => () => {} },
  );
  const batches = fetched.flatMap(({ batches: found }) => [...found]);
  expect(batches).toHaveLength(1);
  const [record] = decodeBatch(batches[0] as Uint8Array);
  expect(Buffer.from(record?.key ?? [])).toEqual(
    Buffer.from(encodeOffsetKey({ groupId: "billing", topic: "orders", partition: 0 })),
  );
});

test("a full disk: commits and joins go through, and what is described is durable", async () => {
  const broker = await overFaults();
  broker.faulty.fillDisk();
  // In one turn with records, which meet the full disk and are refused while the join goes through.
  const batches = encodeBatch([{ key: null, value: new Uint8Array(10), headers: [], timestamp: 1 }]);
  const produced = broker.log.produce(-1, [{ topic: "orders", partition: 0, batches }]);
  const joined = await join(broker, "w1");
  expect(joined.memberEpoch).toBe(1);
  expect((await produced)[0]?.error?.code).toBe("STORAGE_FULL");
  const committed = await broker.groups.commitOffsets({
    groupId: "billing",
    memberId: "w1",
    memberEpoch: 1,
    seq: 1,
    offsets: [{ topic: "orders", partition: 0, offset: 5 }],
  });
  expect(committed[0]?.error).toBeUndefined();
  expect(broker.groups.describe(["billing"])[0]).toMatchObject({ state: "Stable", offsets: [{ offset: 5 }] });
});

test("turn k of five in flight fails: members of the turns before it stand, those behind it do not", async () => {
  for (const fault of ["full", "failed"] as const)
    for (let failing = 0; failing < 5; failing++) {
      const broker = await overFaults();
      broker.faulty.hold();
      const first = broker.faulty.turns.length + 1;
      broker.faulty.failTurn(first + failing, fault);
      const answers: Promise<unknown>[] = [];
      for (let index = 0; index < 5; index++) {
        const answer = join(broker, `w${index}`);
        answer.catch(() => {});
        answers.push(answer);
        while (broker.faulty.turns.length < first + index)
          await new Promise((resolve) => systemClock.defer(() => resolve(0)));
      }
      broker.faulty.release();
      const code = fault === "full" ? "STORAGE_FULL" : "KAFKA_STORAGE_ERROR";
      for (const [index, answer] of answers.entries()) {
        if (index < failing) expect(await answer).toMatchObject({ memberEpoch: index + 1 });
        else expect(await refusalOf(answer)).toMatchObject({ code });
      }
      const group = broker.groups.describe(["billing"])[0];
      expect(group?.members).toHaveLength(failing);
      if (fault === "failed") {
        // Fail-stop: what would change something is refused with the same verdict, again and again, and nothing hangs.
        expect(await refusalOf(join(broker, "late"))).toMatchObject({ code });
      } else {
        expect(await join(broker, "w4", 2)).toMatchObject({ memberEpoch: failing + 1 });
      }
      await broker.end();
    }
});

test("a restart on the same file keeps groups and offsets, and asks nobody to move", async () => {
  const folder = testFolder();
  const first = await openTestStorage(folder);
  const before = assemble(first.storage, first.state);
  await before.log.createTopics({
    topics: [
      { topic: "orders", partitions: 4 },
      { topic: "gone", partitions: 1 },
    ],
  });
  await join(before, "w1");
  await join(before, "w2");
  await before.groups.commitOffsets({
    groupId: "billing",
    memberId: "w1",
    memberEpoch: 1,
    seq: 1,
    offsets: [
      { topic: "orders", partition: 0, offset: 5, metadata: "näch" },
      { topic: "gone", partition: 0, offset: 1 },
    ],
  });
  await before.groups.commitOffsets({
    groupId: "strangers",
    offsets: [{ topic: "orders", partition: 3, offset: 7 }],
  });
  await before.log.deleteTopics({ topics: ["gone"] });
  const described = before.groups.describe(["billing", "strangers"]);
  await before.end();
  await first.storage.close();

  const second = await openTestStorage(folder);
  const after = assemble(second.storage, second.state);
  expect(after.groups.describe(["billing", "strangers"])).toEqual(
    described.map((group) => ({ ...group, timeline: [] })),
  );
  expect(described[0]?.offsets).toHaveLength(1);
  const beat = await after.groups.heartbeat(
    { groupId: "billing", memberId: "w2", memberEpoch: 2, seq: 9 },
    new FakePeer(),
  );
  expect(beat).toMatchObject({ memberEpoch: 2 });
  expect(after.groups.list()).toEqual([
    { groupId: "billing", state: "Reconciling" },
    { groupId: "strangers", state: "Empty" },
  ]);
  await after.end();
});
