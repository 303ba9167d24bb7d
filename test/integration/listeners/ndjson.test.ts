// Records as a stream of lines: one result per line, in order, as they become durable; bad lines, bounds, cuts.

import { type ClientRequest, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { http, postJson } from "../../support/raw-client.ts";

const NDJSON = "application/x-ndjson";
const settings = { "message.max.bytes": 4096, "socket.request.max.bytes": 65_536 };

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker({ settings });
});
afterAll(() => broker.close());

interface Result {
  readonly partition?: number;
  readonly offset?: number;
  readonly error?: { readonly code: string; readonly message: string; readonly definite: boolean };
}

/** One request whose body is written piece by piece, while its results come. */
class Lines {
  readonly results: Result[] = [];
  status = 0;
  contentType: string | undefined;
  ended = false;
  /** The answer came to its own end; it was not cut. */
  complete = false;
  readonly #request: ClientRequest;
  #rest = "";

  constructor(topic: string, url = broker.url) {
    this.#request = httpRequest(`${url}/v1/topics/${topic}/records`, {
      method: "POST",
      agent: false,
      headers: { "content-type": NDJSON },
    });
    this.#request.on("response", (response) => {
      this.status = response.statusCode ?? 0;
      this.contentType = response.headers["content-type"];
      response.on("data", (chunk) => {
        const lines = (this.#rest + chunk).split("\n");
        this.#rest = lines.pop() ?? "";
        this.results.push(...lines.map((line) => JSON.parse(line)));
      });
      response.on("close", () => {
        this.complete = response.complete;
        this.ended = true;
      });
    });
    this.#request.on("error", () => {
      this.ended = true;
    });
    this.#request.flushHeaders();
  }

  write(text: string | Uint8Array): void {
    this.#request.write(text);
  }

  end(): void {
    this.#request.end();
  }

  cut(): void {
    this.#request.destroy();
  }
}

const post = async (topic: string, body: string | Uint8Array) => {
  const answer = await http(broker.url, `/v1/topics/${topic}/records`, { body, headers: { "content-type": NDJSON } });
  const lines = answer.body.toString().split("\n");
  return { ...answer, results: lines.filter((line) => line !== "").map((line): Result => JSON.parse(line)) };
};
const stored = async (topic: string, url = broker.url) =>
  (await http(url, `/v1/topics/${topic}/partitions/0/records?maxRecords=10000`)).body.toString();
const endOf = async (topic: string) => {
  const { json } = await http(broker.url, `/v1/topics/${topic}`);
  return (json as { partitions: { highWatermark: number }[] }).partitions[0]?.highWatermark;
};

test("a result comes for each line while the body goes on", async () => {
  const lines = new Lines("live");
  lines.write('{"key":"a","value":{"n":9007199254740993}}\n{"val');
  await eventually(() => lines.results.length === 1, "the first result");
  expect(lines).toMatchObject({ status: 200, contentType: NDJSON, ended: false });
  expect(await stored("live")).toContain('"value":{"n":9007199254740993}');
  lines.write('ue":2}\n');
  await eventually(() => lines.results.length === 2, "the second result");
  lines.write('{"value":3}');
  lines.end();
  await eventually(() => lines.ended, "the end");
  expect(lines.results).toEqual([0, 1, 2].map((offset) => ({ partition: 0, offset })));
});

test("a line that is no record has its own error, for certain, and the next one goes on", async () => {
  const good = '{"value":1}';
  const body = [
    good,
    "nonsense",
    "",
    "  \r",
    '["a"]',
    '{"key":"no value"}',
    '{"__proto__":{},"value":1}',
    `{"value":${"[".repeat(33)}${"]".repeat(33)}}`,
    `{"valueText":"${"x".repeat(5_000)}"}`,
    `{"valueText":"${"y".repeat(80_000)}"}`,
    '{"value":1,"partition":7}',
    `${good}\r`,
    '{"valueText":"\ufffd"}',
  ].join("\n");
  const { status, results } = await post("bad", body);
  expect(status).toBe(200);
  expect(results.map(({ offset, error }) => offset ?? error?.code)).toEqual([
    0,
    "INVALID_RECORD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "MESSAGE_TOO_LARGE",
    "MESSAGE_TOO_LARGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    1,
    2,
  ]);
  expect(results.every(({ error }) => error === undefined || error.definite)).toBe(true);
  const notText = await post(
    "bad",
    Buffer.concat([Buffer.from('{"valueText":"'), Uint8Array.of(0xff), Buffer.from('"}')]),
  );
  expect(notText.results).toMatchObject([
    { error: { code: "INVALID_RECORD", message: expect.stringContaining("UTF-8") } },
  ]);
});

test("a body far beyond any other's limit is stored whole and in order", async () => {
  const line = (n: number) => `{"partition":0,"key":"${n}","value":"${"z".repeat(1_000)}"}\n`;
  const count = 3_000;
  const { results } = await post("long", Array.from({ length: count }, (_, n) => line(n)).join(""));
  expect(results).toHaveLength(count);
  expect(results.every(({ offset }, index) => offset === index)).toBe(true);
  expect(await endOf("long")).toBe(count);
});

