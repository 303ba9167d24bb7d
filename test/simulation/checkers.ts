// The checkers: each takes the history of a run and returns what must not have happened. Names follow RELIABILITY's list where
// they have one (lost-write, duplicate, inconsistent-offsets, G1a, poll-skip, nonmonotonic-poll, nonmonotonic-send).

import type { Delivered, History } from "./history.ts";

type Checker = (history: History) => string[];

const partitionOf = (item: { topic: string; partition: number }) => `${item.topic}-${item.partition}`;

/** Below this offset records of the partition may have vanished by then: deleteRecords was asked for it. */
function mayBeGoneBelow(history: History, partition: string, atMs = Number.POSITIVE_INFINITY): number {
  return history.deletions.reduce(
    (highest, one) =>
      partitionOf(one) === partition && one.askedAtMs <= atMs ? Math.max(highest, one.offset) : highest,
    0,
  );
}

function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** An acknowledged record stands at its offset. */
export const lostWrite: Checker = (history) => {
  const problems: string[] = [];
  for (const sent of history.sent) {
    if (sent.outcome !== "acknowledged") continue;
    if (sent.offset < (history.bounds.get(partitionOf(sent))?.start ?? 0)) continue;
    const entry = history.log.get(partitionOf(sent))?.find(({ offset }) => offset === sent.offset);
    if (entry?.value !== sent.value)
      problems.push(
        `lost-write: ${sent.value} was acknowledged at ${partitionOf(sent)}@${sent.offset}, where ${entry === undefined ? "nothing" : entry.value} stands`,
      );
  }
  return problems;
};

/** A record that certainly failed is nowhere. */
export const abortedRead: Checker = (history) => {
  const failed = new Set(history.sent.filter(({ outcome }) => outcome === "failed").map(({ value }) => value));
  const problems: string[] = [];
  for (const [partition, entries] of history.log)
    for (const { offset, value } of entries)
      if (failed.has(value)) problems.push(`G1a: ${value} failed for certain and stands at ${partition}@${offset}`);
  return problems;
};

/** The idempotent producer writes each value at most once. */
export const duplicate: Checker = (history) => {
  const problems: string[] = [];
  const places = new Map<string, string>();
  for (const [partition, entries] of history.log)
    for (const { offset, value } of entries) {
      const place = `${partition}@${offset}`;
      const earlier = places.get(value);
      if (earlier !== undefined) problems.push(`duplicate: ${value} stands at ${earlier} and at ${place}`);
      places.set(value, place);
    }
  return problems;
};

/** One offset, one value: for every reader at every time. */
export const inconsistentOffsets: Checker = (history) => {
  const problems: string[] = [];
  const values = new Map<string, string>();
  for (const [partition, entries] of history.log)
    for (const { offset, value } of entries) values.set(`${partition}@${offset}`, value);
  // What was deleted since: what was acknowledged there counts, or else what the first reader saw.
  for (const { outcome, topic, partition, offset, value } of history.sent)
    if (outcome === "acknowledged" && !values.has(`${topic}-${partition}@${offset}`))
      values.set(`${topic}-${partition}@${offset}`, value);
  for (const record of history.delivered) {
    const place = `${partitionOf(record)}@${record.offset}`;
    const start = history.bounds.get(partitionOf(record))?.start ?? 0;
    if (record.offset < start && !values.has(place)) values.set(place, record.value);
    const value = values.get(place);
    if (value !== record.value)
      problems.push(
        `inconsistent-offsets: ${record.consumer} read ${record.value} at ${place}, where ${value ?? "nothing"} stands`,
      );
  }
  return problems;
};

/** A producer's records stand in each partition in the order of its calls. */
export const nonmonotonicSend: Checker = (history) => {
  const problems: string[] = [];
  const numbers = new Map(history.sent.map((sent) => [sent.value, sent]));
  for (const [partition, entries] of history.log) {
    const last = new Map<string, number>();
    for (const { value } of entries) {
      const sent = numbers.get(value);
      if (sent === undefined) continue;
      const before = last.get(sent.producer) ?? -1;
      if (sent.number < before) problems.push(`nonmonotonic-send: ${value} stands behind a later send in ${partition}`);
      last.set(sent.producer, Math.max(before, sent.number));
    }
  }
  return problems;
};

/** Within one ownership a member reads every record of the log once, in order. */
export const pollOrder: Checker = (history) => {
  const problems: string[] = [];
  const byOwnership = new Map<object, Delivered[]>();
  for (const record of history.delivered) {
    const list = byOwnership.get(record.ownership);
    if (list === undefined) byOwnership.set(record.ownership, [record]);
    else list.push(record);
  }
  for (const records of byOwnership.values()) {
    const [first] = records;
    const sought = first?.ownership.soughtOffset;
    if (first !== undefined && sought !== undefined && first.offset !== sought)
      problems.push(`seek: ${first.consumer} sought ${partitionOf(first)}@${sought} and read @${first.offset}`);
    for (let index = 1; index < records.length; index++) {
      const before = records[index - 1] as Delivered;
      const record = records[index] as Delivered;
      const what = `${record.consumer} read ${partitionOf(record)}@${record.offset} after @${before.offset}`;
      if (record.offset <= before.offset) problems.push(`nonmonotonic-poll: ${what}`);
      else if (record.offset > Math.max(before.offset + 1, mayBeGoneBelow(history, partitionOf(record), record.atMs)))
        problems.push(`poll-skip: ${what}`);
    }
  }
  return problems;
};

