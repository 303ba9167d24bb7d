// A session over a link that the test holds: hello, order, cancels, bad frames.

import { encodeFrame, MAX_ANSWER_HEADER_BYTES, ProtocolError } from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { settle } from "../../support/simulated-clock.ts";
import { type Call, codeOf, DONE, world } from "./session-world.ts";

// ---- hello

test("hello tells who the broker is and grants what the settings say", () => {
  const { connect, close } = world({ "max.reply.bytes": 100_000, "fetch.max.wait.ms": 777 });
  const { link, hello } = connect();
  hello();
  expect(link.last).toEqual({
    id: 0,
    clusterId: "cluster",
    brokerId: 0,
    version: 1,
    features: expect.arrayContaining(["consumerGroups"]),
    limits: {
      maxFramePayloadBytes: 8 * 1024 * 1024,
      maxHeaderBytes: 1024 * 1024,
      maxBatchBytes: 1_048_588,
      maxInFlightRequestBytes: 32 * 1024 * 1024,
      maxReplyBytes: 100_000,
      maxFetchWaitMs: 777,
      maxDecompressedBatchBytes: 67_108_864,
    },
  });
  close();
});

test("the first request must be hello, and only one hello is taken", () => {
  const { connect, greeted, calls, close } = world();
  const first = connect();
  first.send({ id: 1, api: "metadata" });
  expect(codeOf(first.link.last)).toBe("INVALID_REQUEST");
  expect(first.link.closed?.code).toBe(1008);
  const second = greeted();
  second.hello();
  expect(codeOf(second.link.last)).toBe("INVALID_REQUEST");
  expect(second.link.closed).toBeUndefined();
  expect(calls).toEqual([]);
  close();
});

test("a client of another version is refused with both sides' versions", () => {
  const { connect } = world();
  const { link, send } = connect();
  send({ id: 0, api: "hello", client: "t", versions: [99, 7], clientInstanceId: "i", connectionSeq: 1 });
  expect(link.last).toMatchObject({
    error: { code: "UNSUPPORTED_VERSION", message: "the client speaks protocol 99, 7; the broker speaks 1" },
  });
  expect(link.closed?.code).toBe(1008);
});

test("without hello a connection ends after ten seconds", async () => {
  const { connect, greeted, clock, close, sessions } = world();
  const silent = connect();
  const polite = greeted();
  await clock.advance(9_999);
  expect(silent.link.closed).toBeUndefined();
  await clock.advance(1);
  expect(silent.link.closed).toEqual({ code: 1008, reason: "no hello within 10 s" });
  await clock.advance(60_000);
  expect(polite.link.closed).toBeUndefined();
  expect(sessions.count).toBe(1);
  close();
});

test("after a pause of the broker a hello that lies in the socket is still taken", async () => {
  const { connect, clock, close } = world();
  const [waiting, silent] = [connect(), connect()];
  clock.skip(20_000);
  await clock.advance(1);
  expect(waiting.link.closed).toBeUndefined();
  waiting.hello();
  await clock.advance(20_000);
  expect(waiting.link.closed).toBeUndefined();
  expect(silent.link.closed?.code).toBe(1008);
  close();
});

test("before hello a frame is bounded by 64 KiB; after it by the granted payload and 1 MiB of header", () => {
  const { connect, greeted, close } = world({ "socket.request.max.bytes": 65_536, "message.max.bytes": 1024 });
  const stranger = connect();
  stranger.handlers.onMessage(new Uint8Array(4 + 64 * 1024 + 1));
  expect(stranger.link.closed?.code).toBe(1009);
  const client = greeted();
  client.handlers.onMessage(encodeFrame({ id: 1, api: "produce" }, [new Uint8Array(65_536)]));
  expect(client.link.closed).toBeUndefined();
  client.handlers.onMessage(new Uint8Array(4 + 1024 * 1024 + 65_536 + 1));
  expect(client.link.closed?.code).toBe(1009);
  close();
});

test("those who have not said hello are bounded in number; who has is not counted", () => {
  const { connect, greeted, close } = world({ "max.unauthenticated.connections": 5 });
  greeted();
  for (let index = 0; index < 5; index++) connect();
  const one = connect();
  expect(one.link.closed?.code).toBe(1013);
  close();
});

test("sessions are bounded by max.connections, and room is made by one that ends", () => {
  const { greeted, connect, close } = world({ "max.connections": 2 });
  const first = greeted();
  greeted();
  expect(connect().link.closed?.code).toBe(1013);
  first.handlers.onClose(1006, "");
  greeted();
  close();
});

// ---- two connections of one client

