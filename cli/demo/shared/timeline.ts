// The broker's timeline of a group, as the demos print it: epoch by epoch who got and gave back which partitions, and why.

import { besideTime, MAX_COLUMNS, ranges } from "./screen.ts";

export interface TimelineEntry {
  readonly atMs: number;
  readonly event: string;
  readonly epoch: number;
  readonly member?: string;
  readonly partitions?: readonly { readonly partition: number }[];
  readonly reason?: string;
}

/** What an event is called, and whether its reason says more than the epoch's line does. */
const events: Readonly<Record<string, { verb: string; withReason: boolean }>> = {
  join: { verb: "joins", withReason: false },
  leave: { verb: "leaves, holding", withReason: true },
  eviction: { verb: "is removed, holding", withReason: true },
  assignment: { verb: "gets", withReason: false },
  refusedCommit: { verb: "is refused a commit of", withReason: true },
};

/** The broker names a member by its id, and beside it once its client.id; people want the latter. */
function namesOf(timeline: readonly TimelineEntry[], known: ReadonlyMap<string, string>): (text: string) => string {
  const names = new Map(known);
  for (const { reason = "" } of timeline)
    for (const [, id = "", name = ""] of reason.matchAll(/(\S{22}) \((\w+)\)/g)) names.set(id, name);
  return (text) => {
    let named = text;
    for (const [id, name] of names) named = named.replaceAll(`${id} (${name})`, name).replaceAll(id, name);
    return named;
  };
}

export interface EpochsOptions {
  readonly columns?: number;
  readonly isShown?: (entry: TimelineEntry) => boolean;
  /** Names of members by id, beside those that the timeline itself tells. */
  readonly names?: ReadonlyMap<string, string>;
}

/** The timeline, epoch by epoch: who got and gave back which partitions, and why. */
export function epochs(timeline: readonly TimelineEntry[], startMs: number, options: EpochsOptions = {}): string {
  const { columns = MAX_COLUMNS, isShown = () => true, names = new Map<string, string>() } = options;
  const named = namesOf(timeline, names);
  const lines: string[] = [];
  for (const { atMs, event, epoch, member = "the group", partitions = [], reason = "" } of timeline.filter(isShown)) {
    if (event === "epoch") {
      lines.push(besideTime(atMs - startMs, `epoch ${epoch}: ${named(reason)}`, columns));
      continue;
    }
    const asked = event === "revocation" && reason.startsWith("to give up");
    const { verb, withReason } = events[event] ?? {
      verb: event !== "revocation" ? event : asked ? "is asked for" : "gives back",
      withReason: event !== "revocation",
    };
    const which = partitions.length === 0 ? "" : ` ${ranges(partitions.map(({ partition }) => partition))}`;
    const why = withReason && reason !== "" ? ` (${named(reason)})` : "";
    const what = which || (verb.endsWith("holding") ? " nothing" : "");
    lines.push(besideTime(atMs - startMs, `${named(member)} ${verb}${what}${why}`, columns, 2));
  }
  return lines.join("\n");
}
