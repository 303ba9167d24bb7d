// What the demo about rebalances says of its figures: for each event what moved, what did not, how long each partition paused
// and why; and which claims hold.
// Invariant: all of it follows from the figures alone, so that printed figures can be checked again.

import type { Cells } from "../../src/table.ts";
import type { Handover } from "../shared/group.ts";
import { type Claim, markdownTable, ranges } from "../shared/screen.ts";

export const events = ["join", "leave", "kill", "replace", "slowPoll", "staticRestart"] as const;
export type EventName = (typeof events)[number];

export const titles: Readonly<Record<EventName, string>> = {
  join: "C joins",
  leave: "C leaves",
  kill: "B is killed",
  replace: "D joins for B",
  slowPoll: "D polls too late",
  staticRestart: "A restarts (static)",
};

/** What was seen of one event. */
export interface EventFigures {
  readonly event: EventName;
  /** The group's epoch before and after. */
  readonly epochs: readonly [before: number, after: number];
  readonly handovers: readonly Handover[];
  /** By partition: the longest time without a record around the event. */
  readonly pausesMs: readonly number[];
  /** By partition: who had it before. */
  readonly ownersBefore: readonly string[];
  /** Until the group was settled and every partition's records flowed. */
  readonly tookMs: number;
}

export interface RebalanceFigures {
  readonly sessionTimeoutMs: number;
  readonly maxPollIntervalMs: number;
  readonly stallMs: number;
  readonly events: readonly EventFigures[];
  /** By partition: the longest time without a record while nothing happened. */
  readonly quietMs: readonly number[];
  /** Distinct records. */
  readonly processed: number;
  /** Acknowledged to the producer and never processed. */
  readonly lost: number;
  /** By who had processed it first, and who again. */
  readonly repeated: readonly { readonly first: string; readonly again: string; readonly records: number }[];
  /** Whose commits failed for good, and with which words. */
  readonly failedCommits: readonly { readonly member: string; readonly text: string }[];
}

const movedIn = ({ handovers }: EventFigures) => new Set(handovers.map(({ partition }) => partition));

export const tableHead = (partitions: number) => [
  "event",
  ...Array.from({ length: partitions }, (_, partition) => `p${partition} `.padStart(6)),
];

const cell = (pauseMs: number, mark: string) => `${pauseMs}${mark}`.padStart(6);

/** A row for each event, and one to compare with; `*` stands at what moved. */
export function tableRows({ events, quietMs }: RebalanceFigures): readonly Cells[] {
  return [
    ["(no event)", ...quietMs.map((pauseMs) => cell(pauseMs, " "))],
    ...events.map((figures) => [
      titles[figures.event],
      ...figures.pausesMs.map((pauseMs, partition) => cell(pauseMs, movedIn(figures).has(partition) ? "*" : " ")),
    ]),
  ];
}

/** Why records that `first` had processed came to `again`. */
export function repetitionReason(first: string, again: string): string {
  if (first === "B") return "B was killed before it committed them";
  if (first === "D") return "D was out before it committed them";
  return again === "D" ? "D's late batch: the new owner had been faster" : "unexpected";
}

/** `28 ms`, `28 to 61 ms` */
function span(pausesMs: readonly number[]): string {
  const [least, most] = [Math.min(...pausesMs), Math.max(...pausesMs)];
  return least === most ? `${least} ms` : `${least} to ${most} ms`;
}

/** `2 5: B -> C` for each pair of members, in the order of the first of their handovers. */
function paths(handovers: readonly Handover[]): string {
  const byPath = new Map<string, number[]>();
  for (const { partition, from, to } of handovers)
    byPath.set(`${from} -> ${to}`, [...(byPath.get(`${from} -> ${to}`) ?? []), partition]);
  return [...byPath].map(([path, partitions]) => `${ranges(partitions)} (${path})`).join(", ");
}

/** What moved and what did not, each with its pause, under labels. */
export function movement(figures: EventFigures): readonly (readonly [label: string, text: string])[] {
  const moved = movedIn(figures);
  const stayed = figures.pausesMs
    .keys()
    .filter((partition) => !moved.has(partition))
    .toArray();
  const pauseOfMoved = span([...moved].map((partition) => figures.pausesMs[partition] ?? 0));
  const [before, after] = figures.epochs;
  return [
    ["moved:", moved.size === 0 ? "nothing" : `${paths(figures.handovers)}, paused ${pauseOfMoved}`],
    ["stayed:", stayed.length === 0 ? "nothing" : stayedBy(figures, stayed)],
    ["epoch:", before === after ? `${before}, as before` : `${before} -> ${after}`],
  ];
}

/** Those that stayed, by owner: a member's own doing pauses its partitions alone. */
function stayedBy({ ownersBefore, pausesMs }: EventFigures, stayed: readonly number[]): string {
  return [...Map.groupBy(stayed, (partition) => ownersBefore[partition] ?? "")]
    .map(
      ([owner, own]) => `${ranges(own)} (${owner}), paused ${span(own.map((partition) => pausesMs[partition] ?? 0))}`,
    )
    .join("; ");
}

