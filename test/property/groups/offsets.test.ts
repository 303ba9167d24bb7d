// Random commits, deletions of groups, offsets and topics, expiry, failed turns and crashes, over the real log and real SQL.
// Whatever happens: memory, the offsets table and the last records of __consumer_offsets say the same, an acknowledged commit
// is there unless something that deletes it came after or at the same time, and what was deleted stays away.

import { CONSUMER_OFFSETS_TOPIC, decodeBatch } from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeOffsetKey, encodeOffsetValue } from "../../../server/src/groups/consumer-offsets.ts";
import { createGroupCoordinator } from "../../../server/src/groups/group-coordinator.ts";
import type { StoredOffset } from "../../../server/src/storage/storage.ts";
import { silentLogger } from "../../unit/groups/group-world.ts";
import { LogUnderTest } from "../../unit/log/log-under-test.ts";

const GROUPS = ["g", "h"];
const TOPICS = ["a", "b"];
const PARTITIONS = 2;

type Step =
  | { kind: "commit"; group: string; topic: string; partition: number }
  | { kind: "deleteOffset"; group: string; topic: string; partition: number }
  | { kind: "deleteGroup"; group: string }
  | { kind: "deleteTopic" | "createTopic"; topic: string }
  | { kind: "failTurn"; ahead: number; fault: "full" | "essentialOnly" }
  | { kind: "hold" | "release" | "turn" | "recover" | "expire" | "restart" };

const group = fc.constantFrom(...GROUPS);
const topic = fc.constantFrom(...TOPICS);
const partition = fc.nat({ max: PARTITIONS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("commit" as const), group, topic, partition }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("deleteOffset" as const), group, topic, partition }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("deleteGroup" as const), group }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("deleteTopic", "createTopic" as const), topic }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("failTurn" as const),
      ahead: fc.integer({ min: 1, max: 3 }),
      fault: fc.constantFrom("full" as const, "essentialOnly" as const),
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constantFrom("hold", "release", "turn", "turn", "turn", "recover", "restart" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const) }) },
);

/** One request, as its client saw it: when it was sent and answered, and whether it certainly happened. */
interface Sent {
  readonly touches: (key: string) => boolean;
  /** Of a commit; undefined: a deletion. */
  readonly offset: number | undefined;
  readonly sentAt: number;
  answeredAt: number;
  fate: "open" | "done" | "not done" | "unknown";
}

const keyOf = (groupId: string, topicName: string, number: number) => `${groupId}/${topicName}-${number}`;

class Run {
  readonly at = new LogUnderTest({
    "offsets.topic.num.partitions": 2,
    "offsets.retention.minutes": 10,
    "offsets.retention.check.interval.ms": 60_000,
  });
  #groups = this.#open();
  readonly #sent: Sent[] = [];
  #now = 0;
  #offsets = 0;
  #life = 0;

