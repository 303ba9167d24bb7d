// Which names are legal, for whom. Kafka's rules where Kafka has them (org.apache.kafka.common.internals.Topic).

import { ProtocolError } from "./errors.ts";

export const MAX_TOPIC_NAME_LENGTH = 249;
/** Group, client, member and instance ids; Kafka bounds them only by its frame. */
export const MAX_ID_LENGTH = 256;
/** Internal topics: readable by everybody, written by the broker only. */
export const CONSUMER_OFFSETS_TOPIC = "__consumer_offsets";

const LEGAL_TOPIC = /^[a-zA-Z0-9._-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

/** Why `name` is no legal topic name, or undefined if it is one. */
export function topicNameProblem(name: string): string | undefined {
  return nameProblem("a topic name", name);
}

/** Why `id` is no legal group.instance.id, or undefined if it is one: Kafka's rule is that of topic names. */
export function instanceIdProblem(id: string): string | undefined {
  return nameProblem("a group.instance.id", id);
}

function nameProblem(what: string, name: string): string | undefined {
  if (name.length === 0) return `${what} must not be empty`;
  if (name === "." || name === "..") return `${what} must not be "." or ".."`;
  if (name.length > MAX_TOPIC_NAME_LENGTH)
    return `${what} has at most ${MAX_TOPIC_NAME_LENGTH} characters; this has ${name.length}`;
  if (!LEGAL_TOPIC.test(name))
    return `${what} consists of letters, digits, ".", "_" and "-"; this is ${JSON.stringify(name)}`;
  return undefined;
}

/** Throws INVALID_TOPIC_EXCEPTION unless the name is legal. */
export function checkTopicName(name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== undefined) throw new ProtocolError("INVALID_TOPIC_EXCEPTION", problem);
}

/** Why `id` is no legal group, client or member id, or undefined if it is one. */
export function idProblem(what: string, id: string): string | undefined {
  if (id.length === 0) return `a ${what} must not be empty`;
  if (id.length > MAX_ID_LENGTH) return `a ${what} has at most ${MAX_ID_LENGTH} characters; this has ${id.length}`;
  // Half a surrogate pair has no UTF-8: two such ids would be one on the disk and in /metrics.
  if (!id.isWellFormed()) return `a ${what} must be well-formed Unicode; this is ${JSON.stringify(id)}`;
  if (CONTROL_CHARACTER.test(id)) return `a ${what} must not contain control characters; this is ${JSON.stringify(id)}`;
  return undefined;
}

/** Throws INVALID_GROUP_ID unless the id is legal. */
export function checkGroupId(groupId: string): void {
  const problem = idProblem("group id", groupId);
  if (problem !== undefined) throw new ProtocolError("INVALID_GROUP_ID", problem);
}

/** Whether only the broker writes this topic. */
export function isInternalTopic(name: string): boolean {
  return name === CONSUMER_OFFSETS_TOPIC;
}
