// SIGKILL of a broker right after it answered: configurations, more partitions, deleted groups, offsets and topics are as
// they were answered, and lag is right although nobody is alive.

import { encodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { encodeOffsetKey } from "../../../server/src/groups/consumer-offsets.ts";
import { startChildBroker } from "../../support/child-broker.ts";
import { postJson, RawSocket } from "../../support/raw-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function call(url: string, api: string, request: object): Promise<Record<string, unknown>> {
  const { json } = await postJson(url, `/v1/${api}`, request);
  expect(JSON.stringify(json), api).not.toContain('"error"');
  return json ?? {};
}

test("what was answered survives a kill", async () => {
  const data = temporaryFolder();
  const first = await startChildBroker({ data, durability: "process" });
  const { url } = first;
  await call(url, "createTopics", {
    topics: [
      { topic: "orders", partitions: 2, configs: { "segment.ms": "5" } },
      { topic: "gone", partitions: 1 },
    ],
  });
  await call(url, "createPartitions", { topics: [{ topic: "orders", partitions: 5 }] });
  await call(url, "alterConfigs", {
    changes: [{ topic: "orders", configs: { "retention.ms": "1000000000", "segment.ms": null } }],
  });
  const socket = await RawSocket.greeted(url);
  const writtenAtMs = Date.now() - 60_000;
  const batch = encodeBatch(
    ["a", "b", "c"].map((value) => ({ key: null, value: Buffer.from(value), headers: [], timestamp: writtenAtMs })),
  );
  const produced = await socket.request(
    "produce",
    { acks: -1, partitions: [{ topic: "orders", partition: 4, bytes: batch.length }] },
    [batch],
  );
  expect(produced.header.results).toMatchObject([{ baseOffset: 0 }]);
  const commit = (groupId: string, offsets: object[]) => call(url, "offsetCommit", { groupId, offsets });
  await commit("kept", [
    { topic: "orders", partition: 4, offset: 1 },
    { topic: "orders", partition: 0, offset: 0 },
    { topic: "gone", partition: 0, offset: 0 },
  ]);
  await commit("deleted", [{ topic: "orders", partition: 4, offset: 3 }]);
  await call(url, "offsetDelete", { groupId: "kept", partitions: [{ topic: "orders", partition: 0 }] });
  await call(url, "deleteTopics", { topics: ["gone"] });
  await call(url, "deleteGroups", { groupIds: ["deleted"] });
  first.process.kill("SIGKILL");
  await first.ended;

  const second = await startChildBroker({ data, durability: "process" });
  const { topics } = (await call(second.url, "metadata", { topics: ["orders"] })) as {
    topics: { partitions: object[] }[];
  };
  expect(topics[0]?.partitions).toHaveLength(5);
  expect(topics[0]?.partitions[4]).toMatchObject({ partition: 4, highWatermark: 3 });
  const { results } = (await call(second.url, "describeConfigs", { topics: ["orders"] })) as {
    results: { configs: { name: string; source: string }[] }[];
  };
  expect(results[0]?.configs.filter(({ source }) => source === "topic")).toEqual([
    { name: "retention.ms", value: "1000000000", source: "topic" },
  ]);
  expect(await call(second.url, "listGroups", {})).toEqual({ groups: [{ groupId: "kept", state: "Empty" }] });
  const { groups } = (await call(second.url, "describeGroups", { groupIds: ["kept"] })) as {
    groups: { offsets: { lagSeconds: number }[] }[];
  };
  expect(groups[0]?.offsets).toMatchObject([{ topic: "orders", partition: 4, offset: 1, highWatermark: 3, lag: 2 }]);
  // Read from the file: the oldest unread record is a minute old.
  const lagSeconds = groups[0]?.offsets[0]?.lagSeconds ?? 0;
  expect(lagSeconds).toBeGreaterThanOrEqual(60);
  expect(lagSeconds).toBeLessThanOrEqual((Date.now() - writtenAtMs) / 1000);

  // Whoever reads __consumer_offsets knows the same: the last record of what is gone is a tombstone.
  const last = new Map<string, boolean>();
  for (let partition = 0; partition < 50; partition++) {
    const { results: read } = (await call(second.url, "fetch", {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      isolation: "read_uncommitted",
      partitions: [{ topic: "__consumer_offsets", partition, offset: 0 }],
    })) as { results: { records: { keyBase64?: string; key?: string; value?: null }[] }[] };
    for (const { key, keyBase64, value } of read[0]?.records ?? [])
      last.set(keyBase64 ?? Buffer.from(key ?? "").toString("base64"), value !== null);
  }
  const stands = (groupId: string, topic: string, partition: number) =>
    last.get(Buffer.from(encodeOffsetKey({ groupId, topic, partition })).toString("base64"));
  expect([
    stands("kept", "orders", 4),
    stands("kept", "orders", 0),
    stands("kept", "gone", 0),
    stands("deleted", "orders", 4),
  ]).toEqual([true, false, false, false]);
  second.process.kill("SIGTERM");
  await second.ended;
});
