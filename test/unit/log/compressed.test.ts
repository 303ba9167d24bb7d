// The log with compressed batches, on a simulated clock with the inline unpacker: stored and served as they came, searched
// and unpacked for those who look inside, checked like others, bounded.

import {
  checkBatch,
  compressBatch,
  decodeBatch,
  patchBatch,
  readBatchHeader,
  setLogAppendTime,
  unpackBatchSync,
} from "@brooklet/protocol";
import { expect, test } from "vitest";
import { ATTRIBUTES_AT, CONTROL_BIT, sealBatch } from "../../../protocol/src/records/batch.ts";
import { batchOf, concat, LogUnderTest, rejection, sequenced } from "./log-under-test.ts";

const values = (name: string) => Array.from({ length: 4 }, (_, at) => `${name}${at}`.padEnd(80));
const codecs = ["gzip", "snappy", "lz4", "zstd"] as const;

async function fetched(at: LogUnderTest, offset = 0): Promise<readonly Uint8Array[]> {
  const [result] = await at.during(at.fetch("orders", offset));
  return (result?.batches ?? []).map((batch) => new Uint8Array(batch));
}

test.each(codecs)("%s: the bytes served are the bytes sent, but for what the broker writes in", async (codec) => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["first"]));
  const sent = await compressBatch(batchOf(values("v")), codec);
  expect(await at.produce("orders", sent)).toMatchObject({ baseOffset: 1 });
  const expected = Uint8Array.from(sent);
  patchBatch(expected, {
    baseOffset: 1,
    leaderEpoch: readBatchHeader((await fetched(at, 1))[0] as Uint8Array).partitionLeaderEpoch,
  });
  expect(await fetched(at, 1)).toEqual([expected]);
  await at.restart();
  expect(await fetched(at, 1)).toEqual([expected]);
});

test("compressed and uncompressed batches in one item, and items side by side", async () => {
  const at = new LogUnderTest();
  await at.create("orders", 2);
  const packed = await compressBatch(batchOf(values("a")), "lz4");
  const [first, second] = await at.during(
    at.log.produce(-1, [
      { topic: "orders", partition: 0, batches: concat(batchOf(["x"]), packed, batchOf(["y"])) },
      { topic: "orders", partition: 1, batches: packed },
    ]),
  );
  expect([first?.baseOffset, second?.baseOffset]).toEqual([0, 0]);
  expect(await at.highWatermark("orders")).toBe(6);
  const codes = (await fetched(at)).map((batch) => readBatchHeader(batch).compression);
  expect(codes).toEqual(["none", "lz4", "none"]);
});

test("a missing topic is created by a compressed batch too", async () => {
  const at = new LogUnderTest();
  expect(await at.produce("new", await compressBatch(batchOf(values("a")), "gzip"))).toMatchObject({ baseOffset: 0 });
});

test("a topic that stamps append times stamps compressed batches, and they stay readable", async () => {
  const at = new LogUnderTest();
  await at.create("orders", 1, { "message.timestamp.type": "LogAppendTime" });
  const result = await at.produce("orders", await compressBatch(batchOf(values("a")), "zstd"));
  const [batch] = await fetched(at);
  const header = readBatchHeader(batch as Uint8Array);
  expect(header).toMatchObject({ compression: "zstd", timestampType: "LogAppendTime" });
  expect(header.maxTimestamp).toBe(result.logAppendTimeMs);
  const records = decodeBatch(unpackBatchSync(batch as Uint8Array));
  expect(records.map(({ timestamp }) => timestamp)).toEqual(Array.from({ length: 4 }, () => result.logAppendTimeMs));
});

test("times are found inside, exact to the record", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const timestamps = [1_000, 5_000, 2_000, 3_000];
  await at.produce("orders", await compressBatch(batchOf(values("a"), { timestamps }), "snappy"));
  const places = (["maxTimestamp", 1_500, 6_000] as const).map((when) => ({ topic: "orders", partition: 0, at: when }));
  const results = await at.during(at.log.listOffsets({ isolation: "read_uncommitted", partitions: places }));
  expect(results.map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
    [1, 5_000],
    [1, 5_000],
    [-1, -1],
  ]);
});

test("unpack gives an uncompressed copy that everybody can check and read, and an uncompressed batch itself", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["first"]));
  await at.produce("orders", await compressBatch(sequenced(values("a"), 0), "gzip"));
  const [plain, packed] = (await fetched(at)) as [Uint8Array, Uint8Array];
  expect(await at.log.unpack(plain)).toBe(plain);
  const unpacked = await at.during(at.log.unpack(packed));
  expect(checkBatch(unpacked)).toMatchObject({ baseOffset: 1, compression: "none", producerId: 7, recordCount: 4 });
  expect(decodeBatch(unpacked).map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
  at.log.close();
  expect(await rejection(at.log.unpack(packed))).toBe("BROKER_NOT_AVAILABLE");
});

test("max.decompressed.batch.bytes bounds what is unpacked, to the byte", async () => {
  const batch = batchOf(values("a"));
  const packed = await compressBatch(batch, "gzip");
  const records = batch.length - 61;
  for (const [bound, code] of [
    [records, undefined],
    [records - 1, "MESSAGE_TOO_LARGE"],
  ] as const) {
    const at = new LogUnderTest({ "max.decompressed.batch.bytes": bound });
    await at.create("orders");
    const { error } = await at.produce("orders", packed);
    expect(error?.code).toBe(code);
    if (error !== undefined) expect(error.message).toContain(`${bound} bytes`);
  }
});

test("max.message.bytes counts what was sent, not what it unpacks to", async () => {
  const batch = batchOf([" ".repeat(5_000)]);
  const at = new LogUnderTest();
  await at.create("orders", 1, { "max.message.bytes": "1000" });
  expect((await at.produce("orders", batch)).error?.code).toBe("MESSAGE_TOO_LARGE");
  expect(await at.produce("orders", await compressBatch(batch, "gzip"))).toMatchObject({ baseOffset: 0 });
});

test("what a producer may not say is refused in a compressed batch too", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const packed = await compressBatch(batchOf(values("a")), "gzip");
  const control = Uint8Array.from(packed);
  control[ATTRIBUTES_AT + 1] = (control[ATTRIBUTES_AT + 1] as number) | CONTROL_BIT;
  sealBatch(control);
  expect((await at.produce("orders", control)).error?.code).toBe("INVALID_RECORD");
  const stamped = Uint8Array.from(packed);
  setLogAppendTime(stamped, 1_000);
  expect((await at.produce("orders", stamped)).error?.code).toBe("INVALID_TIMESTAMP");
  const future = await compressBatch(batchOf(values("a"), { timestamps: Array(4).fill(9e15) }), "gzip");
  expect((await at.produce("orders", future)).error?.code).toBe("INVALID_TIMESTAMP");
  const counted = Uint8Array.from(packed);
  counted[60] = 3;
  counted[26] = 2;
  sealBatch(counted);
  expect((await at.produce("orders", counted)).error?.message).toContain("follow its 3 records");
});
