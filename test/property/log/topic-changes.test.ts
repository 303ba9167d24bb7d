// Random interleavings of creating, altering, extending and deleting topics with failed turns, full disks and crashes. The
// model knows only answers: what was acknowledged is there, what certainly failed is not, and memory equals the disk.

import fc from "fast-check";
import { expect, test } from "vitest";
import { LogUnderTest } from "../../unit/log/log-under-test.ts";

const TOPICS = ["a", "b"];
const MAX_PARTITIONS = 12;

type Step =
  | { kind: "create" | "delete"; topic: string }
  | { kind: "alter"; topic: string; name: string; value: string | null }
  | { kind: "extend"; topic: string; by: number }
  | { kind: "failTurn"; ahead: number; fault: "full" | "essentialOnly" }
  | { kind: "hold" | "release" | "turn" | "recover" | "restart" };

const topic = fc.constantFrom(...TOPICS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("create" as const), topic }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), topic }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("alter" as const),
      topic,
      name: fc.constantFrom("segment.ms", "retention.ms"),
      value: fc.option(fc.integer({ min: 1, max: 9 }).map(String)),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("extend" as const), topic, by: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("failTurn" as const),
      ahead: fc.integer({ min: 1, max: 3 }),
      fault: fc.constantFrom("full" as const, "essentialOnly" as const),
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constantFrom("hold", "release", "turn", "turn", "recover", "recover", "restart" as const),
    }),
  },
);

interface Model {
  partitions: number;
  readonly configs: Map<string, string>;
}

class Run {
  readonly at = new LogUnderTest({ "max.partitions": MAX_PARTITIONS });
  /** What is acknowledged, in the order of the answers. */
  readonly #model = new Map<string, Model>();
  #open = 0;
  #life = 0;

  async apply(next: Step): Promise<void> {
    const { at } = this;
    switch (next.kind) {
      case "create":
        return this.#send(at.log.createTopics({ topics: [{ topic: next.topic, partitions: 2 }] }), () =>
          this.#model.set(next.topic, { partitions: 2, configs: new Map() }),
        );
      case "delete":
        return this.#send(at.log.deleteTopics({ topics: [next.topic] }), () => this.#model.delete(next.topic));
      case "alter":
        return this.#send(
          at.log.alterConfigs({ changes: [{ topic: next.topic, configs: { [next.name]: next.value } }] }),
          () => {
            const configs = this.#model.get(next.topic)?.configs;
            if (next.value === null) configs?.delete(next.name);
            else configs?.set(next.name, next.value);
          },
        );
      case "extend": {
        const total = (at.log.catalog.byName(next.topic)?.partitionCount ?? 0) + next.by;
        return this.#send(at.log.createPartitions({ topics: [{ topic: next.topic, partitions: total }] }), () => {
          const model = this.#model.get(next.topic);
          if (model !== undefined) model.partitions = total;
        });
      }
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
      case "restart":
        await this.#crash();
        return;
    }
  }

  #send(answered: Promise<readonly { error?: { definite: boolean } }[]>, acknowledged: () => void): void {
    const life = this.#life;
    this.#open++;
    void answered.then(([result]) => {
      if (life !== this.#life) return;
      this.#open--;
      if (result?.error === undefined) acknowledged();
      else expect(result.error.definite).toBe(true);
    });
  }

  /** It may leave what was on its way either way: then the disk is the model from now on. */
  async #crash(): Promise<void> {
    const wasOpen = this.#open > 0;
    this.#open = 0;
    this.#life++;
    await this.at.restart();
    if (!wasOpen) return;
    this.#model.clear();
    for (const [name, seen] of this.#seen()) this.#model.set(name, seen);
  }

  #seen(): Map<string, Model> {
    const { catalog } = this.at.log as unknown as {
      catalog: { all(): Iterable<{ topic: string; partitionCount: number; configs: Record<string, string> }> };
    };
    return new Map(
      [...catalog.all()].map(({ topic: name, partitionCount, configs }) => [
        name,
        { partitions: partitionCount, configs: new Map(Object.entries(configs)) },
      ]),
    );
  }

  async check(): Promise<void> {
    const { at } = this;
    at.storage.release();
    await at.clock.advance(3000);
    expect(this.#open, "everything is answered").toBe(0);
    const sorted = (topics: Map<string, Model>) =>
      [...topics].sort().map(([name, { partitions, configs }]) => [name, partitions, [...configs].sort()]);
    const expected = sorted(this.#model);
    expect(sorted(this.#seen())).toEqual(expected);
    const total = [...this.#model.values()].reduce((sum, { partitions }) => sum + partitions, 0);
    expect(at.log.stats.partitions).toBe(total);
    // All room that is free can be taken, and not one partition more.
    const room = MAX_PARTITIONS - total;
    const [over] = await at.during(
      at.log.createTopics({ topics: [{ topic: "probe", partitions: room + 1 }], validateOnly: true }),
    );
    expect(over?.error?.code).toBe("POLICY_VIOLATION");
    if (room > 0) {
      const [fits] = await at.during(
        at.log.createTopics({ topics: [{ topic: "probe", partitions: room }], validateOnly: true }),
      );
      expect(fits?.error).toBeUndefined();
    }
    await at.restart();
    expect(sorted(this.#seen())).toEqual(expected);
    expect(at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
    at.log.close();
    at.turns.close();
  }
}

test("topics are what was answered, whatever fails", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const run = new Run();
      for (const name of TOPICS) {
        await run.apply({ kind: "create", topic: name });
        await run.apply({ kind: "turn" });
      }
      for (const next of steps) await run.apply(next);
      await run.check();
    }),
    { numRuns: 100 },
  );
});
