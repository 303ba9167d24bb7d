// Bad input from a client that was made by hand: what cannot be read, is too large, or names what is not there. Each refusal
// has Kafka's code and says what, whose and how much is possible; nothing of it is stored, and nobody else is harmed.

import {
  crc32c,
  decodeFrame,
  encodeBatch,
  encodeFrame,
  FRAME_CONTENT_TYPE,
  MAX_HEADER_BYTES,
} from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";

interface Item {
  readonly error?: { code: string; message: string; hint?: string; definite: boolean };
}

const MAX_BATCH_BYTES = 4096;
const MAX_PAYLOAD_BYTES = 65_536;
let broker: Broker;
/** Reads and writes all the while: what others send must not harm it. */
let neighbour: RawSocket;
beforeAll(async () => {
  broker = await startBroker({
    settings: { "message.max.bytes": MAX_BATCH_BYTES, "socket.request.max.bytes": MAX_PAYLOAD_BYTES },
  });
  neighbour = await RawSocket.greeted(broker.url);
  await neighbour.request("createTopics", { topics: [{ topic: "orders", partitions: 2 }] });
});
afterAll(() => broker.close());

const good = encodeBatch([{ key: Buffer.from("k"), value: Buffer.from("v"), headers: [], timestamp: 1 }]);
const huge = encodeBatch([{ key: null, value: Buffer.alloc(MAX_BATCH_BYTES), headers: [], timestamp: 1 }]);
const damaged = Buffer.from(good);
damaged[damaged.length - 2] = (damaged.at(-2) ?? 0) ^ 1;

/** The good batch, changed at Kafka's offsets, with the CRC that then fits: the check behind the CRC must refuse it. */
function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(good);
  change(bytes);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

async function end(): Promise<number> {
  const { header } = await neighbour.request("listOffsets", {
    isolation: "read_uncommitted",
    partitions: [{ topic: "orders", partition: 0, at: "latest" }],
  });
  return (header.results as { offset: number }[])[0]?.offset ?? -1;
}

const frameDoors: [string, (api: string, header: object, payload: Uint8Array[]) => Promise<Record<string, unknown>>][] =
  [
    ["WebSocket", async (api, header, payload) => (await neighbour.request(api, header, payload)).header],
    [
      "HTTP",
      async (api, header, payload) => {
        const { body } = await http(broker.url, `/v1/${api}`, {
          headers: { "content-type": FRAME_CONTENT_TYPE },
          body: encodeFrame(header, payload),
        });
        return decodeFrame(body, { maxHeaderBytes: MAX_HEADER_BYTES }).header;
      },
    ],
  ];

// What, the partition's fields, the batch; the code and the words that must be in its text.
const refused: [string, object, Uint8Array, string, string[]][] = [
  ["an illegal name", { topic: "a/b" }, good, "INVALID_TOPIC_EXCEPTION", ['"a/b"', "letters, digits"]],
  ["a partition out of range", { partition: 2 }, good, "UNKNOWN_TOPIC_OR_PARTITION", ["orders", "0 to 1", "2"]],
  ["a negative partition", { partition: -1 }, good, "UNKNOWN_TOPIC_OR_PARTITION", ["orders", "-1"]],
  ["a topic id of the past", { topicId: "AAAAAAAAAAAAAAAAAAAAAA" }, good, "UNKNOWN_TOPIC_ID", ["orders", "any more"]],
  ["a batch too large", {}, huge, "MESSAGE_TOO_LARGE", ["orders-0", `${huge.length}`, `${MAX_BATCH_BYTES}`]],
  ["a wrong CRC", {}, damaged, "CORRUPT_MESSAGE", ["damaged", "CRC"]],
  ["a batch cut off", {}, good.subarray(0, 40), "CORRUPT_MESSAGE", [`${good.length} bytes`, "40"]],
  ["no batch", {}, new Uint8Array(0), "INVALID_RECORD", ["orders-0"]],
  ["a wrong length", {}, changed((bytes) => bytes.writeInt32BE(48, 8)), "CORRUPT_MESSAGE", ["60 bytes", "no header"]],
  ["a wrong count", {}, changed((bytes) => bytes.writeInt32BE(2, 57)), "CORRUPT_MESSAGE", ["2 records"]],
  [
    "a wrong lastOffsetDelta",
    {},
    changed((bytes) => bytes.writeInt32BE(5, 23)),
    "CORRUPT_MESSAGE",
    ["lastOffsetDelta of 5"],
  ],
  ["an older magic", {}, changed((bytes) => bytes.writeInt8(1, 16)), "UNSUPPORTED_FOR_MESSAGE_FORMAT", ["magic"]],
  ["the control bit", {}, changed((bytes) => bytes.writeInt16BE(0x20, 21)), "INVALID_RECORD", ["control batch"]],
  ["gzip that is none", {}, changed((bytes) => bytes.writeInt16BE(1, 21)), "CORRUPT_MESSAGE", ["gzip"]],
  ["a damaged batch behind a good one", {}, Buffer.concat([good, damaged]), "CORRUPT_MESSAGE", ["CRC"]],
];

