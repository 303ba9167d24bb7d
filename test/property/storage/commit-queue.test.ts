// The commit queue over real SQL, with faults at random turns: what a caller was told is what is stored.

import fc from "fast-check";
import { expect, test } from "vitest";
import { InlineStorage } from "../../../server/src/storage/sqlite/inline.ts";
import { loadState } from "../../../server/src/storage/sqlite/load-state.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import { FaultyStorage, type TurnFault } from "../../support/faulty-storage.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { silentLogger, testDatabase } from "../../support/storage-on-file.ts";
import { putCounter } from "../../support/stored.ts";

type Step = "stage" | "stageEssential" | "pass" | "hold" | "release" | "wait";

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant<Step>("stage") },
    { weight: 3, arbitrary: fc.constant<Step>("stageEssential") },
    { weight: 5, arbitrary: fc.constant<Step>("pass") },
    { weight: 2, arbitrary: fc.constantFrom<Step>("hold", "release") },
    { weight: 1, arbitrary: fc.constant<Step>("wait") },
  ),
  { maxLength: 60 },
);

/** The disk fills at any of these turns, and may break for good at one. */
const faults = fc.record({
  full: fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom<TurnFault>("full", "essentialOnly")), {
    maxLength: 4,
  }),
  broken: fc.option(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom<TurnFault>("failed", "failedButStored"))),
});

test("durable is stored, STORAGE_FULL is not, only KAFKA_STORAGE_ERROR is unknown; everybody is told once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(steps, faults, fc.nat({ max: 50 }), async (run, { full, broken }, delayMs) => {
      const clock = new SimulatedClock();
      const db = testDatabase();
      const storage = new FaultyStorage(new InlineStorage({ db, durability: "memory", clock }), { clock, delayMs });
      for (const [number, fault] of full) storage.failTurn(number, fault);
      if (broken !== null) storage.failTurn(...broken);
      const causes: Error[] = [];
      const queue = new CommitQueue({ storage, clock, logger: silentLogger, onStopped: (cause) => causes.push(cause) });

      const told = new Map<string, string>();
      const durableOrder: number[] = [];
      // Runs ahead with every part staged, and must never lag behind what is durable nor survive what failed.
      let ahead = new Set<string>();
      const durable = new Set<string>();
      queue.register({
        restore() {
          ahead = new Set(durable);
        },
      });
      let parts = 0;
      const stage = (essential: boolean) => {
        const id = parts++;
        const name = `${id}`;
        ahead.add(name);
        const tell = (word: string) => {
          expect(told.has(name)).toBe(false);
          told.set(name, word);
        };
        queue.stage({
          essential,
          changes: [putCounter(name, 1)],
          durable() {
            tell("durable");
            durableOrder.push(id);
            durable.add(name);
            expect(ahead.has(name)).toBe(true);
          },
          failed(error) {
            tell(error.code);
            expect(ahead.has(name)).toBe(false);
          },
        });
      };

      for (const step of run) {
        if (step === "stage") stage(false);
        else if (step === "stageEssential") stage(true);
        else if (step === "pass") await clock.advance(0);
        else if (step === "hold") storage.hold();
        else if (step === "release") storage.release();
        else await clock.advance(1100);
      }
      storage.release();
      const drained = queue.drain();
      await clock.advance(5000);
      await drained;

      const stored = new Set(Object.keys(loadState(db).counters));
      expect(told.size).toBe(parts);
      expect(durableOrder).toEqual([...durableOrder].sort((a, b) => a - b));
      for (const [name, word] of told) {
        if (word === "durable") expect(stored.has(name)).toBe(true);
        else if (word === "STORAGE_FULL") expect(stored.has(name)).toBe(false);
        else expect(word).toBe("KAFKA_STORAGE_ERROR");
      }
      expect(ahead).toEqual(durable);
      if ([...told.values()].includes("KAFKA_STORAGE_ERROR")) expect(causes).toHaveLength(1);
      expect(queue.storageFull && causes.length === 0).toBe(false);
      queue.close();
      await Promise.all([storage.close(), clock.advance(100)]);
      expect(clock.liveTimers).toBe(0);
      db.close();
    }),
    { numRuns: 150 },
  );
});