/** A group that reads from the start reads everything. */
export const unseen =
  (group: string, topics: readonly string[]): Checker =>
  (history) => {
    const seen = new Set(
      history.delivered
        .filter((record) => record.group === group)
        .map((record) => `${partitionOf(record)}@${record.offset}`),
    );
    const problems: string[] = [];
    for (const [partition, entries] of history.log) {
      if (!topics.some((topic) => partition.startsWith(`${topic}-`))) continue;
      for (const { offset, value } of entries)
        if (!seen.has(`${partition}@${offset}`))
          problems.push(`unseen: ${group} never read ${value} at ${partition}@${offset}`);
    }
    return problems;
  };

/**
 * The broker never grants a partition to a member while its answers still leave it to another: that one must have acknowledged
 * by a smaller grant, or be gone.
 */
export const oneOwner: Checker = (history) => {
  const problems: string[] = [];
  for (const [group, grants] of groupBy(history.grants, ({ group }) => group)) {
    const holders = new Map<string, { memberId: string; epoch: number; atMs: number }>();
    const removals = history.removals.filter(({ groupId }) => groupId === group);
    for (const grant of grants) {
      if (grant.assignment === undefined) continue;
      const granted = new Set(grant.assignment);
      for (const [partition, holder] of holders)
        if (holder.memberId === grant.memberId && !granted.has(partition)) holders.delete(partition);
      for (const partition of granted) {
        const holder = holders.get(partition);
        if (holder !== undefined && holder.memberId !== grant.memberId) {
          const removed = removals.some(
            ({ member, atMs }) =>
              member === holder.memberId && atMs >= Math.floor(holder.atMs) && atMs <= Math.ceil(grant.atMs),
          );
          if (!removed)
            problems.push(
              `two owners: ${partition} of ${group} was granted to ${grant.memberId} in epoch ${grant.memberEpoch} while ${holder.memberId} held it since epoch ${holder.epoch}`,
            );
        }
        holders.set(partition, { memberId: grant.memberId, epoch: grant.memberEpoch, atMs: grant.atMs });
      }
    }
  }
  return problems;
};

/** Once a partition has a newer owner, no commit of the older one is accepted. */
export const fencedCommit: Checker = (history) => {
  const problems: string[] = [];
  for (const commit of history.commits) {
    if (!commit.accepted) continue;
    const owners = history.ownerships.filter(
      (one) => one.group === commit.group && partitionOf(one) === partitionOf(commit) && one.fromMs < commit.sentAtMs,
    );
    const own = owners.findLast(({ consumer }) => consumer === commit.consumer);
    const newer = owners.find(
      (one) => one.consumer !== commit.consumer && one.fromMs > (own?.fromMs ?? -1) && one.untilMs > commit.doneAtMs,
    );
    if (newer !== undefined)
      problems.push(
        `fenced commit: ${commit.consumer}'s commit of ${partitionOf(commit)}@${commit.offset} was accepted at ${commit.doneAtMs} while ${newer.consumer} owned it since ${newer.fromMs}`,
      );
  }
  return problems;
};

/** Whoever gets a partition begins where the last accepted commit stands: the commit is neither lost nor overlooked. */
export const committedStart: Checker = (history) => {
  const problems: string[] = [];
  const seen = new Set<object>();
  const placeOf = (item: { group: string; topic: string; partition: number }) => `${item.group} ${partitionOf(item)}`;
  const stored = groupBy(history.storedCommits, placeOf);
  const asked = groupBy(history.askedCommits, placeOf);
  for (const record of history.delivered) {
    const { ownership } = record;
    if (seen.has(ownership)) continue;
    seen.add(ownership);
    if (ownership.soughtOffset !== undefined) continue;
    const before = stored.get(placeOf(record)) ?? [];
    const last = before.findLast(({ arrivedMs }) => arrivedMs < ownership.fromMs);
    const dropped = history.offsetsDropped.some(
      ({ group, askedAtMs }) =>
        group === record.group && askedAtMs >= (last?.arrivedMs ?? 0) && askedAtMs < record.atMs,
    );
    if (!dropped && last !== undefined && record.offset < last.offset)
      problems.push(
        `lost commit: ${record.consumer} began ${placeOf(record)} at ${ownership.fromMs} with @${record.offset}, though @${last.offset} was committed at ${last.arrivedMs}`,
      );
    const begun = (asked.get(placeOf(record)) ?? []).some(
      ({ offset, arrivedMs }) => offset === record.offset && arrivedMs <= record.atMs,
    );
    if (!begun && record.offset > mayBeGoneBelow(history, partitionOf(record), record.atMs))
      problems.push(
        `skipped start: ${record.consumer} began ${placeOf(record)} with @${record.offset}, which nobody had committed`,
      );
  }
  return problems;
};