for (const [door, ask] of frameDoors)
  test.each(refused)(`produce by ${door}: %s`, async (_, fields, batch, code, words) => {
    const before = await end();
    const partitions = [
      { topic: "orders", partition: 0, bytes: batch.length, ...fields },
      { topic: "orders", partition: 1, bytes: good.length },
    ];
    const { results } = await ask("produce", { acks: -1, partitions }, [batch, good]);
    const [bad, other] = results as Item[];
    expect(bad?.error).toMatchObject({ code, definite: true });
    for (const word of words) expect(bad?.error?.message).toContain(word);
    // Neither half done nor a harm to the other partition of the same request.
    expect(other?.error).toBeUndefined();
    expect(await end()).toBe(before);
  });

const fetchOf = (partition: object) => ({
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 1000,
  isolation: "read_uncommitted",
  partitions: [{ topic: "orders", partition: 0, offset: 0, ...partition }],
});

test.each<[string, object, string, string[]]>([
  ["an unknown topic", { topic: "absent" }, "UNKNOWN_TOPIC_OR_PARTITION", ['"absent"']],
  ["a partition out of range", { partition: 7 }, "UNKNOWN_TOPIC_OR_PARTITION", ["orders", "0 to 1", "7"]],
  ["an offset out of range", { offset: 9 }, "OFFSET_OUT_OF_RANGE", ["orders-0", "9", "log start", "high watermark"]],
  ["a topic id of the past", { topicId: "AAAAAAAAAAAAAAAAAAAAAA" }, "UNKNOWN_TOPIC_ID", ["orders"]],
])("fetch by each door: %s", async (_, fields, code, words) => {
  const json = async () => (await postJson(broker.url, "/v1/fetch", fetchOf(fields))).json ?? {};
  for (const ask of [
    ...frameDoors.map(
      ([, door]) =>
        () =>
          door("fetch", fetchOf(fields), []),
    ),
    json,
  ]) {
    const [item] = (await ask()).results as Item[];
    expect(item?.error).toMatchObject({ code, definite: true });
    for (const word of words) expect(item?.error?.message).toContain(word);
  }
});

// Bytes that are no frame at all, and how the text begins or ends.
const truncated = Buffer.from([0, 0, 0, 200, 1]);
const notJson = Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from("abc")]);
const headerTooLarge = Buffer.concat([Buffer.from([0, 0x10, 0, 1]), Buffer.alloc(1024 * 1024 + 1, " ")]);
const unreadable: [string, Uint8Array, string][] = [
  ["a truncated frame", truncated, "announces a header of 200 bytes and ends after 1"],
  ["a frame without JSON", notJson, "not valid JSON"],
  ["a header beyond its limit", headerTooLarge, "1048577 bytes; at most 1048576"],
  ["no frame at all", new Uint8Array(0), "it has 0 bytes"],
];

