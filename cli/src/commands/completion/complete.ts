// `brooklet __complete`: what the scripts of the shells ask at every TAB. Lines of `value<TAB>what it is`, or `:files`.
// Invariant: ends within MAX_WAIT_MS plus the start, prints nothing but candidates, and is silent when no broker answers.

import { type Call, Options } from "../../call.ts";
import type { Completes } from "../../options.ts";
import { bootstrapServers } from "../../servers.ts";
import { clipped } from "../../text.ts";
import { tokenOf } from "../../token.ts";
import { askApi } from "../broker/broker-status.ts";
import { type Candidate, type Wanted, wantedAt, wordsOf } from "./candidates.ts";

/** Nobody waits longer for a TAB. */
const MAX_WAIT_MS = 800;
/** More names than this help nobody. */
const MAX_NAMES = 1_000;
const MAX_TEXT_COLUMNS = 60;
const FILES = ":files";

/** `--line LINE` (the whole command line up to the cursor) or `-- WORDS…`; the last word is the one being typed. */
export async function complete(call: Call): Promise<void> {
  const { args, output } = call;
  const words = args[0] === "--line" ? wordsOf(args[1] ?? "").slice(1) : args.slice(1);
  const current = words.at(-1) ?? "";
  const wanted = wantedAt(words.slice(0, -1), current);
  if (wanted.completes === "file") return void (await output.line(FILES));
  const offered = [...wanted.candidates, ...(await candidatesOf(call, wanted))]
    .map(({ value, text }) => ({ value: wanted.prefix + value, text }))
    .filter(({ value }) => value.startsWith(current) && !wanted.taken.includes(value));
  for (const { value, text } of offered.slice(0, MAX_NAMES))
    await output.line(text === "" ? value : `${value}\t${clipped(text, MAX_TEXT_COLUMNS)}`);
}

async function candidatesOf(call: Call, { completes, given }: Wanted): Promise<Candidate[]> {
  const words = await namesOf(call, completes, given).catch(() => []);
  return words.map((value) => ({ value, text: typeof completes === "string" ? completes : "" }));
}

async function namesOf(
  call: Call,
  completes: Completes | undefined,
  given: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  if (completes === undefined) return [];
  if (typeof completes === "function") return await completes();
  if (completes === "topic")
    return named(await askBroker(call, "metadata", given), "topics", "topic").filter((name) => !name.startsWith("__"));
  if (completes === "group") return named(await askBroker(call, "listGroups", given), "groups", "groupId");
  return typeof completes === "string" ? [] : completes;
}

/** The answer of the first broker that gives one in time, found as the command line and the environment say. */
async function askBroker(call: Call, api: "metadata" | "listGroups", given: ReadonlyMap<string, string>) {
  const givenFor = (flag: string) => [...given].find(([flags]) => flags.split(/[ ,]+/).includes(flag))?.[1];
  const options = new Options({ bootstrapServers: givenFor("-b"), tokenFile: givenFor("--token-file") });
  const { env, clock, interrupted } = call;
  const token = tokenOf({ options, env });
  const late = new AbortController();
  const timers = clock.timers();
  timers.schedule("late", MAX_WAIT_MS, () => late.abort());
  const signal = AbortSignal.any([late.signal, interrupted]);
  const servers = bootstrapServers({ options, env }).split(",");
  try {
    const { body } = await Promise.any(servers.map((server) => askApi(`http://${server}`, api, signal, token)));
    return JSON.parse(body) as unknown;
  } finally {
    timers.close();
    late.abort();
  }
}

/** The names in a list of an answer; an answer of another form has none. */
function named(answer: unknown, list: string, field: string): string[] {
  const items = record(answer)?.[list];
  if (!Array.isArray(items)) return [];
  return items
    .map((item) => record(item)?.[field])
    .filter((name) => typeof name === "string")
    .sort();
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}
