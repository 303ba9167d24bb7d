// Stories of size: a thousand members that join at once, and a member that sends more than it was granted.

import { expect, test } from "vitest";
import { LightMember, RawClient } from "./raw-client.ts";
import { seeds } from "./seeds.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const SESSION_MS = 10_000;

for (const seed of seeds(1))
  test(`1,000 members join at once: one owner each, settled in seconds, and again when half of them leave (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 1_000 } });
    simulation.disk.delayMs = () => 5;
    const members = Array.from(
      { length: 1_000 },
      (_, index) =>
        new LightMember(simulation, `m${index}`, { groupId: GROUP, topics: ["orders"], sessionTimeoutMs: SESSION_MS }),
    );
    const counts = () => members.map(({ owned = [] }) => owned.length);
    const partitions = () => new Set(members.flatMap(({ owned = [] }) => owned.map(({ partition }) => partition))).size;
    await simulation.clock.runUntil(() => counts().every((count) => count === 1), 5_000, "everybody having one");
    expect(partitions()).toBe(1_000);
    // Through two sessions' time nobody is taken for dead.
    const { epoch } = await simulation.group(GROUP);
    await simulation.advance(2 * SESSION_MS);
    const settled = await simulation.group(GROUP);
    expect([settled.state, settled.epoch, settled.members.length]).toEqual(["Stable", epoch, 1_000]);

    const leaving = members.splice(0, 500);
    await simulation.during(Promise.all(leaving.map((one) => one.leave())));
    await simulation.clock.runUntil(() => counts().every((count) => count === 2), 5_000, "everybody having two");
    expect(partitions()).toBe(1_000);
    expect([...members, ...leaving].flatMap(({ errors }) => errors)).toEqual([]);
    await simulation.during(Promise.all(members.map((one) => one.leave())));
    expect((await simulation.group(GROUP)).state).toBe("Empty");
    await simulation.finish();
  }, 60_000);

/** A member that hands in more commits than its grant while the disk stands still, and a heartbeat behind them. */
async function overdrawn(seed: number) {
  const settings = { "max.in.flight.request.bytes": 65_536 };
  const simulation = await Simulation.start({ seed, topics: { orders: 1, other: 1 }, settings });
  const client = new RawClient(simulation, "greedy");
  const beat = { groupId: GROUP, memberId: "greedy" };
  const heartbeats: { code: string | undefined; atMs: number }[] = [];
  const say = async (memberEpoch: number, seq: number, rest = {}) => {
    const answer = await client.ask("groupHeartbeat", { ...beat, memberEpoch, seq, ...rest });
    heartbeats.push({ code: answer.error?.code, atMs: simulation.clock.nowMs() });
    return answer;
  };
  await simulation.during(client.hello());
  const join = { subscription: ["orders"], sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: 60_000, owned: [] };
  const joined = await simulation.during(say(0, 1, join));
  const { memberEpoch, assignment = [] } = joined;
  await simulation.during(say(memberEpoch, 2, { owned: assignment }));
  simulation.disk.hold();
  const offsets = Array.from({ length: 20 }, () => ({
    topic: "orders",
    partition: 0,
    offset: 0,
    metadata: "m".repeat(4_000),
  }));
  const commits: unknown[] = [];
  const commit = (seq: number) =>
    void client.ask("offsetCommit", { ...beat, memberEpoch, seq, offsets }).then((answer) => commits.push(answer));
  for (const seq of [1, 2]) commit(seq);
  await simulation.advance(50);
  // The broker does not read these any more.
  commit(3);
  void say(memberEpoch, 3);
  return { simulation, client, heartbeats, commits, say, memberEpoch };
}

for (const seed of seeds(1)) {
  test(`a member above its request grant is not removed because the broker did not read its heartbeat (seed ${seed})`, async () => {
    const { simulation, client, heartbeats, commits, say, memberEpoch } = await overdrawn(seed);
    const { length: before } = heartbeats;
    await simulation.advance(1.7 * SESSION_MS);
    expect(heartbeats).toHaveLength(before);
    expect(commits).toEqual([]);
    expect(simulation.history.removals).toEqual([]);
    simulation.disk.release();
    await simulation.clock.runUntil(() => heartbeats.length > before, 5_000, "the heartbeat being answered");
    expect(heartbeats.at(-1)?.code).toBeUndefined();
    await simulation.clock.runUntil(() => commits.length === 3, 5_000, "the commits being answered");
    // From now on silence counts as ever.
    expect((await simulation.group(GROUP)).members).toHaveLength(1);
    await simulation.during(say(memberEpoch, 4));
    await simulation.advance(SESSION_MS + 1_000);
    expect((await simulation.group(GROUP)).members).toHaveLength(0);
    client.close();
    await simulation.finish();
  });

  test(`above its grant for ever: it is removed one session timeout later than others (seed ${seed})`, async () => {
    const { simulation, client } = await overdrawn(seed);
    await simulation.advance(2 * SESSION_MS - 1_000);
    expect(simulation.history.removals).toEqual([]);
    await simulation.advance(1_500);
    expect(simulation.history.removals.map(({ member }) => member)).toEqual(["greedy"]);
    simulation.disk.release();
    client.close();
    await simulation.finish();
  });
}
