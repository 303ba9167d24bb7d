// group.disconnect.grace.ms over real sockets: what the listener tells groups of clients that come and go.

import { type Broker, startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { postJson, RawSocket } from "../../support/raw-client.ts";

const JOIN = { memberEpoch: 0, seq: 1, subscription: ["t"], owned: [] };

async function started(graceMs: number): Promise<Broker> {
  const broker = await startBroker({ settings: { "group.disconnect.grace.ms": graceMs } });
  onTestFinished(() => broker.close());
  return broker;
}

async function join(socket: RawSocket, memberId: string, groupId = "g") {
  const { header } = await socket.request("groupHeartbeat", { groupId, memberId, ...JOIN });
  expect(header.error).toBeUndefined();
}

async function described(broker: Broker, groupId = "g") {
  const { json } = await postJson(broker.url, "/v1/describeGroups", { groupIds: [groupId] });
  type Group = { members: { memberId: string }[]; timeline: { event: string; reason?: string }[] };
  const [group] = (json?.groups ?? []) as Group[];
  return { members: group?.members.map(({ memberId }) => memberId) ?? [], timeline: group?.timeline ?? [] };
}

async function membersBecome(broker: Broker, expected: string[]): Promise<void> {
  const are = async () => (await described(broker)).members.join() === expected.join();
  await eventually(are, `the members are ${expected.join()}`);
}

test("a socket that is cut ends the membership after the grace; others stay", async () => {
  const broker = await started(50);
  const [killed, stays] = [await RawSocket.greeted(broker.url), await RawSocket.greeted(broker.url)];
  await join(killed, "killed");
  await join(stays, "stays");
  killed.socket.terminate();
  await membersBecome(broker, ["stays"]);
  expect((await described(broker)).timeline).toContainEqual(
    expect.objectContaining({
      event: "eviction",
      member: "killed",
      reason: "its connection closed and it did not come back within 50 ms (group.disconnect.grace.ms)",
    }),
  );
});

test("a connection that a newer one of the same client took over is no end", async () => {
  const broker = await started(100);
  const [first, other] = [await RawSocket.greeted(broker.url, "same", 1), await RawSocket.greeted(broker.url, "other")];
  await join(first, "back");
  await join(other, "gone");
  await RawSocket.greeted(broker.url, "same", 2);
  await first.closed;
  // A client that ends later shows that the grace of the first would have passed.
  other.socket.terminate();
  await membersBecome(broker, ["back"]);
});

test("members that speak by HTTP have no socket to lose", async () => {
  const broker = await started(0);
  await postJson(broker.url, "/v1/groupHeartbeat", { groupId: "g", memberId: "http", ...JOIN });
  const socket = await RawSocket.greeted(broker.url);
  await join(socket, "socket");
  socket.socket.terminate();
  await membersBecome(broker, ["http"]);
});
