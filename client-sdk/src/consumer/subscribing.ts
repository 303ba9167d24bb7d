// What the application wants to read: subscribe by names, RegExp or the broker's pattern, assign by hand, and the end of either.
// Checks the arguments, tells the parts.
//
// Invariant: one way at a time; a new subscription replaces the old one whole.

import { checkTopicName, ProtocolError } from "@brooklet/protocol";
import { BrookletError, IllegalStateError, type TopicPartition } from "../errors.ts";
import type { Call } from "./calls.ts";
import { checkPartitions } from "./offset-queries.ts";
import type { GroupParts, Parts } from "./parts.ts";
import type { Poller } from "./poller.ts";
import { nameOf, type RebalanceListener } from "./types.ts";

/** Names; a RegExp, matched here against whole names; or RE2 text, matched by the broker. */
export type Topics = string[] | RegExp | { pattern: string };

/** Whether it is the empty list, which ends the subscription. */
export function isNothing(topics: Topics): boolean {
  return Array.isArray(topics) && topics.length === 0;
}

/** Also one of another realm (a vm context, an iframe, a test runner's sandbox), of which `instanceof` knows nothing. */
function isRegExp(topics: Topics): topics is RegExp {
  return Object.prototype.toString.call(topics) === "[object RegExp]";
}

export function checkTopics(topics: Topics): void {
  if (Array.isArray(topics)) {
    for (const topic of topics) checkName(topic);
    return;
  }
  if (isRegExp(topics)) return;
  const pattern: unknown = typeof topics === "object" && topics !== null ? topics.pattern : undefined;
  if (typeof pattern === "string" && pattern.trim() !== "") return;
  throw new IllegalStateError("subscribe takes a list of topics, a RegExp, or { pattern } with a RE2 expression", {
    hint: 'write ["orders"], /orders-.*/ or { pattern: "orders-.*" }',
  });
}

/** Replaces the subscription; the next poll tells the group. */
export function subscribe<K, V>(
  { subscription, topicCreation, topicWatch, calls }: Parts<K, V>,
  { session }: GroupParts,
  topics: Topics,
  listener: RebalanceListener,
): void {
  const names = Array.isArray(topics) ? [...new Set(topics)] : [];
  const pattern = Array.isArray(topics) || isRegExp(topics) ? undefined : topics.pattern;
  Object.assign(subscription, { mode: "group", topics: names, byPattern: pattern !== undefined, listener });
  topicCreation?.subscribe(names);
  // What matches is told when it is known: a member must not give up everything meanwhile.
  if (isRegExp(topics)) topicWatch.watch(topics);
  else {
    topicWatch.stop();
    session.handle({ type: "subscribe", topics: names, ...(pattern === undefined ? {} : { pattern }) });
  }
  calls.changed();
}

/** As Kafka shows it: the names, or what matches the RegExp; under a broker's pattern, what was assigned. */
export function subscribedTopics<K, V>({ subscription, positions }: Parts<K, V>): string[] {
  if (!subscription.byPattern) return [...subscription.topics];
  return [...new Set([...positions.all()].map(({ topic }) => topic))];
}

/** Gives everything back and leaves the group, without a commit. */
export async function unsubscribe<K, V>(parts: Parts<K, V>, call: Call): Promise<void> {
  const { subscription, positions, group, topicWatch } = parts;
  const thrown: unknown[] = [];
  if (subscription.mode === "group" && group !== undefined) {
    const { session, rebalancer } = group;
    const lost = session.gone || session.lossPending;
    topicWatch.stop();
    session.handle({ type: "prepareLeave" });
    if (lost) await rebalancer.lose(session.lossReason, thrown);
    else await rebalancer.revokeAll("unsubscribe", thrown);
    Object.assign(subscription, { mode: "none", topics: [], byPattern: false, listener: {} });
    await session.leave("the consumer unsubscribed", call);
  }
  for (const state of [...positions.all()]) positions.remove(state);
  subscription.mode = "none";
  if (thrown.length > 0) throw thrown[0];
}

/** Reads exactly these; what stays keeps its position. */
export function assign<K, V>(
  { subscription, positions, group, calls }: Parts<K, V>,
  partitions: TopicPartition[],
): void {
  group?.autoCommit?.now();
  const wanted = new Set(partitions.map(nameOf));
  for (const state of [...positions.all()]) if (!wanted.has(nameOf(state))) positions.remove(state);
  for (const partition of partitions) if (positions.find(partition) === undefined) positions.add(partition, false);
  subscription.mode = partitions.length === 0 ? "none" : "manual";
  calls.changed();
}

export function checkAssigned(partitions: TopicPartition[]): void {
  checkPartitions(partitions, "assign");
  for (const { topic } of partitions) checkName(topic);
}

export function checkListener(listener: unknown): void {
  if (typeof listener === "object" && listener !== null) return;
  throw new IllegalStateError("subscribe: the listener is an object with onPartitionsAssigned and its siblings", {
    hint: "leave it out if there is nothing to call",
  });
}

export function exclusive(what: string, other: string): IllegalStateError {
  return new IllegalStateError(`${what}() and ${other}() exclude each other; unsubscribe() first`);
}

/**
 * Errors: ILLEGAL_STATE while unsubscribe() runs: its end would take back what is subscribed now. With `unsubscribes` while
 * anything runs: it could not begin, and nobody would hear of that.
 */
export function checkSettled<K, V>({ running }: Poller<K, V>, what: string, unsubscribes = false): void {
  if (running === undefined || (running !== "unsubscribe" && !unsubscribes)) return;
  throw new IllegalStateError(`${what}() was called while ${running}() of the same consumer is running`, {
    hint: "await that first; subscribe([]) begins an unsubscribe()",
  });
}

function checkName(topic: string): void {
  try {
    checkTopicName(topic);
  } catch (cause) {
    const message = cause instanceof ProtocolError ? cause.message : `${String(topic)} is not a topic name`;
    const hint = cause instanceof ProtocolError && cause.hint !== undefined ? { hint: cause.hint } : {};
    throw new BrookletError(message, { code: "INVALID_TOPIC_EXCEPTION", ...hint, cause });
  }
}