  #open() {
    const { at } = this;
    const groups = createGroupCoordinator({
      turns: at.turns,
      state: at.stored(),
      catalog: at.log.catalog,
      offsetsTopic: at.log.offsetsTopic,
      recordTimes: at.log.recordTimes,
      settings: at.settings,
      clock: at.clock,
      logger: silentLogger,
    });
    groups.start();
    return groups;
  }

  async begin(): Promise<void> {
    for (const name of TOPICS) await this.at.create(name, PARTITIONS);
  }

  async apply(next: Step): Promise<void> {
    const { at } = this;
    this.#now++;
    switch (next.kind) {
      case "commit": {
        const { group: groupId, topic: name, partition: number } = next;
        const offset = ++this.#offsets;
        const offsets = [{ topic: name, partition: number, offset }];
        const key = keyOf(groupId, name, number);
        return this.#send(this.#groups.commitOffsets({ groupId, offsets }), (k) => k === key, offset);
      }
      case "deleteOffset": {
        const { group: groupId, topic: name, partition: number } = next;
        const partitions = [{ topic: name, partition: number }];
        const key = keyOf(groupId, name, number);
        return this.#send(this.#groups.deleteOffsets({ groupId, partitions }), (k) => k === key);
      }
      case "deleteGroup":
        return this.#send(this.#groups.deleteGroups([next.group]), (key) => key.startsWith(`${next.group}/`));
      case "deleteTopic":
        return this.#send(at.log.deleteTopics({ topics: [next.topic] }), (key) => key.includes(`/${next.topic}-`));
      case "createTopic":
        void at.log.createTopics({ topics: [{ topic: next.topic, partitions: PARTITIONS }] });
        return;
      case "failTurn":
        at.storage.failTurn(at.storage.turns.length + next.ahead, next.fault);
        return;
      case "hold":
        at.storage.hold();
        return;
      case "release":
        at.storage.release();
        return;
      case "turn":
        await at.clock.advance(1);
        return;
      case "recover":
        await at.clock.advance(1500);
        return;
      case "expire": {
        // Somewhere in these minutes everything that lies there is deleted, or not yet.
        const sentAt = this.#now++;
        this.#sent.push({ touches: () => true, offset: undefined, sentAt, answeredAt: this.#now, fate: "unknown" });
        await at.clock.advance(11 * 60_000);
        this.#now++;
        return;
      }
      case "restart":
        this.#groups.close();
        await this.#crash();
        return;
    }
  }

  async #crash(): Promise<void> {
    this.#life++;
    await this.at.restart();
    for (const sent of this.#sent.filter(({ fate }) => fate === "open")) {
      sent.fate = "unknown";
      sent.answeredAt = this.#now;
    }
    this.#now++;
    this.#groups = this.#open();
  }

  #send(
    answered: Promise<readonly { error?: { definite: boolean } }[]>,
    touches: (key: string) => boolean,
    offset?: number,
  ): void {
    const life = this.#life;
    const sent: Sent = { touches, offset, sentAt: this.#now, answeredAt: Number.POSITIVE_INFINITY, fate: "open" };
    this.#sent.push(sent);
    const settle = (fate: Sent["fate"]) => {
      if (life !== this.#life) return;
      sent.fate = fate;
      sent.answeredAt = ++this.#now;
    };
    answered.then(
      ([result]) => settle(result?.error === undefined ? "done" : result.error.definite ? "not done" : "unknown"),
      (error: { definite?: boolean }) => settle(error.definite === true ? "not done" : "unknown"),
    );
  }

  async #stored(): Promise<Map<string, StoredOffset>> {
    const { at } = this;
    at.storage.release();
    await at.clock.advance(3000);
    expect(this.#sent.filter(({ fate }) => fate === "open")).toEqual([]);
    return new Map(
      at.stored().offsets.map((offset) => [keyOf(offset.groupId, offset.topic, offset.partition), offset]),
    );
  }

  async #inMemory(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const groupId of GROUPS)
      for (const { topic: name, partition: number, offset } of await this.#groups.fetchOffsets({ groupId }))
        found.set(keyOf(groupId, name, number), offset);
    return found;
  }

  /** The last record of each key in __consumer_offsets. */
  async #mirrored(): Promise<Map<string, string | undefined>> {
    const last = new Map<string, string | undefined>();
    for (let number = 0; number < 2; number++) {
      const [result] = await this.at.during(
        this.at.fetch(CONSUMER_OFFSETS_TOPIC, 0, { partition: number, maxBytes: 8_000_000 }),
      );
      for (const batch of result?.batches ?? [])
        for (const { key, value } of decodeBatch(batch)) last.set(hex(key) ?? "", hex(value));
    }
    return last;
  }

  async check(): Promise<void> {
    const stored = await this.#stored();
    const offsets = [...stored].map(([key, { offset }]) => [key, offset]).sort();
    expect([...(await this.#inMemory())].sort()).toEqual(offsets);
    this.#checkAnswers(stored);

    const mirrored = await this.#mirrored();
    const standing = [...mirrored].filter(([, value]) => value !== undefined).sort();
    const expected = [...stored.values()].map((offset) => [
      hex(encodeOffsetKey(offset)),
      hex(encodeOffsetValue(offset)),
    ]);
    expect(standing).toEqual(expected.sort());

    this.#groups.close();
    await this.#crash();
    expect([...(await this.#inMemory())].sort()).toEqual(offsets);
    expect(this.at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
    this.#groups.close();
    this.at.log.close();
    this.at.turns.close();
    expect(this.at.clock.liveTimers).toBe(0);
  }

  /** What clients were told, where they were told enough. */
  #checkAnswers(stored: ReadonlyMap<string, StoredOffset>): void {
    for (const groupId of GROUPS)
      for (const name of TOPICS)
        for (let number = 0; number < PARTITIONS; number++) {
          const key = keyOf(groupId, name, number);
          const concerning = this.#sent.filter(({ touches, fate }) => fate !== "not done" && touches(key));
          const last = concerning.at(-1);
          if (last === undefined) {
            expect(stored.get(key)?.offset, key).toBeUndefined();
            continue;
          }
          // Only what has the last word alone: sent after every other was answered.
          if (last.fate !== "done" || concerning.some((sent) => sent !== last && sent.answeredAt > last.sentAt))
            continue;
          expect(stored.get(key)?.offset, key).toBe(last.offset);
        }
  }
}

const hex = (bytes: Uint8Array | null) => (bytes === null ? undefined : Buffer.from(bytes).toString("hex"));

test("offsets are what was answered, in memory, on the disk and in __consumer_offsets, whatever fails", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const run = new Run();
      await run.begin();
      for (const next of steps) await run.apply(next);
      await run.check();
    }),
    { numRuns: 60 },
  );
});
