// What requests about topics are checked for, and how their refusals read.

import { isInternalTopic, ProtocolError, topicNameProblem } from "@brooklet/protocol";

/** Of one topic; also the largest num.partitions. */
export const MAX_PARTITIONS_PER_TOPIC = 10_000;

/** Throws INVALID_TOPIC_EXCEPTION for an illegal name, and for a topic of the broker's own. */
export function checkClientTopicName(topic: string): void {
  checkTopicName(topic);
  if (isInternalTopic(topic))
    throw new ProtocolError("INVALID_TOPIC_EXCEPTION", `topic ${topic} is internal: the broker keeps it by itself`, {
      hint: "Read it as it is, or choose another name.",
    });
}

/** Throws INVALID_TOPIC_EXCEPTION for an illegal name. */
export function checkTopicName(topic: string): void {
  const problem = topicNameProblem(topic);
  if (problem !== undefined) throw new ProtocolError("INVALID_TOPIC_EXCEPTION", problem);
}

/** Names that a request has more than once; it is refused everywhere they stand. */
export function namesTwice(names: readonly string[]): Set<string> {
  const once = new Set<string>();
  return new Set(names.filter((name) => once.size === once.add(name).size));
}

export function standsTwice(topic: string): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", `topic ${JSON.stringify(topic)} stands more than once in the request`);
}

export function unknownTopic(topic: string): ProtocolError {
  return new ProtocolError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${JSON.stringify(topic)} does not exist`);
}