test("a newer connection ends the older one, whose frames act no more, though they were read", async () => {
  const { greeted, calls, close } = world();
  const old = greeted("instance", 1);
  old.send({ id: 1, api: "fetch" });
  const fetch = calls[0] as Call;
  let cancelled = 0;
  fetch.context.cancellation.onCancel(() => cancelled++);
  const young = greeted("instance", 2);
  expect(old.link).toMatchObject({ reading: false, closed: { code: 1008 } });
  expect(cancelled).toBe(1);
  old.send({ id: 2, api: "produce" });
  old.send({ cancel: 1 });
  expect(calls).toHaveLength(1);
  const answersBefore = old.link.sent.length;
  fetch.answer.resolve(DONE);
  await settle();
  expect(old.link.sent).toHaveLength(answersBefore);
  young.send({ id: 1, api: "produce" });
  expect(calls).toHaveLength(2);
  close();
});

test("a connection that comes late is refused for good, and the newer one lives on", () => {
  const { connect, greeted, close } = world();
  const young = greeted("instance", 2);
  const late = connect();
  late.hello("instance", 1);
  expect(codeOf(late.link.last)).toBe("STALE_CONNECTION");
  expect(late.link.closed?.code).toBe(1008);
  expect(young.link.closed).toBeUndefined();
  close();
});

test("five minutes after its last connection an instance is forgotten, however that connection ended", async () => {
  const { greeted, clock, close } = world();
  greeted("closed by the peer", 7).handlers.onClose(1000, "");
  greeted("ended by the broker", 7).handlers.onMessage(new Uint8Array(0));
  await clock.advance(5 * 60_000 + 1);
  greeted("closed by the peer", 1);
  greeted("ended by the broker", 1);
  close();
});

// ---- requests

test("requests start in the order of their frames; answers may overtake", async () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  for (const id of [1, 2, 3]) send({ id, api: "fetch", order: id });
  expect(calls.map(({ fields }) => fields.order)).toEqual([1, 2, 3]);
  calls[2]?.answer.resolve({ header: { answer: 3 }, payload: [] });
  calls[0]?.answer.resolve({ header: { answer: 1 }, payload: [] });
  calls[1]?.answer.reject(new ProtocolError("OFFSET_OUT_OF_RANGE", "no"));
  await settle();
  const ids = link.headers.slice(1).map(({ id }) => id);
  expect(ids.toSorted()).toEqual([1, 2, 3]);
  expect(ids.indexOf(3)).toBeLessThan(ids.indexOf(1));
  expect(link.headers.find(({ id }) => id === 2)).toMatchObject({ error: { code: "OFFSET_OUT_OF_RANGE" } });
  close();
});

test("an unknown API is refused by name; other requests go on", () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  for (const api of ["nonsense", "__proto__", "constructor", "toString", ""]) {
    send({ id: 1, api });
    expect(link.last).toMatchObject({ id: 1, error: { code: "UNSUPPORTED_VERSION" } });
  }
  send({ id: 1, api: 5 });
  expect(link.last).toMatchObject({ id: 1, error: { code: "INVALID_REQUEST" } });
  expect(calls).toEqual([]);
  expect(link.closed).toBeUndefined();
  close();
});

test("cancel reaches the request it names, once; others are not touched", async () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  send({ id: 1, api: "fetch" });
  send({ id: 2, api: "fetch" });
  const runs: number[] = [];
  for (const [index, call] of calls.entries()) call.context.cancellation.onCancel(() => runs.push(index));
  send({ cancel: 1 });
  send({ cancel: 1 });
  send({ cancel: 99 });
  expect(runs).toEqual([0]);
  expect(calls[0]?.context.cancellation.cancelled).toBe(true);
  calls[0]?.answer.resolve(DONE);
  await settle();
  expect(link.last).toMatchObject({ id: 1, done: true });
  send({ cancel: 1 });
  expect(runs).toEqual([0]);
  close();
  expect(runs).toEqual([0, 1]);
});

test("a listener that was taken back does not run; one that comes after the cancel runs at once", () => {
  const { greeted, calls, close } = world();
  const { send } = greeted();
  send({ id: 1, api: "fetch" });
  const cancellation = (calls[0] as Call).context.cancellation;
  const runs: string[] = [];
  cancellation.onCancel(() => runs.push("kept"));
  cancellation.onCancel(() => runs.push("taken back"))();
  send({ cancel: 1 });
  cancellation.onCancel(() => runs.push("late"));
  expect(runs).toEqual(["kept", "late"]);
  close();
});

test("a closed connection cancels what waits, and its answers go nowhere", async () => {
  const { greeted, calls, sessions } = world();
  const { link, send, handlers } = greeted();
  send({ id: 1, api: "fetch" });
  handlers.onClose(1006, "");
  expect(calls[0]?.context.cancellation.cancelled).toBe(true);
  calls[0]?.answer.resolve(DONE);
  await settle();
  expect(link.sent).toHaveLength(1);
  expect(sessions.count).toBe(0);
});

