// The bounds of a session: the grant, unanswered requests, clients that do not read, and the end.

import { encodeFrame } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { settle } from "../../support/simulated-clock.ts";
import { codeOf, DONE, world } from "./session-world.ts";

// ---- flow

const KIB = 1024;

test("above the grant a request is refused, retriably; heartbeats and commits never are; answers free the grant", async () => {
  const { greeted, calls, close } = world({ "max.in.flight.request.bytes": 64 * KIB });
  const { link, send } = greeted();
  const other = greeted();
  send({ id: 1, api: "produce" }, [new Uint8Array(60 * KIB)]);
  send({ id: 2, api: "produce" }, [new Uint8Array(8 * KIB)]);
  expect(link.last).toMatchObject({ id: 2, error: { code: "THROTTLING_QUOTA_EXCEEDED", retriable: true } });
  send({ id: 3, api: "groupHeartbeat" }, [new Uint8Array(8 * KIB)]);
  send({ id: 4, api: "offsetCommit" }, [new Uint8Array(8 * KIB)]);
  other.send({ id: 1, api: "produce" }, [new Uint8Array(60 * KIB)]);
  expect(calls.map(({ api }) => api)).toEqual(["produce", "groupHeartbeat", "offsetCommit", "produce"]);
  calls[0]?.answer.resolve(DONE);
  await settle();
  send({ id: 5, api: "produce" }, [new Uint8Array(8 * KIB)]);
  expect(calls.at(-1)?.fields.id).toBe(5);
  close();
});

test("a request larger than the whole grant is taken when it is alone", () => {
  const { greeted, calls, close } = world({ "max.in.flight.request.bytes": 64 * KIB });
  greeted().send({ id: 1, api: "produce" }, [new Uint8Array(100 * KIB)]);
  expect(calls).toHaveLength(1);
  close();
});

test("above twice the grant the socket is not read until it is below again", async () => {
  const { greeted, calls, close } = world({ "max.in.flight.request.bytes": 64 * KIB });
  const { link, send } = greeted();
  for (let id = 1; id <= 5; id++) send({ id, api: "offsetCommit" }, [new Uint8Array(30 * KIB)]);
  expect(link.reading).toBe(false);
  calls[0]?.answer.resolve(DONE);
  await settle();
  expect(link.reading).toBe(true);
  close();
});

test("a peer was held back while its own requests stopped the reading, never because it does not read", async () => {
  const { greeted, calls, clock, close } = world({ "max.in.flight.request.bytes": 64 * KIB });
  const { link, send } = greeted();
  for (let id = 1; id <= 4; id++) send({ id, api: "offsetCommit" }, [new Uint8Array(30 * KIB)]);
  const peer = calls[0]?.context.peer;
  expect(peer?.wasHeldBackSince(clock.nowMs())).toBe(false);
  send({ id: 5, api: "offsetCommit" }, [new Uint8Array(30 * KIB)]);
  await clock.advance(1000);
  expect(peer?.wasHeldBackSince(clock.nowMs())).toBe(true);
  calls[0]?.answer.resolve(DONE);
  await settle();
  expect(peer?.wasHeldBackSince(clock.nowMs() - 1)).toBe(true);
  expect(peer?.wasHeldBackSince(clock.nowMs())).toBe(false);
  await clock.advance(1000);
  link.bufferedBytes = 100 * 1024 * KIB;
  calls[1]?.answer.resolve(DONE);
  await settle();
  expect(link.reading).toBe(false);
  expect(peer?.wasHeldBackSince(clock.nowMs() - 1)).toBe(false);
  close();
});

test("many connections, each within its grant, are bounded together; what they no longer owe is free again", async () => {
  const { greeted, calls, close } = world();
  const frame = encodeFrame({ id: 1, api: "produce" }, [new Uint8Array(8 * 1024 * KIB - 100)]);
  const clients = Array.from({ length: 33 }, () => greeted());
  for (const { handlers } of clients) handlers.onMessage(frame);
  const refused = clients.filter(({ link }) => codeOf(link.last) === "THROTTLING_QUOTA_EXCEEDED");
  expect(refused).toEqual([clients[32]]);
  refused[0]?.send({ id: 2, api: "offsetCommit" });
  expect(calls.at(-1)?.api).toBe("offsetCommit");
  calls.at(-1)?.answer.resolve(DONE);
  await settle();
  clients[0]?.handlers.onClose(1006, "");
  clients[32]?.handlers.onMessage(frame);
  expect(calls.at(-1)?.api).toBe("produce");
  clients[1]?.handlers.onMessage(encodeFrame({ id: 2, api: "produce" }, [new Uint8Array(100 * KIB)]));
  expect(codeOf(clients[1]?.link.last)).toBe("THROTTLING_QUOTA_EXCEEDED");
  calls[2]?.answer.resolve(DONE);
  await settle();
  clients[1]?.handlers.onMessage(encodeFrame({ id: 2, api: "produce" }, [new Uint8Array(100 * KIB)]));
  expect(calls.at(-1)?.fields.id).toBe(2);
  close();
});

