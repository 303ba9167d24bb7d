// Every API through every door: as a frame over WebSocket, as a frame over HTTP, as JSON over HTTP. The same request has the
// same answer whatever the door, and the same refusal. What an API does is tested with its part.

import {
  type ApiName,
  decodeFrame,
  encodeBatch,
  encodeFrame,
  FRAME_CONTENT_TYPE,
  MAX_HEADER_BYTES,
} from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { apis } from "../../../protocol/src/apis/table.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";

type Header = Record<string, unknown>;
type Door = "a frame over WebSocket" | "a frame over HTTP" | "JSON over HTTP";

let broker: Broker;
let socket: RawSocket;
beforeAll(async () => {
  broker = await startBroker();
  socket = await RawSocket.greeted(broker.url);
  await socket.request("createTopics", { topics: [{ topic: "read", partitions: 1 }] });
  const partitions = [{ topic: "read", partition: 0, bytes: batch.length }];
  await socket.request("produce", { acks: -1, partitions }, [batch]);
  for (const door of doorNames)
    await socket.request("offsetCommit", {
      groupId: `idle-${nameOf(door)}`,
      offsets: [{ topic: "read", partition: 0, offset: 1 }],
    });
});
afterAll(() => broker.close());

const batch = encodeBatch([{ key: null, value: Buffer.from("v"), headers: [], timestamp: 1_000 }]);

const doors: Record<Door, (api: string, header: Header, payload: Uint8Array[]) => Promise<Header>> = {
  "a frame over WebSocket": async (api, header, payload) => {
    const { id: _, ...answer } = (await socket.request(api, header, payload)).header;
    return answer;
  },
  "a frame over HTTP": async (api, header, payload) => {
    const answer = await http(broker.url, `/v1/${api}`, {
      headers: { "content-type": FRAME_CONTENT_TYPE },
      body: encodeFrame(header, payload),
    });
    expect(answer.headers["content-type"]).toBe(FRAME_CONTENT_TYPE);
    return decodeFrame(answer.body, { maxHeaderBytes: MAX_HEADER_BYTES }).header;
  },
  "JSON over HTTP": async (api, header) => {
    const answer = await postJson(broker.url, `/v1/${api}`, header);
    expect(answer.headers["content-type"]).toBe("application/json");
    return answer.json ?? {};
  },
};
const doorNames = Object.keys(doors) as Door[];
const nameOf = (door: Door) => door.replaceAll(" ", "-");

/** A good request of each API; `at` tells the doors apart where one changes what the next would find. */
const good: Record<Exclude<ApiName, "hello">, (at: string) => { request: Header; answer: object }> = {
  metadata: () => ({
    request: { topics: ["read"] },
    answer: { clusterId: expect.any(String), topics: [{ topic: "read", partitions: [{ highWatermark: 1 }] }] },
  }),
  createTopics: (at) => ({
    request: { topics: [{ topic: `new-${at}`, partitions: 2 }] },
    answer: { results: [{ topic: `new-${at}`, topicId: expect.stringMatching(/^.{22}$/) }] },
  }),
  createPartitions: (at) => ({
    request: { topics: [{ topic: `new-${at}`, partitions: 3 }] },
    answer: { results: [{ topic: `new-${at}` }] },
  }),
  alterConfigs: (at) => ({
    request: { changes: [{ topic: `new-${at}`, configs: { "retention.ms": "1000", "segment.ms": null } }] },
    answer: { results: [{ topic: `new-${at}` }] },
  }),
  describeConfigs: (at) => ({
    request: { topics: [`new-${at}`], broker: true },
    answer: {
      results: [
        {
          topic: `new-${at}`,
          configs: expect.arrayContaining([{ name: "retention.ms", value: "1000", source: "topic" }]),
        },
      ],
      broker: expect.arrayContaining([{ name: "num.partitions", value: "1", source: "default" }]),
    },
  }),
  deleteRecords: (at) => ({
    request: { partitions: [{ topic: `new-${at}`, partition: 0, offset: -1 }] },
    answer: { results: [{ topic: `new-${at}`, partition: 0, logStartOffset: 0 }] },
  }),
  offsetForLeaderEpoch: () => ({
    request: { partitions: [{ topic: "read", partition: 0, leaderEpoch: 0 }] },
    answer: { results: [{ topic: "read", partition: 0, leaderEpoch: 0, endOffset: 1 }] },
  }),
  deleteTopics: (at) => ({
    request: { topics: [`new-${at}`] },
    answer: { results: [{ topic: `new-${at}` }] },
  }),
  produce: (at) => ({
    request: {
      acks: -1,
      partitions: [{ topic: `to-${at}`, partition: 0, bytes: batch.length, records: [{ valueText: "v" }] }],
    },
    answer: { results: [{ topic: `to-${at}`, partition: 0, baseOffset: 0 }] },
  }),
  fetch: () => ({
    request: {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000,
      isolation: "read_committed",
      partitions: [{ topic: "read", partition: 0, offset: 0 }],
    },
    answer: { results: [{ topic: "read", partition: 0, highWatermark: 1, lastStableOffset: 1, nextOffset: 1 }] },
  }),
  listOffsets: () => ({
    request: { isolation: "read_uncommitted", partitions: [{ topic: "read", partition: 0, at: "maxTimestamp" }] },
    answer: { results: [{ topic: "read", partition: 0, offset: 0, timestamp: 1_000, leaderEpoch: 0 }] },
  }),
  initProducerId: () => ({
    request: {},
    answer: { producerId: expect.any(Number), producerEpoch: 0 },
  }),
  groupHeartbeat: (at) => ({
    request: {
      groupId: `group-${at}`,
      memberId: "m",
      memberEpoch: 0,
      seq: 1,
      subscription: ["read"],
      owned: [],
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 45_000,
    },
    answer: { memberId: "m", memberEpoch: 1, assignment: [{ topic: "read", partition: 0 }] },
  }),
  offsetCommit: (at) => ({
    request: {
      groupId: `group-${at}`,
      memberId: "m",
      memberEpoch: 1,
      seq: 1,
      offsets: [{ topic: "read", partition: 0, offset: 1, metadata: "by hand" }],
    },
    answer: { results: [{ topic: "read", partition: 0, offset: 1, committedAtMs: expect.any(Number) }] },
  }),
  offsetFetch: (at) => ({
    request: { groupId: `group-${at}`, partitions: [{ topic: "read", partition: 0 }] },
    answer: { offsets: [{ topic: "read", partition: 0, offset: 1, metadata: "by hand" }] },
  }),
  listGroups: (at) => ({
    request: {},
    answer: { groups: expect.arrayContaining([expect.objectContaining({ groupId: `group-${at}`, state: "Stable" })]) },
  }),
  describeGroups: (at) => ({
    request: { groupIds: [`group-${at}`] },
    answer: { groups: [{ groupId: `group-${at}`, state: "Stable", epoch: 1, members: [{ memberId: "m" }] }] },
  }),
  leaveGroup: (at) => ({
    request: { groupId: `group-${at}`, members: [{ memberId: "m" }, { instanceId: "i" }], reason: "by hand" },
    answer: { results: [{ memberId: "m" }, { instanceId: "i", error: { code: "UNKNOWN_MEMBER_ID" } }] },
  }),
  offsetDelete: (at) => ({
    request: { groupId: `idle-${at}`, partitions: [{ topic: "read", partition: 0 }] },
    answer: { results: [{ topic: "read", partition: 0 }] },
  }),
  deleteGroups: (at) => ({
    request: { groupIds: [`idle-${at}`, "missing"] },
    answer: { results: [{ groupId: `idle-${at}` }, { groupId: "missing", error: { code: "GROUP_ID_NOT_FOUND" } }] },
  }),
  status: () => ({
    request: {},
    answer: { url: broker.url, durability: "memory", storage: "ok" },
  }),
};
const names = Object.keys(good) as (keyof typeof good)[];

