// A server that sends what no broker sends: bytes, headers, ids, events and closes. Nothing crashes or hangs, what it costs is
// bounded, and the errors name the broker.

import { MAX_ANSWER_HEADER_BYTES, MAX_HEADER_BYTES_BEFORE_HELLO } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { MAX_MESSAGE_BYTES } from "../../../../client-sdk/src/network/connection.ts";
import {
  MAX_UNANSWERED_BYTES,
  MAX_UNANSWERED_REQUESTS,
  Requests,
} from "../../../../client-sdk/src/network/requests.ts";
import { type FakeBroker, type FakeConnection, pass, wireError } from "../../../support/fake-broker.ts";
import { watch } from "../../../support/watch.ts";
import { ask, clock, closeAfterEach, fetch, outcome, start, withhold } from "./setup.ts";

closeAfterEach();

const text = new TextEncoder();
const u32 = (value: number) => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function framed(json: string | Uint8Array, headerBytes?: number): Uint8Array {
  const body = typeof json === "string" ? text.encode(json) : json;
  return Uint8Array.from([...u32(headerBytes ?? body.length), ...body]);
}

const violations: [string, Uint8Array][] = [
  ["three bytes", Uint8Array.of(0, 0, 0)],
  ["a header of 4 GiB", framed("{}", 0xffff_ffff)],
  ["a header longer than the message", framed("{}", 3)],
  ["a header above the limit", Uint8Array.from(u32(MAX_ANSWER_HEADER_BYTES + 1))],
  ["an empty header", framed("")],
  ["a header that is null", framed("null")],
  ["a header that is a text", framed('"{}"')],
  ["JSON nested without end", framed(`{"a":${"[".repeat(100_000)}`)],
  ["a key __proto__", framed('{"__proto__":{"id":1}}')],
  ["a key constructor with prototype", framed('{"constructor":{"prototype":{}}}')],
  ["a key that is escaped to __proto__", framed('{"\\u005f_proto__":{}}')],
  ["bytes that are no UTF-8", framed(Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d))],
  ["JSON with a rest", framed("{} {}")],
];

test.each(violations)("%s ends the connection, and the error says that the broker sent it", async (_, bytes) => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  const release = withhold(broker, "metadata");
  const pending = watch(ask(client));
  await clock.advance(10);
  for (const connection of broker.connections) connection.sendRaw(bytes);
  await clock.runUntil(() => pending.settled);
  expect(pending.error).toMatchObject({ code: "NETWORK_EXCEPTION", definite: false, retriable: true });
  expect(String(pending.error)).toContain("a:1: the broker sent no frame");
  release();
  expect((await outcome(ask(client))).value, "the next connection works").toBeDefined();
  expect(({} as { id?: number }).id).toBeUndefined();
});

test("before hello a header is bounded more tightly, after it an answer about ten thousand topics passes", async () => {
  const { network, client } = start({ bootstrapServers: ["a:1", "b:1"] });
  const filler = "x".repeat(MAX_HEADER_BYTES_BEFORE_HELLO);
  network.broker("a:1").script = (request) => ({ ...network.brokers.get("b:1")?.answer(request), filler });
  const broker = network.broker("b:1");
  broker.script = ({ api }) =>
    api === "metadata" ? { clusterId: "c", topics: [], filler: "x".repeat(2 * 1024 * 1024) } : pass;
  expect((await outcome(ask(client))).value?.header.topics).toEqual([]);
  expect(network.attempts).toEqual(["a:1", "b:1"]);
  expect(MAX_MESSAGE_BYTES).toBeLessThan(100 * 1024 * 1024);
});

const ids: [string, (connection: FakeConnection, id: number) => void][] = [
  [
    "an answer twice",
    (connection, id) => {
      for (const topics of [[], []]) connection.send({ id, clusterId: "c", topics });
    },
  ],
  ["an answer to the hello again", (connection) => connection.send({ id: 0, clusterId: "evil" })],
  ["a negative id", (connection) => connection.send({ id: -1, topics: [] })],
  ["half an id", (connection) => connection.send({ id: 1.5, topics: [] })],
  ["an id beyond integers", (connection) => connection.sendRaw(framed('{"id":1e999}'))],
  ["an id as text", (connection, id) => connection.send({ id: String(id), error: wireError("INVALID_REQUEST") })],
  ["an unknown event", (connection) => connection.send({ event: "selfDestruct" })],
  ["an event about nobody", (connection) => connection.send({ event: "heartbeatNow" })],
  ["an event about an object", (connection) => connection.send({ event: "heartbeatNow", groupId: { toString: 1 } })],
  ["a request of its own", (connection) => connection.send({ id: 99, api: "metadata", topics: [] })],
  ["a cancel", (connection, id) => connection.send({ cancel: id })],
];

test.each(ids)("%s hurts nobody", async (_, attack) => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  const release = withhold(broker, "fetch");
  const parked = watch(fetch(client));
  await clock.advance(10);
  const id = broker.of("fetch")[0]?.id ?? -1;
  for (const connection of broker.connections) attack(connection, id + 1);
  await clock.advance(10);
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(parked.settled).toBe(false);
  release();
  await clock.runUntil(() => parked.settled);
  expect(parked.value?.header.results).toEqual([]);
  expect(broker.hellos, "over the same connection").toHaveLength(1);
});

