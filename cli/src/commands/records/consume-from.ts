// Where `brooklet consume -o` begins.

import type { Consumer, TopicPartition } from "@brooklet/client";
import { UsageError } from "../../exits.ts";

export type ConsumeFrom =
  | { readonly kind: "start" | "end" | "stored" }
  | { readonly kind: "offset" | "last" | "time"; readonly value: number };

/** Reads `start | end | N | -N | @ms | stored`. */
export function parseConsumeFrom(text: string): ConsumeFrom {
  if (text === "start" || text === "end" || text === "stored") return { kind: text };
  const number = /^(@|-)?(\d{1,15})$/.exec(text);
  if (number === null)
    throw new UsageError(`--offset takes start, end, stored, N, -N or @ms; this is ${JSON.stringify(text)}`);
  const value = Number(number[2]);
  return { kind: number[1] === "@" ? "time" : number[1] === "-" ? "last" : "offset", value };
}

/** Puts a consumer with assigned partitions where `from` says. */
export async function seekTo(
  consumer: Consumer,
  partitions: TopicPartition[],
  from: ConsumeFrom,
  timeoutMs: number,
): Promise<void> {
  if (from.kind === "start") consumer.seekToBeginning(partitions);
  else if (from.kind === "end") consumer.seekToEnd(partitions);
  else if (from.kind === "offset") for (const partition of partitions) consumer.seek(partition, from.value);
  else if (from.kind === "last") {
    const [first, next] = await Promise.all([
      consumer.beginningOffsets(partitions, { timeoutMs }),
      consumer.endOffsets(partitions, { timeoutMs }),
    ]);
    partitions.forEach((partition, index) => {
      consumer.seek(partition, Math.max(first[index]?.offset ?? 0, (next[index]?.offset ?? 0) - from.value));
    });
  } else if (from.kind === "time") {
    const queries = partitions.map((partition) => ({ ...partition, timestamp: from.value }));
    const hits = await consumer.offsetsForTimes(queries, { timeoutMs });
    partitions.forEach((partition, index) => {
      const hit = hits[index];
      if (hit === null || hit === undefined) consumer.seekToEnd([partition]);
      else consumer.seek(partition, hit.offset);
    });
  }
}