test("unanswered requests are bounded by number; what may not be refused ends the connection in the end", () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  for (let id = 1; id <= 1_001; id++) send({ id, api: "fetch" });
  expect(calls).toHaveLength(1_000);
  expect(codeOf(link.last)).toBe("THROTTLING_QUOTA_EXCEEDED");
  for (let id = 2_001; id <= 3_000; id++) send({ id, api: "groupHeartbeat" });
  expect(link.closed).toBeUndefined();
  send({ id: 3_001, api: "groupHeartbeat" });
  expect(link.closed?.code).toBe(1008);
  close();
});

test("a client that does not read is not read either, and gets no more; when it reads again all goes on", async () => {
  const { greeted, calls, clock, close } = world({ "max.reply.bytes": 64 * KIB });
  const { link, send } = greeted();
  send({ id: 1, api: "fetch" });
  send({ id: 2, api: "produce" });
  link.bufferedBytes = 4 * 1024 * KIB + 64 * KIB + 1;
  calls[0]?.answer.resolve({ header: {}, payload: [new Uint8Array(60 * KIB)] });
  calls[1]?.answer.resolve(DONE);
  await settle();
  // The read-only answer is taken back; what happened is told.
  expect(link.headers.slice(1)).toMatchObject([
    { id: 1, error: { code: "THROTTLING_QUOTA_EXCEEDED", definite: true } },
    { id: 2, done: true },
  ]);
  expect(link.reading).toBe(false);
  send({ id: 3, api: "fetch" });
  expect(calls).toHaveLength(2);
  await clock.advance(29_000);
  expect(link.closed).toBeUndefined();
  link.bufferedBytes = 0;
  await clock.advance(100);
  expect(link.reading).toBe(true);
  await clock.advance(60_000);
  expect(link.closed).toBeUndefined();
  close();
});

test("what all clients together do not read is bounded: who holds the most is closed and told why, the others are not", async () => {
  const MIB = 1024 * KIB;
  const { greeted, calls, close } = world();
  const slow = Array.from({ length: 21 }, () => greeted());
  const [first, , greediest] = slow;
  const newcomer = greeted();
  const answerWith = async (client: ReturnType<typeof greeted>, unreadBytes: number) => {
    client.send({ id: calls.length, api: "groupHeartbeat" });
    client.link.bufferedBytes = unreadBytes;
    calls.at(-1)?.answer.resolve(DONE);
    await settle();
  };
  const closed = () => [...slow, newcomer].filter(({ link }) => link.closed !== undefined);
  for (const client of slow) await answerWith(client, 12 * MIB);
  // Nobody tells when a peer has read: before anybody is closed, all are counted afresh.
  if (first !== undefined) first.link.bufferedBytes = 0;
  await answerWith(newcomer, 5 * MIB);
  expect(closed()).toHaveLength(0);
  if (greediest !== undefined) greediest.link.bufferedBytes = 12.5 * MIB;
  if (first !== undefined) await answerWith(first, 12 * MIB);
  expect(closed().map((client) => slow.indexOf(client))).toEqual([2]);
  expect(greediest?.link.closed).toEqual({
    code: 1013,
    reason: "all clients together do not read 270008320 bytes of answers; 13107200 are yours",
  });
  close();
});

test("a client that does not read for thirty seconds is given up", async () => {
  const { greeted, calls, clock, close } = world();
  const [slow, other] = [greeted(), greeted()];
  slow.send({ id: 1, api: "fetch" });
  slow.link.bufferedBytes = 100 * 1024 * KIB;
  calls[0]?.answer.resolve(DONE);
  await clock.advance(31_000);
  expect(slow.link.closed?.code).toBe(1013);
  expect(other.link.closed).toBeUndefined();
  close();
});

// ---- the end

test("a stopping broker refuses what comes and answers what it began", async () => {
  const { greeted, connect, sessions, calls, close } = world();
  const { link, send } = greeted();
  const stranger = connect();
  send({ id: 1, api: "produce" });
  sessions.stop();
  send({ id: 2, api: "produce" });
  expect(link.last).toMatchObject({ id: 2, error: { code: "BROKER_NOT_AVAILABLE" } });
  stranger.hello();
  expect(codeOf(stranger.link.last)).toBe("BROKER_NOT_AVAILABLE");
  expect(connect().link.closed?.code).toBe(1001);
  expect(sessions.pendingCount).toBe(1);
  calls[0]?.answer.resolve(DONE);
  await settle();
  expect(link.last).toMatchObject({ id: 1, done: true });
  expect(sessions.pendingCount).toBe(0);
  close();
  expect(link.closed?.code).toBe(1001);
});
