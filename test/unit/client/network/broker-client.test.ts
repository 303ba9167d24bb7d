// The way to the broker in simulated time: connecting, pinning, failover, timeouts, flow control, close.

import { expect, test } from "vitest";
import { FOREIGN_GRACE_MS } from "../../../../client-sdk/src/network/route.ts";
import { pass, wireError } from "../../../support/fake-broker.ts";
import { watch } from "../../../support/watch.ts";
import { ask, clock, closeAfterEach, fetch, heartbeat, outcome, produce, start, withhold } from "./setup.ts";

closeAfterEach();

test("connects at the first request, says hello, grants limits", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await clock.advance(1_000);
  expect(network.attempts).toEqual([]);
  expect((await outcome(ask(client))).value?.header.topics[0]?.topic).toBe("t");
  expect(broker.hellos).toMatchObject([{ client: "test", versions: [1], connectionSeq: 1 }]);
  expect(client.limits).toEqual(broker.limits);
  expect(client.connectionSeq).toBe(1);
});

test("requests leave in the order of the calls, over one connection", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  const all = [ask(client), fetch(client, { timeoutMs: 100 }), heartbeat(client), ask(client)];
  await outcome(Promise.allSettled(all));
  expect(broker.requests.map(({ api }) => api)).toEqual(["metadata", "fetch", "groupHeartbeat", "metadata"]);
  expect(broker.requests.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  expect(network.attempts).toHaveLength(1);
});

test("the next server is tried when one is down, at the start and later", async () => {
  const { network, client } = start({ bootstrapServers: ["a:1", "b:1"] });
  const a = network.broker("a:1", { isDown: true });
  const b = network.broker("b:1");
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(network.attempts).toEqual(["a:1", "b:1"]);
  a.isDown = false;
  b.isDown = true;
  b.cut();
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(network.attempts).toEqual(["a:1", "b:1", "b:1", "a:1"]);
  expect(a.hellos).toMatchObject([{ connectionSeq: 4 }]);
});

test("reconnects by itself, with growing waits, and starts afresh after an answer", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.isDown = true;
  broker.cut();
  const startMs = clock.nowMs();
  await clock.advance(10_000);
  const { length } = network.attempts;
  // 50, 100, 200, 400, 800, 1000, 1000 … with 20 % jitter.
  expect(length - 1).toBeGreaterThan(9);
  expect(length - 1).toBeLessThan(18);
  broker.isDown = false;
  await clock.runUntil(() => broker.hellos.length === 2);
  expect(clock.nowMs() - startMs).toBeLessThan(11_300);
  await outcome(ask(client));
  broker.cut();
  const cutMs = clock.nowMs();
  await clock.runUntil(() => broker.hellos.length === 3);
  expect(clock.nowMs() - cutMs).toBeLessThan(70);
});

test("a server that says hello and hangs up is backed off from", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.script = ({ api, connection }) => {
    if (api !== "hello") connection.end(1006, "gone");
    return pass;
  };
  for (let round = 0; round < 5; round++) expect((await outcome(ask(client))).error).toMatchObject({ definite: false });
  expect(clock.nowMs()).toBeGreaterThan(500);
});

test("a sent request is in doubt after a cut, one that waited is sent over the next connection", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  withhold(broker, "metadata");
  const sent = watch(ask(client));
  await clock.advance(10);
  broker.cut();
  const waiting = watch(heartbeat(client, { timeoutMs: 5_000 }));
  broker.script = ({ api }) =>
    api === "groupHeartbeat" ? { memberId: "m", memberEpoch: 1, heartbeatIntervalMs: 1 } : pass;
  await clock.runUntil(() => waiting.settled);
  expect(sent.error).toMatchObject({ code: "NETWORK_EXCEPTION", definite: false, retriable: true });
  expect(waiting.value?.header.memberEpoch).toBe(1);
});

test("without any server the request fails in its time, with certainty and the cause", async () => {
  const { client } = start({ bootstrapServers: ["a:1", "b:1"] });
  const { error } = await outcome(ask(client, { timeoutMs: 3_000 }));
  expect(clock.nowMs()).toBe(3_000);
  expect(error).toMatchObject({ name: "TimeoutError", definite: true });
  expect(String(error)).toMatch(/a:1, b:1.*ECONNREFUSED/);
});

test("hello that is not answered ends within the connect timeout, and the next server is tried", async () => {
  const { network, client } = start({ bootstrapServers: ["a:1", "b:1"], connectTimeoutMs: 2_000 });
  network.broker("a:1", { isSilent: true });
  network.broker("b:1");
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(clock.nowMs()).toBeGreaterThan(2_000);
  expect(clock.nowMs()).toBeLessThan(2_100);
});

