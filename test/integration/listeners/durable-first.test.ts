// Nothing is seen before it is durable, at any door (DESIGN.md, hard place 7): a disk that does not answer, and every way to look.

import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { type Broker, startBroker } from "@brooklet/server";
import { afterEach, expect, test } from "vitest";
import { openStorage } from "../../../server/src/storage/open.ts";
import { EventReader } from "../../support/event-reader.ts";
import { FaultyStorage } from "../../support/faulty-storage.ts";
import { http, postJson, until } from "../../support/raw-client.ts";

let broker: Broker;
let storage: FaultyStorage;
afterEach(async () => {
  storage.release();
  await broker.close();
});

async function start(): Promise<void> {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const world = { clock: systemClock, random: systemRandom };
  const opened = await openStorage({ ephemeral: true, durability: "memory", logger, ...world });
  storage = new FaultyStorage(opened.storage, { clock: systemClock });
  broker = await startBroker({ world: { openStorage: async () => ({ storage, state: opened.state }) } });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  await postJson(broker.url, "/v1/topics/t/records", { records: [{ value: 0 }] });
  await commit(0);
}

const commit = (offset: number) =>
  postJson(broker.url, "/v1/offsetCommit", { groupId: "g", offsets: [{ topic: "t", partition: 0, offset }] });
const get = async (path: string) => (await http(broker.url, path)).json;
const asked = async (api: string, body: object) => (await postJson(broker.url, `/v1/${api}`, body)).json;

/** What every door shows of t-0 and of g. */
async function seen() {
  const listed = (at: string) =>
    asked("listOffsets", { isolation: "read_uncommitted", partitions: [{ topic: "t", partition: 0, at }] });
  const isolation = "read_uncommitted";
  const wanted = [{ topic: "t", partition: 0, offset: 0 }];
  const metrics = (await http(broker.url, "/metrics")).body
    .toString()
    .split("\n")
    .filter((line) =>
      /^brooklet_(topic_partition_(end|last|size).*topic="t"|consumer_group_lag\{|consumer_groups|topics |records_in)/.test(
        line,
      ),
    );
  return {
    topic: await get("/v1/topics/t"),
    topics: await get("/v1/topics"),
    records: await get("/v1/topics/t/partitions/0/records"),
    latest: await listed("latest"),
    maxTimestamp: await listed("maxTimestamp"),
    fetched: await asked("fetch", { maxWaitMs: 0, minBytes: 1, maxBytes: 1e6, isolation, partitions: wanted }),
    group: await get("/v1/groups/g"),
    groups: await get("/v1/groups"),
    metrics,
  };
}

test("while the disk does not answer, every door shows what was durable before; afterwards all of it", async () => {
  await start();
  const stream = new EventReader(broker.url, "/v1/topics/t/stream?from=earliest");
  await until(() => stream.records.length === 1, "the stream shows what is durable");
  const before = await seen();
  storage.hold();
  const produced = postJson(broker.url, "/v1/topics/t/records", { records: [{ value: 1 }, { value: 2 }] });
  const line = http(broker.url, "/v1/topics/t/records", {
    headers: { "content-type": "application/x-ndjson" },
    body: '{"value":3}\n',
  });
  const created = postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "new" }] });
  const committed = commit(1);
  const parked = get("/v1/topics/t/partitions/0/records?offset=1&maxWaitMs=60000");
  const held = storage.turns.length;
  await until(() => storage.turns.length > held, "a turn waits for the disk");
  const during = await seen();
  expect(withoutAges(during)).toEqual(withoutAges(before));
  expect(stream.records).toHaveLength(1);
  storage.release();
  await Promise.all([produced, line, created, committed]);
  expect((await parked)?.records).toEqual(expect.arrayContaining([expect.objectContaining({ offset: 1, value: 1 })]));
  await until(() => stream.records.length === 4, "the stream shows the rest");
  const after = await seen();
  expect(after.records).toMatchObject({ nextOffset: 4, highWatermark: 4 });
  expect(after.group).toMatchObject({ offsets: [{ offset: 1, lag: 3 }] });
  expect(JSON.stringify(after.topics)).toContain('"new"');
  expect(after.metrics).toContain('brooklet_topic_partition_end_offset{topic="t",partition="0"} 4');
  stream.close();
});

/** Lag in seconds grows while one looks. */
function withoutAges(shown: object): object {
  return JSON.parse(JSON.stringify(shown, (key, value) => (key === "lagSeconds" ? undefined : value)));
}
