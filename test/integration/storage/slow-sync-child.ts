// A process whose syncs are slow from some point on (the test delays them): writes until a turn does not come back at once,
// and says what else could be done meanwhile. Usage: node slow-sync-child.ts DATA

import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { openStorage } from "../../../server/src/storage/open.ts";
import { append, storedTopic, turn } from "../../support/stored.ts";

/** A write that is still under way after so many milliseconds hangs in its sync. */
const HANGS_AFTER_MS = 400;
/** Far fewer than a free event loop makes in that time, and more than a blocked one. */
const MANY_PASSES = 50;
const MAX_TURNS = 50;

const say = (line: string) => void process.stdout.write(`${line}\n`);
const { storage } = await openStorage({
  data: process.argv[2] ?? "",
  ephemeral: false,
  durability: "disk",
  clock: systemClock,
  random: systemRandom,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
const pass = () => new Promise<void>((resolve) => systemClock.defer(resolve));
const topic = { kind: "createTopic", topic: storedTopic("orders", 1) } as const;

// The reader's thread is up before anything is measured against it.
await storage.read({ partitionId: 1, fromOffset: 0, endOffset: 1, maxBytes: 1 });

for (let offset = 0; offset < MAX_TURNS; offset++) {
  let written = false;
  const write = storage.write(turn(offset + 1, { records: [...(offset === 0 ? [topic] : []), append(1, offset)] }));
  void write.then(() => {
    written = true;
  });
  const startedMs = systemClock.nowMs();
  let passes = 0;
  while (!written && systemClock.nowMs() - startedMs < HANGS_AFTER_MS) {
    await pass();
    passes += 1;
  }
  if (written || offset === 0) {
    await write;
    continue;
  }
  const [first] = await storage.read({ partitionId: 1, fromOffset: 0, endOffset: offset, maxBytes: 1 });
  if (!written && first?.baseOffset === 0) say("read while the write hung");
  say(`passes while the write hung: ${passes >= MANY_PASSES ? "many" : passes}`);
  say((await write).outcome);
  break;
}
await storage.close();
