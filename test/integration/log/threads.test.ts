// The log over the storage that brokers run with: a file, a writer and a reader in threads of their own. What is shown here
// cannot be shown inline: batches cross to the workers in shared memory, and many turns are in flight at once.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../../../server/src/log/broker-log.ts";
import { parseSettings } from "../../../server/src/settings.ts";
import { openStorage } from "../../../server/src/storage/open.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import type { Logger } from "../../../server/src/world.ts";
import { never, sequenced } from "../../unit/log/log-under-test.ts";
import { valuesOf } from "../../unit/log/values.ts";

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "brooklet-log-"));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

async function open(cacheBytes: number) {
  const { settings } = parseSettings({ "tail.cache.bytes": cacheBytes });
  const clock = systemClock;
  const random = systemRandom;
  const { storage, state } = await openStorage({
    data,
    ephemeral: false,
    durability: "disk",
    clock,
    random,
    logger: quiet,
  });
  const turns = new CommitQueue({ storage, clock, logger: quiet, onStopped: () => {} });
  const log = createLog({ turns, storage, state, settings, clock, random, logger: quiet, clusterId: state.clusterId });
  return {
    log,
    close: async () => {
      log.close();
      await turns.drain();
      turns.close();
      await storage.close();
    },
  };
}

async function readAll(log: ReturnType<typeof createLog>, topic: string): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const results = await log.fetch(
      {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 2000,
        isolation: "read_committed",
        partitions: [{ topic, partition: 0, offset: values.length }],
      },
      never,
    );
    expect(results[0]?.error).toBeUndefined();
    if (results[0]?.batches.length === 0) return values;
    values.push(...valuesOf(results));
  }
}

test.each([0, 64 * 1024 * 1024])(
  "records survive a restart, read from memory or disk (cache of %d bytes)",
  async (cacheBytes) => {
    const first = await open(cacheBytes);
    const { producerId } = await first.log.initProducerId();
    const names = Array.from({ length: 50 }, (_, index) => `v${index}`);
    const parked = first.log.fetch(
      {
        maxWaitMs: 10_000,
        minBytes: 1,
        maxBytes: 2000,
        isolation: "read_uncommitted",
        partitions: [{ topic: "orders", partition: 0, offset: 0 }],
      },
      never,
    );
    expect((await parked)[0]?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    const produced = names.map((name, sequence) =>
      first.log.produce(-1, [{ topic: "orders", partition: 0, batches: sequenced([name], sequence, producerId) }]),
    );
    const results = (await Promise.all(produced)).flat();
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual(names.map((_, index) => index));
    expect(await readAll(first.log, "orders")).toEqual(names);
    await first.close();

    const second = await open(cacheBytes);
    expect(await readAll(second.log, "orders")).toEqual(names);
    const repeat = sequenced(["v47"], 47, producerId);
    const [repeated] = await second.log.produce(-1, [{ topic: "orders", partition: 0, batches: repeat }]);
    expect(repeated).toMatchObject({ baseOffset: 47 });
    expect((await second.log.initProducerId()).producerId).toBeGreaterThan(producerId);
    const [latest] = await second.log.listOffsets({
      isolation: "read_uncommitted",
      partitions: [{ topic: "orders", partition: 0, at: 500 }],
    });
    expect(latest).toMatchObject({ offset: 0, timestamp: 1000 });
    await second.close();
  },
);
