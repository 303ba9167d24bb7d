// "Flow and limits" of the design over a real socket, sentence by sentence: what hello grants, what is refused above it, who is
// exempt, when the broker stops reading, and that a member whose heartbeat lies unread because of that is not evicted.

import { encodeBatch } from "@brooklet/protocol";
import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { type Broker, startBroker } from "@brooklet/server";
import { afterEach, expect, test } from "vitest";
import { openStorage } from "../../../server/src/storage/open.ts";
import { FaultyStorage } from "../../support/faulty-storage.ts";
import { postJson, RawSocket, until } from "../../support/raw-client.ts";

const GRANT = 64 * 1024;
const SESSION_MS = 1500;
let broker: Broker;
let storage: FaultyStorage;
afterEach(async () => {
  storage.release();
  await broker.close();
});

async function start(): Promise<void> {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const opened = await openStorage({
    ephemeral: true,
    durability: "memory",
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  storage = new FaultyStorage(opened.storage, { clock: systemClock });
  broker = await startBroker({
    settings: {
      "max.in.flight.request.bytes": GRANT,
      "max.reply.bytes": GRANT,
      "group.min.session.timeout.ms": 100,
      "group.consumer.heartbeat.interval.ms": 50,
      "group.consumer.session.timeout.ms": SESSION_MS,
    },
    world: { openStorage: async () => ({ storage, state: opened.state }) },
  });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
}

const codeOf = (header: Record<string, unknown>) => (header.error as { code?: string } | undefined)?.code;
const batch = encodeBatch([{ key: null, value: Buffer.alloc(30_000, "x"), headers: [], timestamp: 1 }]);
const produceOne = { acks: -1, partitions: [{ topic: "t", partition: 0, bytes: batch.length }] };
const commit = (offset: number, metadata: string) => ({
  groupId: "free",
  offsets: [{ topic: "t", partition: 0, offset, metadata }],
});

test("hello grants; above the grant produce is refused and told to wait; commits and heartbeats are exempt; fetches are clipped", async () => {
  await start();
  const socket = await RawSocket.connect(broker.url);
  expect((await socket.hello()).header.limits).toMatchObject({
    maxInFlightRequestBytes: GRANT,
    maxReplyBytes: GRANT,
    maxFramePayloadBytes: 8 * 1024 * 1024,
  });
  storage.hold();
  const stored = [1, 2].map(() => socket.request("produce", produceOne, [batch]));
  const refused = await socket.request("produce", produceOne, [batch]);
  expect(refused.header).toMatchObject({
    error: { code: "THROTTLING_QUOTA_EXCEEDED", retriable: true, definite: true, hint: expect.any(String) },
  });
  const committed = socket.request("offsetCommit", commit(1, ""));
  const joined = socket.request("groupHeartbeat", {
    groupId: "members",
    memberId: "m",
    memberEpoch: 0,
    seq: 1,
    subscription: ["t"],
    owned: [],
    rebalanceTimeoutMs: 1000,
  });
  expect(codeOf((await socket.request("produce", produceOne, [batch])).header)).toBe("THROTTLING_QUOTA_EXCEEDED");
  storage.release();
  for (const answer of [...stored, committed, joined]) expect(codeOf((await answer).header)).toBeUndefined();
  for (let count = 0; count < 3; count++) await socket.request("produce", produceOne, [batch]);

  const fetched = await socket.request("fetch", {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 50_000_000,
    isolation: "read_uncommitted",
    partitions: [{ topic: "t", partition: 0, offset: 0, maxBytes: 50_000_000 }],
  });
  expect(fetched.payload.length).toBe(2 * batch.length);
  expect(fetched.payload.length).toBeLessThanOrEqual(GRANT);
  await socket.close();
});

test("above twice the grant the socket is not read; its member is not evicted meanwhile, and all is answered in the end", async () => {
  await start();
  const socket = await RawSocket.greeted(broker.url);
  const member = { groupId: "members", memberId: "m", rebalanceTimeoutMs: 60_000, sessionTimeoutMs: SESSION_MS };
  const joined = await socket.request("groupHeartbeat", {
    ...member,
    memberEpoch: 0,
    seq: 1,
    subscription: ["t"],
    owned: [],
  });
  const { memberEpoch } = joined.header as { memberEpoch: number };
  const owned = joined.header.assignment;
  storage.hold();
  // What may not be refused fills twice the grant: from here on nothing is read.
  const commits = Array.from({ length: 50 }, (_, index) =>
    socket.request("offsetCommit", commit(index, "m".repeat(4000))),
  );
  const unread = socket.request("status");
  // This heartbeat lies behind them.
  const heartbeat = socket.request("groupHeartbeat", { ...member, memberEpoch, seq: 2, owned });
  let answered = false;
  void unread.then(() => {
    answered = true;
  });
  const sinceMs = systemClock.nowMs();
  // Longer than its session: who is only silent would be out by now.
  await until(() => systemClock.nowMs() - sinceMs > SESSION_MS + 300, "its session is over");
  expect(answered).toBe(false);
  const groups = await postJson(broker.url, "/v1/describeGroups", { groupIds: ["members"] });
  expect(groups.json).toMatchObject({ groups: [{ members: [{ memberId: "m" }] }] });
  storage.release();
  for (const answer of commits) expect(codeOf((await answer).header)).toBeUndefined();
  expect((await unread).header).toHaveProperty("clusterId");
  expect((await heartbeat).header).toMatchObject({ memberEpoch });
  await socket.close();
});

test("a member that does not read its answers gets no such grace: silence is silence", async () => {
  await start();
  const socket = await RawSocket.greeted(broker.url);
  await socket.request("groupHeartbeat", {
    groupId: "members",
    memberId: "m",
    memberEpoch: 0,
    seq: 1,
    subscription: ["t"],
    owned: [],
    rebalanceTimeoutMs: 60_000,
    sessionTimeoutMs: 200,
  });
  socket.socket.pause();
  await until(async () => {
    const { json } = await postJson(broker.url, "/v1/describeGroups", { groupIds: ["members"] });
    const groups = json?.groups as { members: unknown[]; timeline: { event: string }[] }[] | undefined;
    const [group] = groups ?? [];
    if (group === undefined) return false;
    return group.members.length === 0 && group.timeline.some(({ event }) => event === "eviction");
  }, "it is evicted");
  socket.socket.terminate();
});
