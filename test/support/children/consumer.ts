// A consumer in a process of its own, as a real application is: polls, tells the test, commits, obeys. It ends when it is
// told to close, and when its test is gone (standard input ends).
// Usage: node consumer.ts TASK-AS-JSON

import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { BrookletError, Consumer, string, type TopicPartition } from "@brooklet/client";
import type { ConsumerTask, FromConsumer, ToConsumer } from "./messages.ts";

const POLL_MS = 50;

const task = JSON.parse(process.argv[2] ?? "") as ConsumerTask;
const orders: ToConsumer[] = [];
let isOrphan = false;
// A pipe of standard output is written synchronously: what was said is said, also when the next thing is SIGKILL.
const say = (message: FromConsumer) => void process.stdout.write(`${JSON.stringify(message)}\n`);
const input = createInterface(process.stdin);
input.on("line", (line) => orders.push(JSON.parse(line) as ToConsumer));
input.on("close", () => {
  isOrphan = true;
});

const consumer = new Consumer<string, string>({
  ...task.config,
  "key.deserializer": string,
  "value.deserializer": string,
});
const telling = (kind: "assigned" | "revoked" | "lost") => (partitions: TopicPartition[]) =>
  say({ kind, partitions: partitions.map(({ partition }) => partition) });
consumer.subscribe([...task.topics], {
  onPartitionsAssigned: telling("assigned"),
  onPartitionsRevoked: telling("revoked"),
  onPartitionsLost: telling("lost"),
});
say({ kind: "started", memberId: consumer.groupMetadata().memberId });

async function commit(): Promise<void> {
  try {
    const offsets = await consumer.commit();
    say({ kind: "committed", offsets: offsets.map(({ partition, offset }) => ({ partition, offset })) });
  } catch (error) {
    if (!BrookletError.is(error)) throw error;
    const { name, code, message, definite } = error as BrookletError;
    say({ kind: "commitFailed", error: { name, code, message, definite } });
  }
}

async function obey(order: ToConsumer): Promise<void> {
  if (order.do === "commit") await commit();
  if (order.do === "blockUntil") {
    while (!existsSync(order.file));
    say({ kind: "unblocked" });
    await commit();
  }
}

let pollsSinceCommit = 0;
for (;;) {
  const order = orders.shift();
  if (order?.do === "close" || isOrphan) break;
  if (order !== undefined) await obey(order);
  const records = await consumer.poll(POLL_MS);
  if (records.length === 0) continue;
  say({
    kind: "records",
    records: records.map(({ topic, partition, offset, value }) => ({ topic, partition, offset, value: value ?? "" })),
  });
  pollsSinceCommit++;
  if (pollsSinceCommit === task.commitEveryPolls) {
    pollsSinceCommit = 0;
    await commit();
  }
}
await consumer.close();
say({ kind: "closed" });
// Nothing else keeps the process: it ends by itself.
input.close();
process.stdin.destroy();
