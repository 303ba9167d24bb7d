// Static members before a real broker: a place in the group that outlives the process (KIP-345, hard place 12).

import { expect, test } from "vitest";
import { listening, take, until, valuesOf, World } from "./support.ts";

const LIMIT_MS = 20_000;
/** Long enough for a loaded machine; `brief` where a session has to end. */
const till1 = { "group.instance.id": "till-1", "session.timeout.ms": 10_000, "heartbeat.interval.ms": 100 };
const brief = { ...till1, "session.timeout.ms": 1_000 };

test(
  "a static member that is closed and made again keeps its partitions, and the other never stops reading",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 4);
    const other = world.consumer({ "client.id": "other" });
    const before = world.consumer(till1);
    for (const consumer of [other, before]) consumer.subscribe(["orders"]);
    await until(async () => {
      await Promise.all([other.poll(10), before.poll(10)]);
      return other.assignment().length === 2 && before.assignment().length === 2;
    });
    const { epoch } = await world.group();
    const owned = before.assignment();
    await before.close();
    expect((await world.group()).members.map(({ instanceId }) => instanceId).sort()).toEqual(["till-1", undefined]);

    const rebalances: unknown[] = [];
    other.on("rebalance", (detail) => rebalances.push(detail));
    const after = world.consumer(till1);
    after.subscribe(["orders"]);
    expect(await after.ready()).toEqual(owned);
    await other.poll(50);
    expect(rebalances).toEqual([]);
    expect((await world.group()).epoch).toBe(epoch);

    // A member that leaves for good gives its partitions away at once.
    await after.close({ membership: "leave" });
    await until(async () => {
      await other.poll(20);
      return other.assignment().length === 4;
    });
    expect((await world.group()).members).toHaveLength(1);
  },
  LIMIT_MS,
);

test(
  "after a SIGKILL the new process waits for the old session, inherits the place, and reads on from what was committed",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 2);
    await world.produce("orders", ["a", "b"]);
    let isKilled = false;
    const { transport } = listening(() => (isKilled ? "drop" : undefined));
    const killed = world.consumer(brief, { world: { transport } });
    killed.subscribe(["orders"]);
    await take(killed, 1);
    await killed.commit([{ topic: "orders", partition: 0, offset: 1 }]);
    isKilled = true;

    const rebalances: Record<string, unknown>[] = [];
    const heir = world.consumer(till1);
    heir.on("rebalance", (detail) => rebalances.push(detail));
    heir.subscribe(["orders"]);
    expect(valuesOf(await take(heir, 1))).toEqual(["b"]);
    expect(heir.assignment()).toHaveLength(2);
    expect(heir.groupMetadata().instanceId).toBe("till-1");
    expect(rebalances).toHaveLength(1);
    const { timeline, members } = await world.group();
    expect(members.map(({ memberId }) => memberId)).toEqual([heir.groupMetadata().memberId]);
    expect(timeline.length).toBeGreaterThan(0);
    await killed.close({ timeoutMs: 0 });
  },
  LIMIT_MS,
);

test(
  "two living processes with one instance id: the second is refused for good, the first goes on",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    const first = world.consumer({ ...till1, "session.timeout.ms": 2_000 });
    first.subscribe(["orders"]);
    await first.ready();
    const second = world.consumer(till1);
    second.subscribe(["orders"]);
    await expect(second.poll(15_000)).rejects.toMatchObject({ name: "UnreleasedInstanceIdError", fatal: true });
    await world.produce("orders", ["still mine"]);
    expect(valuesOf(await take(first, 1))).toEqual(["still mine"]);
  },
  LIMIT_MS,
);

test(
  "a place that another process took over fences the old one, aloud",
  async () => {
    await using world = await World.start();
    await world.topic("orders");
    let isCut = false;
    const { transport } = listening(() => (isCut ? "drop" : undefined));
    const old = world.consumer(brief, { world: { transport } });
    old.subscribe(["orders"]);
    await old.ready();
    isCut = true;
    const heir = world.consumer(till1);
    heir.subscribe(["orders"]);
    await heir.ready();
    isCut = false;
    await expect(
      (async () => {
        for (;;) await old.poll(100);
      })(),
    ).rejects.toMatchObject({ name: "FencedInstanceIdError", fatal: true });
    expect(heir.assignment()).toHaveLength(1);
  },
  LIMIT_MS,
);

test(
  "max.poll.interval.ms: a static member that does not poll keeps its place until its session ends",
  async () => {
    await using world = await World.start();
    await world.topic("orders", 2);
    const slow = world.consumer({ ...till1, "max.poll.interval.ms": 300 });
    slow.subscribe(["orders"]);
    await slow.ready();
    await until(
      async () =>
        (await world.group()).members[0]?.epoch === -2 ||
        (await world.group()).timeline.some(({ reason }) => reason?.includes("max.poll.interval.ms 300")),
    );
    expect((await world.group()).members).toHaveLength(1);
    expect(await slow.ready()).toHaveLength(2);
  },
  LIMIT_MS,
);