/** What is committed was handed out before (under `for await`: finished). */
export const commitAhead: Checker = (history) => {
  const problems: string[] = [];
  const placeOf = (item: { group: string; topic: string; partition: number }) => `${item.group} ${partitionOf(item)}`;
  const delivered = groupBy(history.delivered, placeOf);
  for (const commit of history.storedCommits) {
    if (!history.log.has(partitionOf(commit))) continue;
    const records = delivered.get(placeOf(commit)) ?? [];
    if (
      commit.offset > mayBeGoneBelow(history, partitionOf(commit), commit.arrivedMs) &&
      !records.some(({ offset, atMs }) => offset === commit.offset - 1 && atMs <= commit.arrivedMs)
    )
      problems.push(
        `commit ahead: ${placeOf(commit)}@${commit.offset} was committed at ${commit.arrivedMs}, before @${commit.offset - 1} was handed out`,
      );
  }
  return problems;
};

/** No commit of the SDK's own positions lies beyond the log. */
export const commitBeyondEnd: Checker = (history) =>
  history.commits
    .filter(({ accepted }) => accepted)
    .flatMap((commit) => {
      const end = history.bounds.get(partitionOf(commit))?.end;
      return end !== undefined && commit.offset > end
        ? [
            `commit beyond the end: ${commit.consumer} committed ${partitionOf(commit)}@${commit.offset}, the log ends at ${end}`,
          ]
        : [];
    });

/** Where a log begins only rises, for whoever asks at whatever door, whatever becomes of the broker meanwhile. */
export const logStartsRise: Checker = (history) => {
  const problems: string[] = [];
  for (const [partition, seen] of groupBy(history.logStarts, ({ partition }) => partition)) {
    let highest = seen[0];
    for (const one of seen) {
      if (highest !== undefined && one.offset < highest.offset)
        problems.push(
          `log start went back: ${partition} began at ${highest.offset} (${highest.by} at ${highest.atMs}) and at ${one.offset} (${one.by} at ${one.atMs})`,
        );
      if (highest === undefined || one.offset > highest.offset) highest = one;
    }
  }
  return problems;
};

/** Nothing but what was asked to be deleted is gone from the start of a log. */
export const onlyDeletedIsGone: Checker = (history) =>
  [...history.bounds].flatMap(([partition, { start }]) => {
    const legal = mayBeGoneBelow(history, partition);
    return start > legal ? [`vanished: ${partition} begins at ${start}; it was to begin at ${legal} at most`] : [];
  });

/**
 * A static member's place has one member id at a time: another gets it only after the one before left, was removed or failed,
 * and that one is never answered as a member again.
 */
export const onePlaceOneMember: Checker = (history) => {
  const problems: string[] = [];
  const places = groupBy(
    history.grants.filter(({ instanceId }) => instanceId !== undefined),
    ({ group, instanceId }) => `${group} ${instanceId}`,
  );
  for (const [place, grants] of places) {
    const replaced = new Set<string>();
    let last: (typeof grants)[number] | undefined;
    for (const grant of grants) {
      const { memberId, memberEpoch, atMs } = grant;
      if (replaced.has(memberId) && memberEpoch >= 0)
        problems.push(
          `one place, two members: ${place} answered ${memberId} at ${atMs}, after another had taken it over`,
        );
      if (last !== undefined && last.memberId !== memberId) {
        const { memberId: before, atMs: heardMs } = last;
        // Who was answered that it left has left, however long a slow disk held that answer back.
        const hasLeft = last.memberEpoch < 0;
        const gone =
          hasLeft ||
          history.removals.some(
            ({ member, atMs: goneMs }) =>
              member === before && goneMs >= Math.floor(heardMs) - 1_000 && goneMs <= Math.ceil(atMs),
          );
        if (!gone) problems.push(`one place, two members: ${place} went from ${before} to ${memberId} at ${atMs}`);
        replaced.add(before);
      }
      last = grant;
    }
  }
  return problems;
};

/** Every request that got an answer got one. */
export const answeredOnce: Checker = (history) => history.wireProblems;

export const checkers: readonly Checker[] = [
  lostWrite,
  abortedRead,
  duplicate,
  inconsistentOffsets,
  nonmonotonicSend,
  pollOrder,
  oneOwner,
  fencedCommit,
  committedStart,
  commitAhead,
  commitBeyondEnd,
  logStartsRise,
  onlyDeletedIsGone,
  onePlaceOneMember,
  answeredOnce,
];
