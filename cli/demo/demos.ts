// `npm run demo [-- NAME] [-- --json]`: which demo is played, and how it ends. A demo is an experiment that checks itself.
// Exit codes: 0 everything held, 1 something did not hold or failed, 2 wrong usage; main.ts adds 130 for interrupted.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ExitCode, exitCodes } from "../src/exits.ts";
import type { Streams } from "../src/io.ts";
import type { Environment } from "../src/terminal.ts";
import { Screen } from "./shared/screen.ts";

export interface Played {
  /** Whether everything was as the demo says. */
  readonly held: boolean;
  readonly figures: object;
  /** The figures as a page of the guide shows them. */
  readonly markdown?: string;
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

const HELP = `Usage: npm run demo [-- [NAME] [OPTION ...]]

Real consumers in processes of their own, a real broker on disk, real kills; the
records are 10,000 reports of bird strikes. Each demo says what is going to
happen, what happened and what to learn, and checks itself: it ends with 1 if
anything was not as it says.

Demos (the first when no name is given):
${listed("  ").join("\n")}

Options:
  --json            the figures as JSON on stdout, everything else on stderr
  --figures FOLDER  the figures as FOLDER/NAME.json, and as FOLDER/NAME.md
  -h, --help        this text`;

/** What the arguments ask for; throws an error that says what is wrong with them. */
function read(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { help: { type: "boolean", short: "h" }, json: { type: "boolean" }, figures: { type: "string" } },
  });
  const [name = DEFAULT, ...more] = positionals;
  const demo = demos.get(name);
  const names = [...demos.keys()].join(", ");
  if (demo === undefined) throw new Error(`there is no demo ${JSON.stringify(name)}; there are ${names}`);
  if (more.length > 0) throw new Error(`one demo at a time: ${positionals.join(", ")}`);
  return { name, demo, isHelp: values.help === true, isJson: values.json === true, figuresFolder: values.figures };
}

/** Plays the demo that the arguments name; resolves with the exit code, never rejects. `stop` ends it early. */
export async function runDemo(
  args: readonly string[],
  { stdout, stderr }: Pick<Streams, "stdout" | "stderr">,
  env: Environment,
  stop: AbortController,
): Promise<ExitCode> {
  let asked: ReturnType<typeof read>;
  try {
    asked = read(args);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    new Screen(stderr, env).text(`${what}. Try: npm run demo -- --help`);
    return exitCodes.usage;
  }
  const { name, demo, isJson, figuresFolder } = asked;
  if (asked.isHelp) {
    new Screen(stdout, env).text(HELP);
    return exitCodes.ok;
  }
  const screen = new Screen(isJson ? stderr : stdout, env);
  // Of the figures: whoever asked for them has gone.
  if (isJson) stdout.on("error", () => undefined);
  screen.gone.addEventListener("abort", () => stop.abort(new Error("nobody reads")));
  try {
    const { held, figures, markdown } = await demo.play(screen, stop);
    screen.line(held ? "\nEverything held." : "\nSomething did not hold: see FAILED above.", held ? undefined : "red");
    if (name === DEFAULT && args.length === 0) {
      const others = [...demos.keys()].filter((other) => other !== DEFAULT);
      screen.text(`\nMore: ${others.map((other) => `npm run demo -- ${other}`).join(", ")}`);
    }
    const json = jsonOf(figures);
    if (isJson) stdout.write(json);
    if (held && figuresFolder !== undefined) {
      await mkdir(figuresFolder, { recursive: true });
      await writeFile(join(figuresFolder, `${name}.json`), json);
      if (markdown !== undefined) await writeFile(join(figuresFolder, `${name}.md`), markdown);
    }
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

/** With lists of numbers and names in one line, as people write them. */
function jsonOf(figures: object): string {
  const lists = /\[\n\s+([^[\]{}]*?)\n\s+\]/g;
  const inLine = (_: string, items: string) => `[${items.split(/,\n\s+/).join(", ")}]`;
  return `${JSON.stringify(figures, null, 2).replace(lists, inLine)}\n`;
}

/** Why a demo is stopped when somebody wants it to end: no failure. */
export class Interrupted extends Error {
  override name = "Interrupted";
}