/** Why it is so. */
export function reasonOf(event: EventName, figures: RebalanceFigures): string {
  const session = `session.timeout.ms (${figures.sessionTimeoutMs / 1000} s)`;
  const poll = `max.poll.interval.ms (${figures.maxPollIntervalMs / 1000} s)`;
  const reasons: Readonly<Record<EventName, string>> = {
    join:
      "the broker asks the owners for just those partitions that C gets. They commit and give them back; all others are " +
      "read on. Nobody stops the world.",
    leave: "C commits, gives its partitions back and says goodbye: the others have them at once.",
    kill:
      `a dead process says nothing. Its partitions wait until ${session} has passed since its last heartbeat: the price of a ` +
      "crash, and of every shutdown without close(). What B had not committed comes again.",
    replace: "as for C: a new process asks nobody to stop.",
    slowPoll:
      `D works on one batch for ${figures.stallMs / 1000} s. Its heartbeats go on, but poll() is not called for ${poll}: it leaves by ` +
      "itself, so that its partitions do not wait for a handler that may never end. When the handler ends, D's commit " +
      "fails, so that it cannot set back who has the partitions now; D polls, joins again and gets partitions. Its batch " +
      "was processed twice. Cure: smaller batches (max.poll.records), pause() and poll, or a longer interval.",
    staticRestart:
      "A has a group.instance.id. Its close() keeps its place, and the new process takes it within the session: nobody else " +
      "hears of it, the epoch stays. Only A's own partitions wait, for as long as the restart takes.",
  };
  return reasons[event];
}

export const lessons: readonly string[] = [
  "A rebalance moves what must move and leaves the rest alone; joining and leaving cost milliseconds.",
  "Close consumers: a kill costs the session timeout, a close() nothing.",
  "Keep the time between polls below max.poll.interval.ms; who cannot loses the batch to another.",
  "Where restarts are frequent (deployments), group.instance.id spares everybody else.",
];

/** What the demo says, and whether these figures are so. */
export function claimsOf(figures: RebalanceFigures): readonly Claim[] {
  const of = (event: EventName): EventFigures => {
    const found = figures.events.find((one) => one.event === event);
    if (found === undefined) throw new Error(`no figures of ${event}`);
    return found;
  };
  /** Exactly the partitions of `from` moved; undefined: somebody's. */
  const onlyFrom = (event: EventName, from: string) => {
    const { handovers, ownersBefore } = of(event);
    return (
      handovers.every((handover) => handover.from === from) &&
      handovers.length === ownersBefore.filter((owner) => owner === from).length
    );
  };
  const onlyTo = (event: EventName, to: string) => of(event).handovers.every((handover) => handover.to === to);
  const pauses = (event: EventName, owner: string) => {
    const { pausesMs, ownersBefore } = of(event);
    return pausesMs.filter((_, partition) => ownersBefore[partition] === owner);
  };
  const { sessionTimeoutMs, maxPollIntervalMs, failedCommits, repeated } = figures;
  const slow = of("slowPoll");
  const firstOfSlow = slow.handovers.slice(0, slow.ownersBefore.filter((owner) => owner === "D").length);
  return [
    {
      text: "a join moves only what the newcomer gets",
      holds: onlyTo("join", "C") && of("join").handovers.length === 2 && onlyTo("replace", "D"),
    },
    { text: "a leave moves only what the leaver had", holds: onlyFrom("leave", "C") },
    { text: "a kill moves only what the dead had", holds: onlyFrom("kill", "B") },
    {
      text: "the dead one's partitions waited for its session, the others did not",
      holds:
        Math.min(...pauses("kill", "B")) >= sessionTimeoutMs / 2 &&
        Math.max(...pauses("kill", "A")) < Math.min(...pauses("kill", "B")),
    },
    {
      text: "who polls too late loses its partitions, and only its own, after max.poll.interval.ms",
      holds:
        firstOfSlow.length > 0 &&
        firstOfSlow.every(({ from, to }) => from === "D" && to === "A") &&
        Math.min(...pauses("slowPoll", "D")) >= maxPollIntervalMs,
    },
    {
      text: "its late commit failed, and nobody else's",
      holds: failedCommits.length > 0 && failedCommits.every(({ member }) => member === "D"),
    },
    {
      text: "a static restart moves nothing and leaves the epoch as it is",
      holds:
        of("staticRestart").handovers.length === 0 && of("staticRestart").epochs[0] === of("staticRestart").epochs[1],
    },
    { text: "no acknowledged record was lost", holds: figures.lost === 0 },
    {
      text: "only the kill and the late poll made records come again",
      holds:
        repeated.length > 0 && repeated.every(({ first, again }) => first === "B" || first === "D" || again === "D"),
    },
  ];
}

/** The figures for docs/guide/figures/. */
export function markdownOf(figures: RebalanceFigures): string {
  const seen = figures.events.map((one) => {
    const facts = movement(one).map(([label, text]) => `- ${label} ${text}`);
    return `**${titles[one.event]}.** ${capitalized(reasonOf(one.event, figures))}\n\n${facts.join("\n")}`;
  });
  return [
    "<!-- Written by: npm run demo -- rebalance --figures docs/guide/figures -->",
    "# Figures: rebalances\n",
    "The longest time without a record around each event, in milliseconds, by partition; `*`: the partition got another",
    "owner. Measured by `npm run demo -- rebalance` on a small machine with other work; another run has other times.\n",
    markdownTable(tableHead(figures.quietMs.length), tableRows(figures)),
    `\n${seen.join("\n\n")}\n`,
  ].join("\n");
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
