// `uniform` where subscriptions differ: as even as the subscriptions allow, and what has a place moves only for that.
//
// Invariant: it ends with nobody who could, directly or through others, hand a partition to a member that has two fewer
// (unless MAX_STEPS is spent first, which only groups with thousands of differing subscriptions can).

import type { PartitionRef } from "../partitions.ts";
import type { Load } from "./assignor.ts";

/** How many members and topics are looked at while searching for chains: a fraction of a second. */
const MAX_STEPS = 5_000_000;

/** A topic, and what the members that subscribe to it hold of it. */
interface Share {
  readonly subscribers: Taker[];
  readonly heldBy: Map<Taker, PartitionRef[]>;
}

interface Taker {
  readonly load: Load;
  readonly shares: Share[];
  size: number;
}

/** `loads` hold what they keep; `free` is dealt out, then the most loaded hand over while that evens things out. */
export function evenOutMixed(loads: readonly Load[], free: readonly PartitionRef[]): void {
  const { takers, shares } = sharesOf(loads);
  // Topics that few can take first: the others can still fill up what they leave uneven.
  const width = ({ topicId }: PartitionRef) => shares.get(topicId)?.subscribers.length ?? 0;
  for (const ref of [...free].sort((a, b) => width(a) - width(b))) {
    const share = shares.get(ref.topicId);
    const taker = share && leastLoaded(share.subscribers);
    if (share === undefined || taker === undefined) continue;
    give(share, taker, ref);
  }
  let moved = true;
  while (moved) {
    moved = false;
    for (const share of shares.values()) while (handOver(share)) moved = true;
  }
  shortenChains(takers);
  for (const load of loads) load.partitions.clear();
  for (const [, { heldBy }] of shares)
    for (const [{ load }, refs] of heldBy)
      for (const ref of refs) load.partitions.set(`${ref.topicId}:${ref.partition}`, ref);
}

function sharesOf(loads: readonly Load[]): { takers: Taker[]; shares: Map<string, Share> } {
  const shares = new Map<string, Share>();
  const takers = loads.map((load): Taker => {
    const taker: Taker = { load, shares: [], size: load.partitions.size };
    for (const topicId of load.topicIds) {
      const share: Share = shares.get(topicId) ?? { subscribers: [], heldBy: new Map() };
      shares.set(topicId, share);
      share.subscribers.push(taker);
      taker.shares.push(share);
    }
    for (const ref of load.partitions.values()) held(shares.get(ref.topicId) as Share, taker).push(ref);
    return taker;
  });
  return { takers, shares };
}

function held({ heldBy }: Share, taker: Taker): PartitionRef[] {
  const refs = heldBy.get(taker) ?? [];
  heldBy.set(taker, refs);
  return refs;
}

function give(share: Share, taker: Taker, ref: PartitionRef): void {
  held(share, taker).push(ref);
  taker.size += 1;
}

/** The newest one goes: what was kept from before stands in front. */
function move(share: Share, from: Taker, to: Taker): void {
  const ref = share.heldBy.get(from)?.pop();
  if (ref === undefined) return;
  from.size -= 1;
  give(share, to, ref);
}

function leastLoaded(takers: readonly Taker[]): Taker | undefined {
  let least: Taker | undefined;
  for (const taker of takers) if (least === undefined || taker.size < least.size) least = taker;
  return least;
}

/** Moves one partition of the topic from its most to its least loaded subscriber, if that makes them more equal. */
function handOver(share: Share): boolean {
  const taker = leastLoaded(share.subscribers);
  let giver: Taker | undefined;
  for (const [holder, refs] of share.heldBy)
    if (refs.length > 0 && (giver === undefined || holder.size > giver.size)) giver = holder;
  if (taker === undefined || giver === undefined || giver.size < taker.size + 2) return false;
  move(share, giver, taker);
  return true;
}

/** Chains: a hands to b, b to c, and only c has fewer. Each shortens the longest list that can be shortened by one. */
function shortenChains(takers: readonly Taker[]): void {
  let steps = 0;
  const spent = (more: number) => {
    steps += more;
    return steps > MAX_STEPS;
  };
  for (let found = true; found; ) {
    found = false;
    const smallest = leastLoaded(takers)?.size ?? 0;
    for (const from of [...takers].sort((a, b) => b.size - a.size)) {
      if (from.size < smallest + 2) break;
      while (shortenOne(from, spent)) found = true;
      if (spent(0)) return;
    }
  }
}

function shortenOne(from: Taker, spent: (more: number) => boolean): boolean {
  const cameBy = new Map<Taker, { from: Taker; share: Share }>();
  const seen = new Set<Share>();
  const queue = [from];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    if (spent(at.shares.length)) return false;
    for (const share of at.shares) {
      if (seen.has(share) || (share.heldBy.get(at)?.length ?? 0) === 0) continue;
      seen.add(share);
      if (spent(share.subscribers.length)) return false;
      for (const next of share.subscribers) {
        if (next === from || cameBy.has(next)) continue;
        cameBy.set(next, { from: at, share });
        if (next.size > from.size - 2) {
          queue.push(next);
          continue;
        }
        for (let end = next, step = cameBy.get(end); step !== undefined; end = step.from, step = cameBy.get(end))
          move(step.share, step.from, end);
        return true;
      }
    }
  }
  return false;
}