test("a client that is cut has what was acknowledged, and nothing is left of it", async () => {
  const lines = new Lines("cut");
  let sent = 0;
  while (lines.results.length < 50) {
    lines.write(`{"value":${sent++}}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  lines.cut();
  await eventually(() => lines.ended, "the cut");
  const values = (JSON.parse(await stored("cut")).records as { offset: number; value: number }[]).map(
    ({ offset, value }) => [offset, value],
  );
  expect(values.length).toBeGreaterThanOrEqual(lines.results.length);
  expect(values).toEqual(values.map((_, index) => [index, index]));
});

test("who leaves results unread is not read on, and gets all of them in the end", async () => {
  // More results than the sockets between hold.
  const { port } = new URL(broker.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    `POST /v1/topics/unread/records HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: ${NDJSON}\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  const part = `${"x".repeat(499)}\n`.repeat(100);
  let parts = 0;
  const push = () => {
    while (parts < 600) {
      if (++parts === 600) socket.write("0\r\n\r\n");
      else if (!socket.write(`${part.length.toString(16)}\r\n${part}\r\n`)) break;
    }
  };
  socket.on("drain", push);
  push();
  let [before, same] = [0, 0];
  await eventually(() => {
    same = before === parts ? same + 1 : 0;
    before = parts;
    return same === 20;
  }, "the broker reads no more");
  expect(parts).toBeLessThan(600);
  let results = 0;
  socket.on("data", (chunk) => {
    for (let at = chunk.indexOf('{"error"'); at >= 0; at = chunk.indexOf('{"error"', at + 1)) results++;
  });
  await new Promise((resolve) => socket.on("close", resolve));
  // A few words are cut in two by the pieces they come in.
  expect(results).toBeGreaterThan(599 * 100 * 0.99);
});

test("a topic that cannot be is refused as a whole; other content types are no stream", async () => {
  const refused = await post("..", '{"value":1}\n');
  expect(refused).toMatchObject({ status: 400, json: { error: { code: "INVALID_TOPIC_EXCEPTION" } } });
  for (const type of [
    "application/x-ndjson;",
    "application/ndjson",
    "application/jsonl",
    "application/x-ndjson; charset=latin1",
  ]) {
    const answer = await http(broker.url, "/v1/topics/typed/records", {
      body: '{"value":1}',
      headers: { "content-type": type },
    });
    expect(answer.status, type).toBe(415);
  }
  const api = await http(broker.url, "/v1/status", { body: "{}", headers: { "content-type": NDJSON } });
  expect(api.status).toBe(415);
});

test("max.stream.writers bounds streams of records, and they hold up nobody else", async () => {
  const other = await startBroker({ settings: { "max.stream.writers": 30 } });
  try {
    const open = Array.from({ length: 30 }, () => new Lines("many", other.url));
    await eventually(() => open.every(({ status }) => status === 200), "all are open");
    const answer = await http(other.url, "/v1/topics/many/records", {
      body: "{}",
      headers: { "content-type": NDJSON },
    });
    expect(answer).toMatchObject({ status: 429, json: { error: { code: "THROTTLING_QUOTA_EXCEEDED" } } });
    expect((await postJson(other.url, "/v1/topics/many/records", { records: [{ value: 1 }] })).status).toBe(200);
    open[0]?.end();
    await eventually(async () => {
      const again = await http(other.url, "/v1/topics/many/records", { body: "", headers: { "content-type": NDJSON } });
      return again.status === 200;
    }, "there is room again");
    for (const lines of open) lines.cut();
  } finally {
    await other.close();
  }
});

test("a body may take longer than other requests; a slow one that is none is refused", async () => {
  const quick = await startBroker({ settings: { "http.request.timeout.ms": 200, "handshake.timeout.ms": 200 } });
  try {
    const lines = new Lines("patient", quick.url);
    lines.write('{"value":1}\n');
    await eventually(() => lines.results.length === 1, "the first result");
    // What is slow and no stream is refused meanwhile: that much time has passed.
    const slow = httpRequest(`${quick.url}/v1/status`, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/json", "content-length": "10" },
    });
    const status = new Promise((resolve, reject) => {
      slow.on("response", (response) => resolve(response.statusCode));
      slow.on("error", reject);
    });
    slow.write("{");
    expect(await status).toBe(408);
    slow.destroy();
    lines.write('{"value":2}\n');
    await eventually(() => lines.results.length === 2, "the stream goes on");
    lines.end();
    await eventually(() => lines.ended, "the end");
  } finally {
    await quick.close();
  }
});

test("a broker that stops answers what it took and ends the stream", async () => {
  const other = await startBroker();
  const lines = new Lines("t", other.url);
  lines.write('{"value":1}\n{"value":2}\n');
  await eventually(() => lines.results.length === 2, "two results");
  await other.close();
  await eventually(() => lines.ended, "the stream ends");
  expect(lines.results).toHaveLength(2);
  expect(lines.complete).toBe(true);
  expect((await postJson(broker.url, "/v1/status", {})).status).toBe(200);
});
