// From names in a request to a partition that readers may see.

import { ProtocolError } from "@brooklet/protocol";
import type { Catalog } from "./catalog.ts";
import type { Partition } from "./partition.ts";

export interface PartitionName {
  readonly topic: string;
  readonly topicId?: string;
  readonly partition: number;
}

/**
 * The durable partition of this name.
 *
 * Errors: UNKNOWN_TOPIC_ID when a topic id is given and no topic of that name has it; UNKNOWN_TOPIC_OR_PARTITION.
 */
export function findPartition(catalog: Catalog, { topic: name, topicId, partition }: PartitionName): Partition {
  const topic = catalog.byName(name);
  if (topicId !== undefined && topic?.topicId !== topicId)
    throw new ProtocolError(
      "UNKNOWN_TOPIC_ID",
      `topic ${JSON.stringify(name)} with id ${topicId} does not exist any more`,
      topic === undefined ? {} : { hint: "A topic of this name was created since; ask for metadata again." },
    );
  if (topic === undefined)
    throw new ProtocolError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${JSON.stringify(name)} does not exist`);
  const found = topic.partitions[partition];
  if (found === undefined)
    throw new ProtocolError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      `topic ${name} has partitions 0 to ${topic.partitionCount - 1}; there is no partition ${partition}`,
      { hint: "Partitions count from 0; metadata says how many there are." },
    );
  return found;
}
