// Random sequences of everything that can happen to a group, against what must hold at every step: one owner per partition,
// epochs that never go back, one answer per request, commits from owners only; and when the faults stop, the group settles.
// Half of the members are static ones whose processes end, cleanly or not, and come again; some subscribe by pattern, they vote
// for different assignors, and connections close and open.

import fc from "fast-check";
import { expect, test } from "vitest";
import { settle } from "../../support/simulated-clock.ts";
import { GroupWorld, type HandMember, JOIN } from "../../unit/groups/group-world.ts";

type Action =
  | { do: "beat"; who: number; says: "nothing" | "all" | "owned" }
  | { do: "join"; who: number; topics: string[]; pattern: string; assignor: "uniform" | "range" | undefined }
  | { do: "leave" | "depart" | "startAgain" | "disconnect" | "connect" | "remove"; who: number }
  | { do: "subscribe"; who: number; topics: string[]; pattern: string; assignor: undefined }
  | { do: "commit"; who: number; topic: string; partition: number; epochBack: number }
  | { do: "create" | "delete" | "extend"; topic: string }
  | { do: "pass"; durationMs: number }
  | { do: "pause"; durationMs: number }
  | { do: "seal" | "complete" | "fail" | "restart" | "deleteGroup" };

const NAMES = ["w0", "w1", "w2", "w3"];
const TOPICS = ["a", "b", "c"];
const who = fc.integer({ min: 0, max: NAMES.length - 1 });
const topic = fc.constantFrom(...TOPICS);
const topics = fc.uniqueArray(topic, { maxLength: 3 });
const pattern = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: fc.constantFrom("a|b", "[bc]", ".*", "x") },
);
/** The last two are static members. */
const instanceOf = (index: number) => (index < 2 ? undefined : `i${index}`);
const GRACE_MS = 2_000;

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("beat" as const), who, says: fc.constantFrom("nothing", "all", "owned") }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("join" as const),
      who,
      topics,
      pattern,
      assignor: fc.constantFrom(undefined, "uniform" as const, "range" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("leave" as const, "depart", "startAgain", "disconnect", "connect", "remove"),
      who,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("subscribe" as const),
      who,
      topics,
      pattern,
      assignor: fc.constant(undefined),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("commit" as const),
      who,
      topic,
      partition: fc.integer({ min: 0, max: 3 }),
      epochBack: fc.integer({ min: -1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("create" as const, "delete" as const, "extend"), topic }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pass" as const), durationMs: fc.integer({ min: 0, max: 9000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("pause" as const), durationMs: fc.integer({ min: 0, max: 30_000 }) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("seal" as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("complete" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("fail" as const, "restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deleteGroup" as const) }) },
);

/** A client that keeps the rules of its side, and everything that was seen of the broker. */
class Observed {
  readonly world = new GroupWorld({ "group.disconnect.grace.ms": GRACE_MS }, { a: 4, b: 2 });
  readonly members = NAMES.map((name) => this.member(name));
  readonly subscriptions = new Map<HandMember, { subscription: string[]; pattern: string }>();
  processes = 0;
  sent = 0;
  answered = 0;
  lastEpoch = 0;

  member(memberId: string): HandMember {
    const member = this.world.member(memberId, "g");
    member.peer.clientInstanceId = `client of ${memberId}`;
    return member;
  }

  /** Sends; what the answer takes away is given up when it comes, as a client does. */
  send(member: HandMember, fields: Parameters<HandMember["send"]>[0] = {}): void {
    this.sent += 1;
    member.send(fields).then(
      (answer) => {
        this.answered += 1;
        if (answer.memberEpoch < 0) this.#gone(member);
      },
      (error: { code: string }) => {
        this.answered += 1;
        const lost = ["UNKNOWN_MEMBER_ID", "FENCED_MEMBER_EPOCH", "GROUP_ID_NOT_FOUND", "FENCED_INSTANCE_ID"];
        if (lost.includes(error.code)) this.#gone(member);
      },
    );
  }

  #gone(member: HandMember): void {
    member.epoch = 0;
    member.owned = [];
  }

  beat(member: HandMember, says: "nothing" | "all" | "owned"): void {
    const wanted = this.subscriptions.get(member);
    if (wanted === undefined) return;
    if (member.epoch <= 0) this.send(member, { ...JOIN, memberEpoch: 0, ...wanted, ...this.#instance(member) });
    else if (says === "all") this.send(member, { ...JOIN, memberEpoch: member.epoch, ...wanted, owned: member.owned });
    else this.send(member, says === "owned" ? { owned: member.owned } : {});
  }

  #instance(member: HandMember): { instanceId?: string } {
    const instanceId = instanceOf(this.members.indexOf(member));
    return instanceId === undefined ? {} : { instanceId };
  }

  /** Another process with the same configuration. */
  startAgain(index: number): void {
    const before = this.members[index] as HandMember;
    const next = this.member(`${NAMES[index]}-${++this.processes}`);
    this.members[index] = next;
    const wanted = this.subscriptions.get(before);
    if (wanted !== undefined) this.subscriptions.set(next, wanted);
    this.world.coordinator.clientDisconnected(before.peer.clientInstanceId ?? "");
  }

  async run(step: Action): Promise<void> {
    const { world } = this;
    switch (step.do) {
      case "join":
      case "subscribe": {
        const member = this.members[step.who] as HandMember;
        const wanted = { subscription: step.topics, pattern: step.pattern };
        this.subscriptions.set(member, wanted);
        const vote = step.assignor === undefined ? {} : { assignor: step.assignor };
        if (step.do === "join") this.send(member, { ...JOIN, ...wanted, ...vote, ...this.#instance(member) });
        else this.beat(member, "all");
        break;
      }
      case "depart":
        this.send(this.members[step.who] as HandMember, { memberEpoch: -2 });
        break;
      case "startAgain":
        this.startAgain(step.who);
        break;
      case "disconnect":
        world.coordinator.clientDisconnected(this.members[step.who]?.peer.clientInstanceId ?? "");
        break;
      case "connect":
        world.coordinator.clientConnected(this.members[step.who]?.peer.clientInstanceId ?? "");
        break;
      case "remove":
        world.coordinator
          .removeMembers({ groupId: "g", members: [{ memberId: this.members[step.who]?.memberId ?? "" }] })
          .catch(() => {});
        break;
      case "deleteGroup":
        void world.coordinator.deleteGroups(["g"]);
        break;
      case "extend":
        world.catalog.extend(step.topic, (world.catalog.byName(step.topic)?.partitionCount ?? 0) + 1);
        break;
      case "beat":
        this.beat(this.members[step.who] as HandMember, step.says);
        break;
      case "leave":
        this.send(this.members[step.who] as HandMember, { memberEpoch: -1 });
        break;
      case "commit":
        this.commit(step);
        break;
      case "create":
        if (world.catalog.byName(step.topic) === undefined) world.catalog.create(step.topic, 3);
        break;
      case "delete":
        world.catalog.delete(step.topic);
        break;
      case "pass":
        await world.clock.advance(step.durationMs);
        break;
      case "pause":
        world.clock.skip(step.durationMs);
        break;
      case "seal":
        world.turns.seal();
        break;
      case "complete":
        world.turns.complete();
        break;
      case "fail":
        world.turns.fail();
        break;
      case "restart":
        // Nothing may hang on the end of the old broker; its commits get their verdict from the queue.
        world.turns.fail();
        world.restart();
        break;
    }
    await settle();
    this.check();
  }

  commit({ who: index, topic: name, partition, epochBack }: Extract<Action, { do: "commit" }>): void {
    const member = this.members[index] as HandMember;
    if (member.epoch <= 0) return;
    member.commitSeq += 1;
    this.sent += 1;
    this.world.coordinator
      .commitOffsets({
        groupId: "g",
        memberId: member.memberId,
        memberEpoch: Math.max(0, member.epoch - epochBack),
        seq: member.commitSeq,
        offsets: [{ topic: name, partition, offset: 1, metadata: member.memberId }],
      })
      .then(
        () => {
          this.answered += 1;
        },
        () => {
          this.answered += 1;
        },
      );
  }

  check(): void {
    const group = this.world.group("g");
    // Durable epochs never go back, not by failed turns and not by restarts; only a deleted group begins anew.
    expect(group.epoch).toBeGreaterThanOrEqual(group.error === undefined ? this.lastEpoch : 0);
    this.lastEpoch = group.epoch;
    const instances = group.members.flatMap(({ instanceId }) => instanceId ?? []);
    expect(new Set(instances).size).toBe(instances.length);
    const holders = new Map<string, string>();
    for (const { memberId, assignment, pendingRevocation, epoch } of group.members) {
      expect(epoch).toBeLessThanOrEqual(group.epoch);
      for (const { topicId, partition } of [...assignment, ...pendingRevocation]) {
        const key = `${topicId}:${partition}`;
        expect(holders.get(key)).toBeUndefined();
        holders.set(key, memberId);
      }
    }
    // What clients believe they hold never overlaps either, among those whose membership stands.
    const believed = new Set<string>();
    for (const member of this.members) {
      const known = group.members.find(({ memberId }) => memberId === member.memberId);
      if (known === undefined || member.epoch !== known.epoch) continue;
      for (const { topicId, partition } of member.owned) {
        const key = `${topicId}:${partition}`;
        if (holders.get(key) !== member.memberId) continue;
        expect(believed).not.toContain(key);
        believed.add(key);
      }
    }
  }

  /** The faults stop: everybody heartbeats on and does as it is told. */
  async heal(): Promise<void> {
    const { world } = this;
    world.turns.flush();
    await settle();
    expect(this.answered).toBe(this.sent);
    const live = this.members.filter((member) => this.subscriptions.has(member));
    for (const { peer } of live) world.coordinator.clientConnected(peer.clientInstanceId ?? "");
    // Long enough for the sessions of processes that are gone, whose places others wait for.
    for (let round = 0; round < 24; round++) {
      await world.clock.advance(1_000);
      for (const member of live) {
        // After an error a client says everything once.
        this.beat(member, round === 0 ? "all" : "owned");
        world.turns.flush();
        await settle();
      }
      this.check();
    }
    expect(this.answered).toBe(this.sent);
    if (live.length === 0) return;
    const group = world.group("g");
    expect(group.state).toBe("Stable");
    expect(group.members.map(({ memberId }) => memberId).sort()).toEqual(live.map(({ memberId }) => memberId).sort());
    const namesOf = (member: HandMember) => {
      const { subscription = [], pattern: expression = "" } = this.subscriptions.get(member) ?? {};
      const matched = TOPICS.filter((name) => expression !== "" && new RegExp(`^(?:${expression})$`).test(name));
      return [...new Set([...subscription, ...matched])].filter((name) => world.catalog.byName(name) !== undefined);
    };
    const wanted = new Set(live.flatMap(namesOf));
    const partitions = [...wanted].reduce((sum, name) => sum + (world.catalog.byName(name)?.partitionCount ?? 0), 0);
    expect(group.members.reduce((sum, { assignment }) => sum + assignment.length, 0)).toBe(partitions);
    for (const member of live) {
      const known = group.members.find(({ memberId }) => memberId === member.memberId);
      expect(member.owned).toEqual(known?.assignment);
    }
    const equal = new Set(live.map((member) => namesOf(member).sort().join())).size === 1;
    const sizes = group.members.map(({ assignment }) => assignment.length);
    if (equal && group.assignor === "uniform") expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    world.coordinator.close();
    expect(world.clock.liveTimers).toBe(0);
  }
}

test("whatever happens, the group keeps its promises and settles when the faults stop", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (steps) => {
      const observed = new Observed();
      for (const step of steps) await observed.run(step);
      await observed.heal();
    }),
    { numRuns: 300 },
  );
});

test("a commit is accepted only from whom memory knows as the owner at that moment", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (steps) => {
      const observed = new Observed();
      const { world } = observed;
      for (const step of steps) {
        if (step.do !== "commit") {
          await observed.run(step);
          continue;
        }
        // With nothing on its way what is described is what memory knows.
        world.turns.flush();
        await settle();
        const member = observed.members[step.who] as HandMember;
        if (member.epoch <= 0) continue;
        const group = world.group("g");
        const known = group.members.find(({ memberId }) => memberId === member.memberId);
        const memberEpoch = Math.max(0, member.epoch - step.epochBack);
        const subscribed = group.members.some(({ subscription }) => subscription.includes(step.topic));
        const mine = [...(known?.assignment ?? []), ...(known?.pendingRevocation ?? [])].some(
          ({ topic: name, partition }) => name === step.topic && partition === step.partition,
        );
        const results = await member
          .commit([{ topic: step.topic, partition: step.partition, offset: 1 }], { memberEpoch })
          .catch(() => undefined);
        if (results?.[0] === undefined || results[0].error !== undefined) continue;
        expect(known).toBeDefined();
        expect(memberEpoch).toBeLessThanOrEqual(known?.epoch ?? -1);
        expect(mine || !subscribed).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});
