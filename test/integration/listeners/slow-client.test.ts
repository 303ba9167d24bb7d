// Clients that take more than they give: unread answers and unanswered requests stay bounded, and others notice nothing.

import { encodeBatch } from "@brooklet/protocol";
import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { type Broker, startBroker } from "@brooklet/server";
import { afterEach, expect, test } from "vitest";
import { openStorage } from "../../../server/src/storage/open.ts";
import { FaultyStorage } from "../../support/faulty-storage.ts";
import { postJson, RawSocket, until } from "../../support/raw-client.ts";

const MIB = 1024 * 1024;
let broker: Broker;
afterEach(() => broker.close());

const codeOf = (header: Record<string, unknown>) => (header.error as { code?: string } | undefined)?.code;
const batchOf = (bytes: number) =>
  encodeBatch([{ key: null, value: Buffer.alloc(bytes, "x"), headers: [], timestamp: 1 }]);
const produceTo = (topic: string, batch: Uint8Array) => ({
  acks: -1,
  partitions: [{ topic, partition: 0, bytes: batch.length }],
});

test("a client that does not read gets a bounded part; the rest is refused or not read; all is answered in the end", async () => {
  broker = await startBroker({ settings: { "max.reply.bytes": MIB } });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const healthy = await RawSocket.greeted(broker.url);
  const batch = batchOf(MIB - 1000);
  await healthy.request("produce", produceTo("t", batch), [batch]);
  const read = {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: MIB,
    isolation: "read_uncommitted",
    partitions: [{ topic: "t", partition: 0, offset: 0 }],
  };

  const slow = await RawSocket.greeted(broker.url);
  slow.socket.pause();
  const fetches = Array.from({ length: 200 }, () => slow.request("fetch", read));
  await until(() => slow.socket.bufferedAmount === 0, "all requests have left");
  for (let count = 0; count < 5; count++) {
    const { header } = await healthy.request("fetch", read);
    expect(header).toMatchObject({ results: [{ bytes: batch.length }] });
  }
  slow.socket.resume();
  const answers = await Promise.all(fetches);
  const refused = answers.filter(({ header }) => codeOf(header) === "THROTTLING_QUOTA_EXCEEDED");
  const served = answers.filter(({ payload }) => payload.length === batch.length);
  expect(refused.length + served.length).toBe(200);
  // The broker keeps 5 MiB and one answer; the rest of what was served lay in the kernel's buffers.
  expect(refused.length).toBeGreaterThan(100);
  await Promise.all([slow.close(), healthy.close()]);
});

test("a client that sends more than it was granted is refused, retriably, until what it sent is answered", async () => {
  const { storage: inner, state } = await openStorage({
    ephemeral: true,
    durability: "memory",
    clock: systemClock,
    random: systemRandom,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const storage = new FaultyStorage(inner, { clock: systemClock });
  broker = await startBroker({
    settings: { "max.in.flight.request.bytes": 256 * 1024 },
    world: { openStorage: async () => ({ storage, state }) },
  });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const [greedy, modest] = [await RawSocket.greeted(broker.url), await RawSocket.greeted(broker.url)];
  const batch = batchOf(100 * 1024);
  storage.hold();
  const first = greedy.request("produce", produceTo("t", batch), [batch]);
  const second = greedy.request("produce", produceTo("t", batch), [batch]);
  const third = await greedy.request("produce", produceTo("t", batch), [batch]);
  expect(third.header).toMatchObject({
    error: { code: "THROTTLING_QUOTA_EXCEEDED", retriable: true, definite: true, hint: expect.any(String) },
  });
  const other = modest.request("produce", produceTo("t", batch), [batch]);
  await modest.request("status");
  storage.release();
  for (const answer of [first, second, other]) {
    expect((await answer).header).toMatchObject({ results: [{ baseOffset: expect.any(Number) }] });
  }
  const again = await greedy.request("produce", produceTo("t", batch), [batch]);
  expect(again.header).toMatchObject({ results: [{ baseOffset: 3 }] });
  await Promise.all([greedy.close(), modest.close()]);
});
