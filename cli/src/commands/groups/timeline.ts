// A group's timeline as text, with the names that people know members by. Pure.

import type { GroupDescription } from "@brooklet/client";
import { partitionNames } from "../../format.ts";
import { memberNames } from "./members.ts";

export type TimelineEvent = GroupDescription["timeline"][number];

/** `id (client id)`, as the broker speaks of a member the first time. Begins where a word does, so that long words cost once. */
const SPOKEN = /(?<!\S)(\S+) \(([^()\s]+)\)/g;

/** A word that may be a member id, with what stands in brackets behind it. */
const WORD = /([^\s,;:()]+)( \([^()\s]+\))?/g;

/** Puts names in place of member ids. */
export type Naming = (text: string) => string;

/**
 * Members by their client ids, those that have gone too where the timeline tells them. Who shares a client id with another
 * stays known by the member id.
 */
export function namingOf({ members, timeline }: Pick<GroupDescription, "members" | "timeline">): Naming {
  const names = new Map<string, string>();
  const ids = new Set(timeline.flatMap(({ member }) => member ?? []));
  for (const { reason = "" } of timeline)
    for (const [, id = "", client = ""] of reason.matchAll(SPOKEN)) if (ids.has(id)) names.set(id, client);
  for (const [id, name] of memberNames({ members })) names.set(id, name);
  const holders = new Map<string, number>();
  for (const name of names.values()) holders.set(name, (holders.get(name) ?? 0) + 1);
  const clear = new Map([...names].filter(([, name]) => holders.get(name) === 1));
  const named = (whole: string, id: string, beside = "") => {
    const name = clear.get(id);
    return name === undefined ? whole : name + (beside === ` (${name})` ? "" : beside);
  };
  return (text) => clear.get(text) ?? text.replace(WORD, named);
}

/** `eviction: w2; orders-0 orders-1; no heartbeat for 45 s`, `epoch 3: w2 was removed`. */
export function eventText(told: TimelineEvent, naming: Naming): string {
  const { event, epoch, member, partitions, reason, count } = told;
  const parts = [
    member === undefined ? undefined : naming(member),
    partitions === undefined ? undefined : partitionNames(partitions),
    count === undefined ? undefined : `${count} times`,
    reason === undefined ? undefined : naming(reason),
  ];
  return `${event === "epoch" ? `epoch ${epoch}` : event}: ${parts.filter((part) => (part ?? "") !== "").join("; ")}`;
}