test.each(unreadable)(
  "%s closes the WebSocket with the reason, and is a frame with the error over HTTP",
  async (...row) => {
    const [, bytes, text] = row;
    const socket = await RawSocket.greeted(broker.url);
    socket.send(bytes);
    const { code, reason } = await socket.closed;
    expect(code).toBe(1002);
    expect(reason).toMatch(/^INVALID_REQUEST: /);
    expect(reason).toContain(text);

    const { status, body } = await http(broker.url, "/v1/fetch", {
      method: "POST",
      headers: { "content-type": FRAME_CONTENT_TYPE },
      body: bytes,
    });
    expect(status).toBe(400);
    const { error } = decodeFrame(body, { maxHeaderBytes: MAX_HEADER_BYTES }).header as unknown as Required<Item>;
    expect(error).toMatchObject({ code: "INVALID_REQUEST", definite: true });
    expect(error.message).toContain(text);
    expect(await end()).toBeGreaterThanOrEqual(0);
  },
);

test("a frame beyond its limit closes the WebSocket with 1009 and says how much is possible", async () => {
  const socket = await RawSocket.greeted(broker.url);
  const limit = MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES + 4;
  socket.send(new Uint8Array(limit + 1));
  const { code, reason } = await socket.closed;
  expect(code).toBe(1009);
  expect(reason).toMatch(/^MESSAGE_TOO_LARGE: /);
  expect(reason).toContain(`${limit} bytes`);
  expect(reason).toContain("socket.request.max.bytes");
  expect(await end()).toBeGreaterThanOrEqual(0);
});

test("JSON that is none says where, and speaks of no frame", async () => {
  for (const [path, body] of [
    ["/v1/fetch", "{"],
    ["/v1/topics/orders/records", '{"records":[}'],
    ["/v1/status", '{"__proto__":{"x":1}}'],
    ["/v1/status", "[1]"],
  ] as const) {
    const { status, json } = await http(broker.url, path, { headers: { "content-type": "application/json" }, body });
    expect(status, body).toBe(400);
    const { code, message } = (json as unknown as Required<Item>).error;
    expect(code).toBe("INVALID_REQUEST");
    expect(message).toMatch(/JSON|prototype/);
    expect(message).not.toContain("frame");
  }
});

// Who commits, and why that is refused: to whom it happened, and whose the partition is.
test("a commit from a stranger, of a stale epoch, for a partition of another member", async () => {
  const heartbeat = async (memberId: string, memberEpoch: number, seq: number, owned?: object[]) => {
    const joining = {
      subscription: ["orders"],
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 45_000,
      clientId: "till",
    };
    const fields = { groupId: "g", memberId, memberEpoch, seq, ...(memberEpoch === 0 ? joining : {}), owned };
    return (await neighbour.request("groupHeartbeat", fields)).header as { memberEpoch: number; assignment?: object[] };
  };
  const commit = async (fields: object, partition = 0) =>
    (
      await neighbour.request("offsetCommit", {
        groupId: "g",
        offsets: [{ topic: "orders", partition, offset: 0 }],
        ...fields,
      })
    ).header as Item & { results?: Item[] };
  const first = await heartbeat("m1", 0, 1, []);
  await heartbeat("m2", 0, 1, []);

  const stranger = await commit({});
  expect(stranger.error).toMatchObject({ code: "UNKNOWN_MEMBER_ID", hint: expect.stringContaining("Stop") });
  expect(stranger.error?.message).toContain("group g has 2 members");

  const unknown = await commit({ memberId: "m9", memberEpoch: 1, seq: 1 });
  expect(unknown.error).toMatchObject({ code: "UNKNOWN_MEMBER_ID", message: expect.stringContaining("no member m9") });

  const stale = await commit({ memberId: "m1", memberEpoch: first.memberEpoch - 1, seq: 1 });
  expect(stale.results?.[0]?.error).toMatchObject({ code: "STALE_MEMBER_EPOCH", definite: true });
  expect(stale.results?.[0]?.error?.message).toMatch(/orders-0 .*m1 \(till\) in epoch 1.* epoch 0/);

  const others = await commit({ memberId: "m2", memberEpoch: 2, seq: 1 });
  expect(others.results?.[0]?.error).toMatchObject({ code: "STALE_MEMBER_EPOCH", definite: true });
  expect(others.results?.[0]?.error?.message).toMatch(/not assigned to member m2 \(till\).*m1 \(till\) owns it/);

  const { header } = await neighbour.request("offsetFetch", { groupId: "g" });
  expect(header.offsets).toEqual([]);
  expect((await commit({ memberId: "m1", memberEpoch: 1, seq: 2 })).results?.[0]?.error).toBeUndefined();
});