test("the table has every API but the connection's own", () => {
  expect([...names, "hello"].sort()).toEqual(Object.keys(apis).sort());
});

// One test per door: its requests build on each other, as a client's do.
test.each(doorNames)("%s: each API answers", async (door) => {
  const at = nameOf(door);
  for (const api of names) {
    const { request, answer } = good[api](at);
    const payload = api === "produce" ? [batch] : [];
    expect(await doors[door](api, request, payload), api).toMatchObject(answer);
  }
});

test("the same records leave by each door: bytes in frames, readable records in JSON", async () => {
  const { request } = good.fetch("");
  for (const door of ["a frame over WebSocket", "a frame over HTTP"] as const)
    expect(await doors[door]("fetch", request, []), door).toMatchObject({ results: [{ bytes: batch.length }] });
  expect(await doors["JSON over HTTP"]("fetch", request, [])).toMatchObject({
    results: [{ records: [{ offset: 0, timestamp: 1_000, key: null, valueText: "v" }] }],
  });
});

/** Of these every field is optional. */
const mayBeEmpty = ["initProducerId", "listGroups", "status", "metadata", "describeConfigs"];
test.each(names.filter((api) => !mayBeEmpty.includes(api)))(
  "%s: a request without its fields has the same refusal at each door",
  async (api) => {
    const refusals = await Promise.all(doorNames.map((door) => doors[door](api, {}, [])));
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ error: { code: "INVALID_REQUEST", retriable: false, definite: true } });
      expect((refusal.error as { message: string }).message).toContain("must have required properties");
    }
  },
);

test("a transactional producer id is refused, not taken for a plain one", async () => {
  for (const door of doorNames)
    expect(await doors[door]("initProducerId", { transactionalId: "t" }, [])).toMatchObject({
      error: { code: "UNSUPPORTED_VERSION", definite: true },
    });
});

test("hello belongs to connections: over HTTP it is refused by name", async () => {
  for (const door of ["a frame over HTTP", "JSON over HTTP"] as const)
    expect(await doors[door]("hello", {}, [])).toMatchObject({ error: { code: "UNSUPPORTED_VERSION" } });
  expect(await doors["a frame over WebSocket"]("hello", {}, [])).toHaveProperty("error");
});

test("an API that nobody has is refused by name, with those that there are", async () => {
  for (const name of ["endTxn", "__proto__", "constructor", "hasOwnProperty"]) {
    for (const door of doorNames) {
      const { error } = (await doors[door](name, {}, [])) as { error: { code: string; message: string; hint: string } };
      expect(error.code).toBe("UNSUPPORTED_VERSION");
      expect(error.message).toContain(JSON.stringify(name));
      for (const api of names) expect(error.hint).toContain(api);
    }
  }
});
