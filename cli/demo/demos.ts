// `npm run demo [-- NAME] [-- --json]`: which demo is played, and how it ends. A demo is an experiment that checks itself.
// Exit codes: 0 everything held, 1 something did not hold or failed, 2 wrong usage; main.ts adds 130 for interrupted.

import { type ExitCode, exitCodes } from "../src/exits.ts";
import type { Streams } from "../src/io.ts";
import type { Environment } from "../src/terminal.ts";
import { Screen } from "./shared/screen.ts";

export interface Played {
  /** Whether everything was as the demo says. */
  readonly held: boolean;
  readonly figures: object;
}

interface Demo {
  readonly text: string;
  /** About how long it takes. */
  readonly seconds: number;
  /** Loads and plays it. */
  play(screen: Screen, stop: AbortController): Promise<Played>;
}

const DEFAULT = "statistics";
const demos: ReadonlyMap<string, Demo> = new Map<string, Demo>([
  [
    DEFAULT,
    {
      text: "consumers join, die and leave, and every record is accounted for",
      seconds: 15,
      play: async (...on) => await (await import("./statistics/run.ts")).strikeStatistics(...on),
    },
  ],
  [
    "commits",
    {
      text: "three ways to commit: what each loses and repeats in a crash",
      seconds: 15,
      play: async (...on) => await (await import("./commits/run.ts")).waysToCommit(...on),
    },
  ],
  [
    "rebalance",
    {
      text: "join, leave, kill, slow poll, restart: what moves, how long it pauses",
      seconds: 25,
      play: async (...on) => await (await import("./rebalance/run.ts")).rebalances(...on),
    },
  ],
]);

const listed = (prefix: string) =>
  [...demos].flatMap(([name, { text, seconds }]) => [`${prefix}${name}`, `      ${text} (${seconds} s)`]);

const HELP = `Usage: npm run demo [-- NAME] [-- NAME --json]

Real consumers in processes of their own, a real broker on disk, real kills; the
records are 10,000 reports of bird strikes. Each demo says what is going to
happen, what happened and what to learn, and checks itself: it ends with 1 if
anything was not as it says.

Demos (the first when no name is given):
${listed("  ").join("\n")}

Options:
  --json      the figures as JSON on stdout, everything else on stderr
  -h, --help  this text`;

/** Plays the demo that the arguments name; resolves with the exit code, never rejects. `stop` ends it early. */
export async function runDemo(
  args: readonly string[],
  { stdout, stderr }: Pick<Streams, "stdout" | "stderr">,
  env: Environment,
  stop: AbortController,
): Promise<ExitCode> {
  if (args.includes("--help") || args.includes("-h")) {
    new Screen(stdout, env).text(HELP);
    return exitCodes.ok;
  }
  const isJson = args.includes("--json");
  const rest = args.filter((arg) => arg !== "--json");
  const [name = DEFAULT, ...more] = rest;
  const unknown = [...rest.filter((arg) => arg.startsWith("-")), ...more.filter((arg) => !arg.startsWith("-"))];
  const demo = demos.get(name);
  if (demo === undefined || unknown.length > 0) {
    const what = unknown.length > 0 ? `unknown: ${unknown.join(" ")}` : `there is no demo ${JSON.stringify(name)}`;
    new Screen(stderr, env).text(`${what}; there are ${[...demos.keys()].join(", ")}. Try: npm run demo -- --help`);
    return exitCodes.usage;
  }
  const screen = new Screen(isJson ? stderr : stdout, env);
  screen.gone.addEventListener("abort", () => stop.abort(new Error("nobody reads")));
  try {
    const { held, figures } = await demo.play(screen, stop);
    screen.line(held ? "\nEverything held." : "\nSomething did not hold: see FAILED above.", held ? undefined : "red");
    if (name === DEFAULT && args.length === 0) {
      const others = [...demos.keys()].filter((other) => other !== DEFAULT);
      screen.text(`\nMore: ${others.map((other) => `npm run demo -- ${other}`).join(", ")}`);
    }
    if (isJson) stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
    return held ? exitCodes.ok : exitCodes.error;
  } catch (error) {
    if (screen.gone.aborted) return exitCodes.ok;
    const failures = new Screen(stderr, env);
    const { reason } = stop.signal;
    if (reason instanceof Interrupted) {
      failures.line("\nInterrupted; everything is put away.");
      return exitCodes.interrupted;
    }
    failures.line(`\nThe demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return exitCodes.error;
  }
}

/** Why a demo is stopped when somebody wants it to end: no failure. */
export class Interrupted extends Error {
  override name = "Interrupted";
}