test("a bug in a handler is answered without its details", async () => {
  const { greeted, calls, errors, close } = world();
  const { link, send } = greeted();
  send({ id: 1, api: "status" });
  calls[0]?.answer.reject(new TypeError("secret internals"));
  await settle();
  expect(codeOf(link.last)).toBe("UNKNOWN_SERVER_ERROR");
  expect(JSON.stringify(link.last)).not.toContain("secret");
  expect(errors).toHaveLength(1);
  close();
});

test("an answer that cannot be printed is an error, not a crash", async () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  send({ id: 1, api: "status" });
  calls[0]?.answer.resolve({ header: { big: 1n }, payload: [] });
  await settle();
  expect(codeOf(link.last)).toBe("UNKNOWN_SERVER_ERROR");
  close();
});

test("an answer whose header would not fit a frame is refused instead", async () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  send({ id: 1, api: "metadata" });
  calls[0]?.answer.resolve({ header: { topics: "x".repeat(MAX_ANSWER_HEADER_BYTES) }, payload: [] });
  await settle();
  expect(codeOf(link.last)).toBe("POLICY_VIOLATION");
  close();
});

test("a hint to heartbeat is an event frame, to open sessions only", () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  send({ id: 1, api: "groupHeartbeat" });
  const { peer } = (calls[0] as Call).context;
  expect(peer.description).toBe("tester@127.0.0.1:1");
  peer.hintHeartbeat("group");
  expect(link.last).toEqual({ event: "heartbeatNow", groupId: "group" });
  const before = link.sent.length;
  close();
  peer.hintHeartbeat("group");
  expect(link.sent).toHaveLength(before);
});

// ---- bad frames

test.each<[string, Uint8Array, number]>([
  ["nothing", new Uint8Array(0), 1002],
  ["half a length", new Uint8Array([0, 0]), 1002],
  ["a header longer than the frame", new Uint8Array([0, 0, 0, 9, 0x7b, 0x7d]), 1002],
  ["a header beyond 1 MiB", new Uint8Array([0xff, 0xff, 0xff, 0xff]), 1002],
  ["no JSON", new Uint8Array([0, 0, 0, 2, 0x7b, 0x7b]), 1002],
  ["no object", encodeFrame([1]), 1002],
  ["no id", encodeFrame({ api: "status" }), 1008],
  ["a text as id", encodeFrame({ id: "1", api: "status" }), 1008],
  ["a negative id", encodeFrame({ id: -1, api: "status" }), 1008],
  ["a broken id", encodeFrame({ id: 1.5, api: "status" }), 1008],
  ["a cancel of nothing", encodeFrame({ cancel: "all" }), 1008],
])("%s ends its own connection with a reason, and no other", (_what, bytes, code) => {
  const { greeted, close } = world();
  const [bad, good] = [greeted(), greeted()];
  bad.handlers.onMessage(bytes);
  expect(bad.link.closed?.code).toBe(code);
  expect(bad.link.closed?.reason).toContain("INVALID_REQUEST");
  expect(Buffer.byteLength(bad.link.closed?.reason ?? "")).toBeLessThanOrEqual(123);
  expect(good.link.closed).toBeUndefined();
  close();
});

test("an id in use ends the connection: its answer could belong to either", () => {
  const { greeted, calls, close } = world();
  const { link, send } = greeted();
  send({ id: 1, api: "fetch" });
  send({ id: 1, api: "fetch" });
  expect(link.closed?.code).toBe(1008);
  expect(calls).toHaveLength(1);
  close();
});

test("whatever bytes come, before and after hello, nothing throws", () => {
  const { connect, greeted, close } = world();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.jsonValue(), fc.boolean(), (bytes, json, afterHello) => {
      const { handlers } = afterHello ? greeted() : connect();
      handlers.onMessage(bytes);
      handlers.onMessage(encodeFrame(typeof json === "object" && json !== null ? json : { json }));
      handlers.onClose(1006, "");
    }),
    { numRuns: 500 },
  );
  close();
});

test("groups hear when a client object comes and when its last connection is gone, not of one that a newer took over", () => {
  const { greeted, connect, clients, close } = world();
  const first = greeted("a");
  const second = greeted("a", 2);
  expect(clients).toEqual(["+a", "+a"]);
  // The socket of the older one closes at last.
  first.handlers.onClose(1008, "");
  second.handlers.onClose(1006, "");
  expect(clients).toEqual(["+a", "+a", "-a"]);
  greeted("a", 3);
  // A connection that was refused, or never said hello, is nobody's.
  connect().hello("a", 1);
  connect().handlers.onClose(1006, "");
  expect(clients).toEqual(["+a", "+a", "-a", "+a"]);
  // The broker's own stop is no sign of the client's end.
  close();
  expect(clients).toEqual(["+a", "+a", "-a", "+a"]);
});