test("a foreign log behind the next server is skipped, and fatal when every reachable server has it", async () => {
  const { network, client } = start({ bootstrapServers: ["a:1", "b:1"] });
  const a = network.broker("a:1");
  const b = network.broker("b:1", { clusterId: "cluster-2" });
  await outcome(ask(client));
  a.isDown = true;
  a.cut();
  const early = watch(ask(client, { timeoutMs: 1_000 }));
  const late = watch(ask(client));
  await clock.advance(2_000);
  expect(early.error, "what times out meanwhile says why").toMatchObject({ code: "INCONSISTENT_CLUSTER_ID" });
  expect(late.settled, "ours may be restarting").toBe(false);
  expect(b.requests).toEqual([]);
  a.isDown = false;
  await clock.runUntil(() => late.settled);
  expect(late.value?.header.clusterId).toBe("cluster-1");

  a.isDown = true;
  a.cut();
  const last = watch(ask(client));
  await clock.advance(FOREIGN_GRACE_MS + 2_000);
  expect(last.error).toMatchObject({ code: "INCONSISTENT_CLUSTER_ID", fatal: true, definite: true });
  expect(String(last.error)).toMatch(/cluster-1.*cluster-2/);
  expect(client.fatalError).toBe(last.error);
  const { length } = network.attempts;
  await clock.advance(60_000);
  expect(network.attempts).toHaveLength(length);
  expect((await outcome(ask(client))).error).toBe(last.error);
});

test("the only server comes back with another log: fatal at once", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.clusterId = "cluster-2";
  broker.cut();
  const { error } = await outcome(ask(client));
  expect(error).toMatchObject({ code: "INCONSISTENT_CLUSTER_ID", fatal: true });
  expect(clock.nowMs()).toBeLessThan(200);
});

test("an admin takes whatever log it finds", async () => {
  const { network, client } = start({ pinCluster: false });
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.clusterId = "cluster-2";
  broker.cut();
  expect((await outcome(ask(client))).value?.header.clusterId).toBe("cluster-2");
});

test.each(["STALE_CONNECTION", "UNSUPPORTED_VERSION", "SASL_AUTHENTICATION_FAILED"] as const)(
  "hello refused with %s is final: no loop",
  async (code) => {
    const { network, client } = start();
    const broker = network.broker("a:1");
    broker.script = ({ api }) => (api === "hello" ? { error: wireError(code) } : pass);
    expect((await outcome(ask(client))).error).toMatchObject({ code, fatal: true });
    await clock.advance(60_000);
    expect(network.attempts).toHaveLength(1);
  },
);

test("a request refused with STALE_CONNECTION is final too", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.script = ({ api }) => (api === "metadata" ? { error: wireError("STALE_CONNECTION") } : pass);
  expect((await outcome(ask(client))).error).toMatchObject({ code: "STALE_CONNECTION" });
  broker.script = () => pass;
  expect((await outcome(ask(client))).error).toMatchObject({ code: "STALE_CONNECTION", fatal: true });
  await clock.advance(60_000);
  expect(network.attempts).toHaveLength(1);
});

test("a broker that is starting is asked again", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  let refusals = 3;
  broker.script = ({ api }) =>
    api === "hello" && refusals-- > 0 ? { error: wireError("BROKER_NOT_AVAILABLE") } : pass;
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(network.attempts).toHaveLength(4);
});

test("an abort cancels at the broker and is in doubt; before sending it is certain", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  const early = new AbortController();
  const unsent = watch(fetch(client, { signal: early.signal }));
  early.abort("enough");
  expect((await outcome(fetch(client, { signal: early.signal }))).error).toMatchObject({
    code: "ABORTED",
    definite: true,
  });
  await outcome(ask(client));
  expect(unsent.error).toMatchObject({ code: "ABORTED", definite: true, cause: "enough" });
  withhold(broker, "fetch");
  const controller = new AbortController();
  const parked = watch(fetch(client, { signal: controller.signal }));
  await clock.advance(10);
  controller.abort();
  await clock.advance(10);
  expect(parked.error).toMatchObject({ code: "ABORTED", definite: false });
  expect(broker.cancelled).toEqual([broker.of("fetch")[0]?.id]);
});

test("a dead socket is noticed by the first request that times out on a silent connection", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.isSilent = true;
  expect((await outcome(heartbeat(client, { timeoutMs: 3_000 }))).error).toMatchObject({
    code: "REQUEST_TIMED_OUT",
    definite: false,
  });
  broker.isSilent = false;
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(broker.hellos).toHaveLength(2);
});

test("timeouts below a second notice a dead socket as well, when one after the other gets no answer", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.isSilent = true;
  for (const sent of [1, 2, 3])
    expect((await outcome(heartbeat(client, { timeoutMs: 400 }))).error, `${sent}`).toMatchObject({ definite: false });
  broker.isSilent = false;
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(broker.hellos).toHaveLength(2);
});

test("a timeout proves nothing about a connection that answers others, or that had no time", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  const release = withhold(broker, "fetch");
  const short = watch(fetch(client, { timeoutMs: 20 }));
  await clock.advance(50);
  expect(short.error).toMatchObject({ code: "REQUEST_TIMED_OUT" });
  const long = watch(fetch(client, { timeoutMs: 5_000 }));
  await clock.advance(2_000);
  await outcome(ask(client));
  await clock.advance(4_000);
  expect(long.error).toMatchObject({ code: "REQUEST_TIMED_OUT" });
  expect(broker.hellos).toHaveLength(1);
  release();
});

