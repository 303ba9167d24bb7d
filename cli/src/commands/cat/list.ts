// `brooklet cat -L`: topics and partitions as kcat lists them, as text or JSON.

import type { AdminConfig, TopicDescription } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { bootstrapServers, withAdmin } from "../../connect.ts";
import { BROKER_ID } from "./envelope.ts";

export async function list(
  call: Call,
  topic: string | undefined,
  asJson: boolean,
  config: Partial<AdminConfig>,
): Promise<void> {
  const topics = await withAdmin(
    call,
    async (admin) => admin.describeTopics(topic === undefined ? await admin.listTopics({ internal: true }) : [topic]),
    config,
  );
  const server = bootstrapServers(call).split(",")[0] ?? "";
  if (asJson) await call.output.line(JSON.stringify(metadataOf(topics, topic, server)));
  else for (const line of metadataLines(topics, topic, server)) await call.output.line(line);
}

/** The lines of `kcat -L`. */
export function metadataLines(
  topics: readonly TopicDescription[],
  topic: string | undefined,
  server: string,
): string[] {
  return [
    `Metadata for ${topic ?? "all topics"} (from broker ${BROKER_ID}: ${server}/${BROKER_ID}):`,
    " 1 brokers:",
    `  broker ${BROKER_ID} at ${server} (controller)`,
    ` ${topics.length} topics:`,
    ...topics.flatMap(({ topic: name, partitions }) => [
      `  topic "${name}" with ${partitions.length} partitions:`,
      ...partitions.map(
        ({ partition }) =>
          `    partition ${partition}, leader ${BROKER_ID}, replicas: ${BROKER_ID}, isrs: ${BROKER_ID}`,
      ),
    ]),
  ];
}

/** The document of `kcat -L -J`. */
export function metadataOf(topics: readonly TopicDescription[], topic: string | undefined, server: string) {
  const self = [{ id: BROKER_ID }];
  return {
    originating_broker: { id: BROKER_ID, name: `${server}/${BROKER_ID}` },
    query: { topic: topic ?? "*" },
    controllerid: BROKER_ID,
    brokers: [{ id: BROKER_ID, name: server }],
    topics: topics.map(({ topic: name, partitions }) => ({
      topic: name,
      partitions: partitions.map(({ partition }) => ({ partition, leader: BROKER_ID, replicas: self, isrs: self })),
    })),
  };
}
