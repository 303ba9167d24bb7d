// `consume --json | produce --json` through a broker: 10,000 records of any bytes come out as they went in.

import { PassThrough } from "node:stream";
import { Consumer, type Header, Producer } from "@brooklet/client";
import { systemClock } from "@brooklet/protocol/world";
import { startBroker } from "@brooklet/server";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { main } from "../../../cli/src/main.ts";

const RECORDS = 10_000;
const SEED = 20_260_131;

/** Bytes of every kind that a text form could lose: none, no UTF-8, controls, JSON and what only looks like it. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.array(fc.nat(0x20), { maxLength: 10 }).map((all) => Buffer.from(all)),
  fc
    .oneof(
      fc.constantFrom(
        "null",
        "",
        " 1",
        "1\n",
        "\ufeff{}",
        '"\ud800"',
        "\u2028",
        "\u007f\u009b",
        '{"__proto__":1}',
        "1e400",
      ),
      fc.constantFrom(
        '{"n": 9007199254740993, "n": 1.0}',
        '"\\u0000"',
        "[[[]]]",
        "true",
        "-0",
        "{}x",
        "\u0000",
        "\r\n",
      ),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    )
    .map((text) => new Uint8Array(Buffer.from(text))),
);
const nullable = fc.option(bytes, { nil: null, freq: 6 });
const name = fc.constantFrom("a", "b", "", "ä\u0000", "__proto__", "key", "\u2028\n", "x".repeat(300));
const record = fc.record({
  key: nullable,
  value: nullable,
  headers: fc.array(fc.record({ key: name, value: nullable }), { maxLength: 4 }),
  partition: fc.nat(2),
  timestamp: fc.integer({ min: 0, max: 1_700_000_000_000 }),
});

const hex = (data: Uint8Array | null) => (data === null ? "null" : Buffer.from(data).toString("hex"));

interface Comparable {
  readonly key?: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly Header[];
  readonly timestamp?: number;
}

/** A record as a text that has every bit of it. */
const exact = ({ key = null, value, headers = [], timestamp }: Comparable) =>
  [hex(key), hex(value), timestamp, ...headers.map((header) => `${header.key}=${hex(header.value)}`)].join(" ");

async function command(args: readonly string[], stdin: PassThrough): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const stderr: Buffer[] = [];
  const code = await main(args, {
    streams: {
      stdin,
      stdout: new PassThrough().on("data", (chunk: Buffer) => chunks.push(chunk)),
      stderr: new PassThrough().on("data", (chunk: Buffer) => stderr.push(chunk)),
    },
    env: {},
    clock: systemClock,
    interrupted: new AbortController().signal,
  });
  expect({ code, stderr: String(Buffer.concat(stderr)) }).toEqual({ code: 0, stderr: expect.any(String) });
  return Buffer.concat(chunks);
}

async function stored(server: string, topic: string): Promise<string[][]> {
  await using consumer = new Consumer({ "bootstrap.servers": server, "auto.offset.reset": "earliest" });
  consumer.assign([0, 1, 2].map((partition) => ({ topic, partition })));
  const found: string[][] = [[], [], []];
  for (let count = 0; count < RECORDS; )
    for (const one of await consumer.poll(1_000)) {
      found[one.partition]?.push(exact(one));
      count++;
    }
  return found;
}

test("consume --json | produce --json: 10,000 records of any bytes, exact, in order, partition by partition", async () => {
  const broker = await startBroker({ settings: { "num.partitions": 3 } });
  onTestFinished(() => broker.close());
  const server = `127.0.0.1:${broker.port}`;
  const records = fc.sample(record, { numRuns: RECORDS, seed: SEED });
  await using producer = new Producer({ "bootstrap.servers": server });
  await Promise.all(records.map((one) => producer.send({ topic: "from", ...one })));

  const printed = await command(["consume", "from", "-e", "--json", "-b", server], new PassThrough());
  expect(printed.filter((byte) => byte === 0x0a)).toHaveLength(RECORDS);
  const stdin = new PassThrough();
  const copying = command(["produce", "to", "--json", "-b", server], stdin);
  stdin.end(printed);
  await copying;

  const expected = [0, 1, 2].map((partition) => records.filter((one) => one.partition === partition).map(exact));
  expect({ seed: SEED, differs: differences(await stored(server, "from"), expected) }).toEqual({
    seed: SEED,
    differs: [],
  });
  expect({ seed: SEED, differs: differences(await stored(server, "to"), expected) }).toEqual({
    seed: SEED,
    differs: [],
  });
});

/** The first few, because ten thousand lines tell nobody anything. */
function differences(found: readonly string[][], expected: readonly string[][]): unknown[] {
  return expected
    .flatMap((all, partition) =>
      all.map((one, offset) => ({ partition, offset, expected: one, found: found[partition]?.[offset] })),
    )
    .filter((one) => one.expected !== one.found)
    .slice(0, 5);
}