test("a timer that was held up gives the answer in the socket one more pass", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.script = ({ api }) =>
    api === "groupHeartbeat" ? { memberId: "m", memberEpoch: 1, heartbeatIntervalMs: 1 } : pass;
  network.latencyMs = 10;
  const beat = watch(heartbeat(client, { timeoutMs: 15 }));
  await clock.advance(11);
  clock.skip(5_000);
  await clock.runUntil(() => beat.settled);
  expect(beat.value?.header.memberEpoch).toBe(1);
});

test("unanswered bytes stay within the grant; heartbeats and commits pass by", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.limits = { ...broker.limits, maxInFlightRequestBytes: 10_000 };
  const release = withhold(broker, "produce");
  const sends = [1, 2, 3].map(() => watch(produce(client, 4_000)));
  const beat = watch(heartbeat(client));
  const small = watch(ask(client));
  await clock.advance(100);
  expect(broker.requests.map(({ api }) => api)).toEqual(["produce", "produce", "groupHeartbeat"]);
  release();
  await clock.runUntil(() => sends.every(({ settled }) => settled) && small.settled);
  expect(broker.requests.map(({ api }) => api).slice(3)).toEqual(["produce", "metadata"]);
  expect(beat.settled).toBe(true);
});

test("what a cancelled fetch took of the grant is free again, what a lost produce took only after the cut", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.limits = { ...broker.limits, maxInFlightRequestBytes: 4_500 };
  withhold(broker, "fetch");
  for (let round = 0; round < 100; round++) {
    const { error } = await outcome(fetch(client, { timeoutMs: 5 }));
    expect(error).toMatchObject({ code: "REQUEST_TIMED_OUT", definite: false });
  }
  expect(broker.of("fetch")).toHaveLength(100);
  broker.script = () => pass;
  withhold(broker, "produce");
  const lost = watch(
    client.request(
      "produce",
      { acks: -1, partitions: [{ topic: "t", partition: 0, bytes: 4_000 }] },
      { payload: [new Uint8Array(4_000)], timeoutMs: 500 },
    ),
  );
  await clock.advance(600);
  expect(lost.error).toMatchObject({ definite: false });
  const next = watch(produce(client, 4_000));
  await clock.advance(100);
  expect(broker.of("produce")).toHaveLength(1);
  broker.script = () => pass;
  broker.cut();
  await clock.runUntil(() => next.settled);
  expect(broker.of("produce")).toHaveLength(2);
});

test("what cannot fit a frame or the grant is refused before it is sent", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.limits = {
    ...broker.limits,
    maxFramePayloadBytes: 5_000,
    maxHeaderBytes: 2_000,
    maxInFlightRequestBytes: 5_050,
  };
  const tooLarge = { name: "RecordTooLargeError", definite: true };
  expect((await outcome(produce(client, 5_001))).error).toMatchObject(tooLarge);
  expect((await outcome(produce(client, 4_990))).error).toMatchObject(tooLarge);
  const topics = Array.from({ length: 200 }, (_, index) => `a-long-topic-name-${index}`);
  expect((await outcome(client.request("metadata", { topics }))).error).toMatchObject(tooLarge);
  expect(broker.requests).toEqual([]);
});

test("close 1009 comes back as RecordTooLargeError of the largest request, the others stay in doubt", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.script = ({ api, payload, connection }) => {
    if (api === "hello") return pass;
    if (payload.length > 1_000) connection.end(1009, "too big");
    return undefined;
  };
  const small = watch(produce(client, 10));
  const large = watch(produce(client, 2_000));
  await clock.runUntil(() => large.settled && small.settled);
  expect(large.error).toMatchObject({ name: "RecordTooLargeError", definite: true });
  expect(small.error).toMatchObject({ code: "NETWORK_EXCEPTION", definite: false });
});

test("heartbeatNow reaches its listeners until they stop", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  const heard: string[] = [];
  const stop = client.onHeartbeatNow((groupId) => heard.push(groupId));
  await outcome(ask(client));
  const [connection] = broker.connections;
  connection?.send({ event: "heartbeatNow", groupId: "g" });
  connection?.send({ event: "heartbeatNow" });
  connection?.send({ event: "somethingNew", groupId: "x" });
  await clock.advance(10);
  stop();
  connection?.send({ event: "heartbeatNow", groupId: "h" });
  await clock.advance(10);
  expect(heard).toEqual(["g"]);
});

test("close rejects what waits, in doubt only if it was sent, even when the broker does not say goodbye", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.isSilent = true;
  const sent = watch(ask(client));
  const closed = watch(client.close());
  await clock.advance(0);
  expect(sent.error).toMatchObject({ name: "ClosedError", definite: false });
  await clock.advance(1_100);
  expect(closed.settled).toBe(true);
  expect(broker.connections.size).toBe(0);
  expect((await outcome(ask(client))).error).toMatchObject({ name: "ClosedError", definite: true });
});