test("answers that are exchanged are malformed for whom they came to, and nobody waits on", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.script = () => undefined;
  const calls = [watch(ask(client)), watch(fetch(client))];
  await clock.advance(10);
  const [first, second] = [...broker.requests].slice(-2);
  first?.connection.send({ id: second?.id, clusterId: "c", topics: [] });
  second?.connection.send({ id: first?.id, results: [] });
  await clock.advance(10);
  for (const [index, api] of ["metadata", "fetch"].entries()) {
    expect(calls[index]?.error).toMatchObject({ code: "UNKNOWN_SERVER_ERROR", definite: false });
    expect(String(calls[index]?.error)).toContain(`the broker's answer to ${api} is malformed`);
  }
});

test("a flood of events is no answer: the silent connection is given up all the same", async () => {
  const { network, client } = start({ requestTimeoutMs: 2_000 });
  const broker = network.broker("a:1");
  await outcome(ask(client));
  let heard = 0;
  client.onHeartbeatNow(() => heard++);
  broker.script = () => undefined;
  const lost = watch(ask(client));
  while (!lost.settled) {
    for (const connection of broker.connections)
      for (let index = 0; index < 50; index++) connection.send({ event: "heartbeatNow", groupId: "g" });
    await clock.advance(100);
  }
  expect(heard).toBeGreaterThan(500);
  await clock.advance(200);
  expect(network.attempts).toHaveLength(2);
});

test.each([
  [1000, ""],
  [1002, "protocol error"],
  [1008, "\u001b[31mred\r\nERROR fake line\u202e"],
  [1011, "x".repeat(100_000)],
  [4999, "%s %d {} {{process.exit()}} <script>"],
  [Number.NaN, "no code"],
])("a close with %s and a hostile reason is one line that names the server", async (code, reason) => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  broker.script = ({ connection }) => {
    connection.end(code, reason);
    return undefined;
  };
  const { error } = await outcome(ask(client));
  expect(error).toMatchObject({ code: "NETWORK_EXCEPTION", definite: false });
  const { message } = error as Error;
  expect(message).toContain("a:1");
  expect(message.length).toBeLessThan(500);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(message).not.toMatch(/[\u0000-\u001f\u202e]/);
});

/** A server that grants everything. */
const generous = {
  maxFramePayloadBytes: 1e9,
  maxHeaderBytes: 1e9,
  maxBatchBytes: 1e9,
  maxInFlightRequestBytes: Number.MAX_SAFE_INTEGER,
  maxReplyBytes: 1,
  maxFetchWaitMs: 1,
};

const pendingRequest = (id: number, frame?: Uint8Array) => ({
  id,
  api: "metadata" as const,
  header: {},
  payload: [],
  resolve() {},
  reject() {},
  release() {},
  frame,
  frameBytes: 0,
  sentAtMs: 0,
});

test("a server that never answers gets no more requests than the bound, given up ones included", () => {
  const requests = new Requests();
  let sent = 0;
  for (let id = 1; id <= MAX_UNANSWERED_REQUESTS + 500; id++) {
    const request = pendingRequest(id);
    requests.add(request);
    requests.flush(generous, 0, () => sent++);
    requests.abandon(request);
  }
  expect(sent).toBe(MAX_UNANSWERED_REQUESTS);
  expect(requests.takeAnswered(1)).toBe("given up");
  expect(requests.takeAnswered(1)).toBe("nobody");
});

test("whatever it grants, no more bytes than our own bound are unanswered", () => {
  const requests = new Requests();
  const frame = new Uint8Array(MAX_UNANSWERED_BYTES / 4);
  let sent = 0;
  for (let id = 1; id <= 6; id++) requests.add(pendingRequest(id, frame));
  requests.flush(generous, 0, () => sent++);
  expect(sent).toBe(4);
  expect(requests.takeAnswered(1)).toMatchObject({ id: 1 });
  requests.flush(generous, 0, () => sent++);
  expect(sent).toBe(5);
});

test.each([
  [0, "RECORD_LIST_TOO_LARGE"],
  [Number.MAX_SAFE_INTEGER, undefined],
])("grants of %i are obeyed as far as they make sense", async (limit, code) => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.limits = Object.fromEntries(Object.keys(broker.limits).map((name) => [name, limit]));
  const { error } = await outcome(ask(client));
  expect((error as { code?: string } | undefined)?.code).toBe(code);
  if (code !== undefined) expect(String(error)).toContain("the broker takes at most 0");
});

test("half-open: a server that falls silent after hello is left within the request's time", async () => {
  const { network, client } = start({ bootstrapServers: ["a:1", "b:1"], requestTimeoutMs: 3_000 });
  const broker: FakeBroker = network.broker("a:1");
  network.broker("b:1");
  await outcome(ask(client));
  broker.isSilent = true;
  const { error } = await outcome(ask(client));
  expect(error).toMatchObject({ code: "REQUEST_TIMED_OUT", definite: false });
  expect((await outcome(ask(client, { timeoutMs: 30_000 }))).value).toBeDefined();
  expect(network.attempts.at(-1)).toBe("b:1");
});
