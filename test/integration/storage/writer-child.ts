// A process that writes turns through the commit queue and says on its standard output what became of each: "durable 7",
// "STORAGE_FULL 8", "stopped …". Every turn writes its number into two partitions and a counter, so that a torn turn shows.
// Usage: node writer-child.ts DATA LEVEL COUNT (0: until killed) [TURNS_IN_FLIGHT [noCheckpoints]]

import { type Clock, systemClock, systemRandom } from "@brooklet/protocol/world";
import { openStorage } from "../../../server/src/storage/open.ts";
import type { Durability } from "../../../server/src/storage/storage.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import { append, storedTopic } from "../../support/stored.ts";

const [, , data = "", level = "disk", count = "0", pipelined = "3", checkpoints] = process.argv;
const say = (line: string) => void process.stdout.write(`${line}\n`);
const logger = { debug() {}, info() {}, warn() {}, error() {} };
/** Without timers nothing happens beside the turns, so that what is counted does not depend on the machine's speed. */
const timerless: Clock = {
  ...systemClock,
  timers() {
    const timers = systemClock.timers();
    timers.close();
    return timers;
  },
};
const { storage, state, setHolderUrl } = await openStorage({
  data,
  ephemeral: false,
  durability: level as Durability,
  clock: checkpoints === "noCheckpoints" ? timerless : systemClock,
  random: systemRandom,
  logger,
});
setHolderUrl?.("http://127.0.0.1:4092");
const queue = new CommitQueue({
  storage,
  clock: systemClock,
  logger,
  onStopped(cause) {
    say(`stopped ${cause.message}`);
    process.exitCode = 3;
  },
});

let next = (state.counters.last ?? -1) + 1;
let left = Number(count) || Number.POSITIVE_INFINITY;
say(`open ${next}`);

function writeTurn(): void {
  if (left-- <= 0) return;
  const number = next++;
  const topic = { kind: "createTopic", topic: storedTopic("orders", 1, 2) } as const;
  queue.stage({
    essential: false,
    changes: [
      ...(number === 0 ? [topic] : []),
      append(1, number, { valueBytes: (number * 37) % 5000 }),
      append(2, number, { valueBytes: 10 }),
      { kind: "putCounter", name: "last", value: number },
    ],
    durable() {
      say(`durable ${number}`);
      // Once a pass, so that each is a turn of its own and several are in flight.
      systemClock.defer(writeTurn);
    },
    failed: (error) => say(`${error.code} ${number}`),
  });
}

for (let line = 0; line < Number(pipelined); line++) {
  writeTurn();
  await new Promise<void>((resolve) => systemClock.defer(resolve));
}
if (Number(count) > 0) {
  while (left > 0 && process.exitCode === undefined) await new Promise<void>((resolve) => systemClock.defer(resolve));
  await queue.drain();
  queue.close();
  await storage.close();
}
