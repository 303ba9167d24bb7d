// The memory of members that are gone: why each went, what it held, and its last numbers, so that a late frame neither brings
// it back nor goes unexplained (hard place 5). Bounded in number and time; in memory only.

import { keyOf, listed, type PartitionKey, type PartitionRef, spoken, type Topics } from "./partitions.ts";

const REMEMBERED_MS = 600_000;
const MAX_FAREWELLS = 20_000;
const MAX_REMEMBERED_PARTITIONS = 100;

export interface Farewell {
  readonly atMs: number;
  /** Completes "member w2 …": "was removed: no heartbeat for 30.0 s". */
  readonly verb: "was removed" | "left" | "was replaced";
  /** What it is refused with when it speaks again; absent: UNKNOWN_MEMBER_ID. */
  readonly code?: "FENCED_INSTANCE_ID";
  readonly why: string;
  /** What to do about it. */
  readonly advice: string;
  readonly held: readonly PartitionRef[];
  readonly seq: number | undefined;
  readonly commitSeq: number | undefined;
}

/** What the group says of a member that goes; the rest is the member's. */
export type FarewellWords = Pick<Farewell, "verb" | "code" | "why" | "advice" | "atMs">;

export class Farewells {
  /** Oldest first. Neither id contains a line feed. */
  readonly #farewells = new Map<string, Farewell>();

  remember(groupId: string, memberId: string, farewell: Farewell): void {
    const key = `${groupId}\n${memberId}`;
    this.#farewells.delete(key);
    this.#farewells.set(key, { ...farewell, held: farewell.held.slice(0, MAX_REMEMBERED_PARTITIONS) });
    for (const [oldest, { atMs }] of this.#farewells) {
      if (this.#farewells.size <= MAX_FAREWELLS && farewell.atMs - atMs < REMEMBERED_MS) break;
      this.#farewells.delete(oldest);
    }
  }

  find(groupId: string, memberId: string, nowMs: number): Farewell | undefined {
    const farewell = this.#farewells.get(`${groupId}\n${memberId}`);
    return farewell === undefined || nowMs - farewell.atMs >= REMEMBERED_MS ? undefined : farewell;
  }

  /** The member is back. */
  forget(groupId: string, memberId: string): void {
    this.#farewells.delete(`${groupId}\n${memberId}`);
  }

  get size(): number {
    return this.#farewells.size;
  }
}

/** Who holds a partition, since which epoch. */
export type OwnerOf = (key: PartitionKey) => { readonly memberName: string; readonly epoch: number } | undefined;

/** "member w2 was removed 3.2 s ago: no heartbeat for 30.0 s. orders-0 went to w1 in epoch 7. Raise …" */
export function explainFarewell(
  memberId: string,
  farewell: Farewell,
  nowMs: number,
  topics: Topics,
  ownerOf: OwnerOf,
): string {
  const byOwner = new Map<string, PartitionRef[]>();
  for (const ref of farewell.held) {
    const owner = ownerOf(keyOf(ref));
    const fate = owner === undefined ? "wait for a new owner" : `went to ${owner.memberName} in epoch ${owner.epoch}`;
    byOwner.set(fate, [...(byOwner.get(fate) ?? []), ref]);
  }
  const fates = [...byOwner].flatMap(([fate, refs]) => {
    const names = listed(topics, refs);
    return names === "" ? [] : [`${names} ${fate}.`];
  });
  const ago = `${spoken(nowMs - farewell.atMs)} ago`;
  return [`member ${memberId} ${farewell.verb} ${ago}: ${farewell.why}.`, ...fates, farewell.advice].join(" ");
}
