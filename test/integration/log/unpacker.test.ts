// The unpacker's thread: it starts when it is needed, answers in order, is replaced when it ends, and leaves nothing behind.

import {
  compressBatch,
  encodeBatch,
  ProtocolError,
  patchBatch,
  readBatchHeader,
  unpackBatchSync,
} from "@brooklet/protocol";
import { afterEach, expect, test } from "vitest";
import { ThreadUnpacker } from "../../../server/src/log/unpacker-thread.ts";

const DEADLY = 13;
const dying = new URL("../../support/children/dying-unpacker.worker.ts", import.meta.url);

const opened: ThreadUnpacker[] = [];
afterEach(async () => {
  for (const unpacker of opened.splice(0)) await unpacker.close();
});

function start(file?: URL) {
  const errors: string[] = [];
  const logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (_: object, message: string) => errors.push(message),
  };
  const unpacker = new ThreadUnpacker({ maxUnpackedBytes: 100_000, logger, ...(file === undefined ? {} : { file }) });
  opened.push(unpacker);
  return { unpacker, errors };
}

async function packed(count: number, baseOffset = 0): Promise<Uint8Array> {
  const batch = encodeBatch(
    Array.from({ length: count }, (_, at) => ({
      key: null,
      value: Buffer.from(`value ${at}`.padEnd(60)),
      headers: [],
      timestamp: at,
    })),
  );
  const made = await compressBatch(batch, "gzip");
  patchBatch(made, { baseOffset, leaderEpoch: 3 });
  return made;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof ProtocolError ? error.code : String(error)),
  );

test("good batches, damaged ones and ones too large, each with its own answer, in order", async () => {
  const { unpacker } = start();
  const good = await packed(10);
  const damaged = Uint8Array.from(good);
  damaged[damaged.length - 6] = (damaged.at(-6) as number) ^ 1;
  const large = await packed(3_000);
  const calls = [good, damaged, large, good].flatMap((batch) => [unpacker.check(batch), unpacker.unpack(batch)]);
  const order: number[] = [];
  for (const [index, call] of calls.entries()) call.catch(() => {}).then(() => order.push(index));
  expect(await calls[0]).toMatchObject(readBatchHeader(good));
  expect(await calls[1]).toEqual(unpackBatchSync(good));
  expect(await Promise.all(calls.slice(2, 6).map(codeOf))).toEqual([
    "CORRUPT_MESSAGE",
    "CORRUPT_MESSAGE",
    "MESSAGE_TOO_LARGE",
    "MESSAGE_TOO_LARGE",
  ]);
  await Promise.all(calls.slice(6));
  expect(order.toSorted((left, right) => left - right)).toEqual(order);
  // What it was given stays the caller's.
  expect(good.length).toBeGreaterThan(61);
});

test("many more calls than are in flight at once are all answered", async () => {
  const { unpacker } = start();
  const batches = await Promise.all(Array.from({ length: 60 }, (_, at) => packed(at + 1)));
  const headers = await Promise.all(batches.map((batch) => unpacker.check(batch)));
  expect(headers.map(({ recordCount }) => recordCount)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
});

test("a thread that ends refuses what it had, certainly and for the moment; the next batch starts another", async () => {
  const { unpacker, errors } = start(dying);
  expect(await codeOf(unpacker.check(await packed(5)))).toBe("resolved");
  const calls = [unpacker.check(await packed(5, DEADLY)), unpacker.unpack(await packed(5))];
  for (const call of calls) {
    const error = await call.catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "BROKER_NOT_AVAILABLE", row: { definite: true, retriable: true } });
    expect((error as Error).message).toContain("thread ended");
  }
  expect(await codeOf(unpacker.check(await packed(7)))).toBe("resolved");
  expect(errors).toHaveLength(1);
});

test("readers are refused when a thousand batches wait already; what was taken is answered", async () => {
  const { unpacker } = start();
  const batch = await packed(2);
  const codes = await Promise.all(Array.from({ length: 1_010 }, () => codeOf(unpacker.unpack(batch))));
  const refused = codes.filter((code) => code === "THROTTLING_QUOTA_EXCEEDED");
  expect(refused).toHaveLength(2);
  expect(codes.filter((code) => code === "resolved")).toHaveLength(1_008);
});

test("closing waits for nothing, refuses what comes later, and leaves no thread", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
  const { unpacker } = start();
  const calls = await Promise.all(Array.from({ length: 20 }, (_, at) => packed(at + 1)));
  const answers = calls.map((batch) => codeOf(unpacker.check(batch)));
  await unpacker.close();
  for (const answer of await Promise.all(answers)) expect(["resolved", "BROKER_NOT_AVAILABLE"]).toContain(answer);
  expect(await codeOf(unpacker.check(await packed(1)))).toBe("BROKER_NOT_AVAILABLE");
  expect(process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length).toBe(before);
});

test("one that was never needed has no thread to end", async () => {
  await start().unpacker.close();
});
