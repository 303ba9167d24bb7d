// Hashes, checksums and error numbers as Apache Kafka's own classes give them (test/fixtures/kafka).

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { crc32c as crc32cOnNode } from "../../../protocol/src/checksums/crc32c.node.ts";
import { crc32c as crc32cInScript } from "../../../protocol/src/checksums/crc32c.ts";
import { errorTable } from "../../../protocol/src/errors.ts";
import { murmur2, partitionForKey } from "../../../protocol/src/murmur2.ts";
import { fromHex } from "../../support/bytes.ts";

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`../../fixtures/kafka/${name}`, import.meta.url), "utf8"));
}

test("murmur2 and the partition of a key", () => {
  const items = read<{ key: string; hash: number; partitions: Record<string, number> }>("murmur2.json");
  expect(items.length).toBeGreaterThan(90);
  for (const { key, hash, partitions } of items) {
    expect([key, murmur2(fromHex(key))]).toEqual([key, hash]);
    for (const [count, partition] of Object.entries(partitions)) {
      expect([key, count, partitionForKey(fromHex(key), Number(count))]).toEqual([key, count, partition]);
    }
  }
});

test("CRC-32C, native and in JavaScript, also of a view", () => {
  const items = read<{ bytes: string; crc: number }>("crc32c.json");
  expect(items.length).toBeGreaterThan(90);
  for (const { bytes: hex, crc } of items) {
    const bytes = fromHex(hex);
    const view = fromHex(`ff${hex}ff`).subarray(1, 1 + bytes.length);
    for (const crc32c of [crc32cOnNode, crc32cInScript]) {
      expect(crc32c(bytes)).toBe(crc);
      expect(crc32c(view)).toBe(crc);
    }
  }
});

/** Where `retriable` is not Kafka's, and why. */
const otherwise: Record<string, string> = {
  CORRUPT_MESSAGE: "it also says that counts or lengths are wrong, which the same bytes will be again",
  BROKER_NOT_AVAILABLE: "here it means that the broker is starting or stopping",
  UNKNOWN_LEADER_EPOCH: "there is one broker: none other will know the epoch later",
  UNRELEASED_INSTANCE_ID:
    "the old member's session ends, and the SDK waits for it (DESIGN.md section 4, hard place 12)",
};

test("errors have Kafka's numbers, and are retriable where Kafka's are", () => {
  const kafka = new Map(
    read<{ name: string; code: number; retriable: boolean }>("errors.json").map((error) => [error.name, error]),
  );
  for (const [name, row] of Object.entries(errorTable)) {
    const theirs = kafka.get(name);
    if (row.code > 1_000) {
      expect([name, theirs]).toEqual([name, undefined]);
      continue;
    }
    expect([name, row.code]).toEqual([name, theirs?.code]);
    const retriable = name in otherwise ? !theirs?.retriable : theirs?.retriable;
    expect([name, row.retriable]).toEqual([name, retriable]);
  }
});
