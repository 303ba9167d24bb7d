// From flags, environment and configuration file to the options of startBroker(): flag before BROOKLET_* before file before
// default. Invariant: whatever is wrong, here or by the broker's own rules, is named in one answer.

import { DEFAULT_PORT } from "@brooklet/protocol";
import { optionProblems, problemText } from "@brooklet/server";
import { type Options, parseInteger } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { type Durability, durabilities } from "./levels.ts";
import { parseLogLevel } from "./logger.ts";
import { type Environment, type Given, type ServeOption, Sources } from "./sources.ts";

const DEFAULT_DATA_FOLDER = "brooklet-data";
const MAX_PORT = 65_535;

function durabilityOf(given: Given | undefined): Durability | undefined {
  if (given === undefined) return undefined;
  const level = durabilities.find((name) => name === given.text);
  if (level === undefined)
    throw new UsageError(`${given.from} is one of ${durabilities.join(", ")}; this is ${JSON.stringify(given.text)}`);
  return level;
}

/** `a,b`; nothing between commas is nothing. */
function listOf(given: Given | undefined): string[] | undefined {
  if (given === undefined) return undefined;
  return given.text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/**
 * What startBroker() gets, from which level on its log is shown, and what is worth a line before it starts.
 *
 * Errors: UsageError with everything that is wrong.
 */
export function brokerOptions(options: Options, env: Environment) {
  const sources = new Sources(options, env);
  const { problems, warnings } = sources;
  /** What is wrong is noted and left out, so that the broker's rules judge the rest. */
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const text = (name: ServeOption) => sources.text(name)?.text;

  const port = attempt(() => {
    const given = sources.text("port");
    return given === undefined ? DEFAULT_PORT : parseInteger(given.from, given.text, 0, MAX_PORT);
  });
  const host = text("host");
  const durability = attempt(() => durabilityOf(sources.text("durability")));
  const { data, isEphemeral } = placeOfData(sources, attempt);
  const allowAnonymousNetwork = attempt(() => sources.flag("allow-anonymous-network"))?.value ?? false;
  const logLevel = attempt(() => {
    const given = sources.text("log-level");
    return given === undefined ? "info" : parseLogLevel(given.text, given.from);
  });
  const tokenFile = text("token-file");
  const allowedHosts = listOf(sources.text("allowed-hosts"));
  const allowedOrigins = listOf(sources.text("allowed-origins"));
  const { values: settings, placeOf } = sources.settings();
  const read = {
    port: port ?? DEFAULT_PORT,
    settings,
    ...(host === undefined ? {} : { host }),
    ...(durability === undefined ? {} : { durability }),
    ...(isEphemeral ? { ephemeral: true } : { data: data ?? DEFAULT_DATA_FOLDER }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(allowedHosts === undefined ? {} : { allowedHosts }),
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    allowAnonymousNetwork,
  };
  for (const problem of optionProblems(read)) {
    const place = placeOf(problem.setting);
    problems.push(problemText(place === undefined ? problem : { ...problem, setting: place }));
  }
  const [only, ...others] = problems;
  if (only !== undefined)
    throw new UsageError(others.length === 0 ? only : `${problems.length} problems:\n- ${problems.join("\n- ")}`);
  return { logLevel: logLevel ?? "info", options: read, warnings };
}

/** Memory or a folder: what was said nearer to the call counts; said in one place, the two contradict each other. */
function placeOfData(sources: Sources, attempt: <T>(read: () => T) => T | undefined) {
  const ephemeral = attempt(() => sources.flag("ephemeral"));
  const data = sources.text("data");
  if (ephemeral?.value !== true) return { data: data?.text, isEphemeral: false };
  if (data !== undefined && data.rank > ephemeral.rank) return { data: data.text, isEphemeral: false };
  // An image may set BROOKLET_DATA for everybody, and its user BROOKLET_EPHEMERAL.
  if (data === undefined || data.rank < ephemeral.rank || data.from === "BROOKLET_DATA")
    return { data: undefined, isEphemeral: true };
  const [first, second] = data.from.startsWith("--") ? ["--ephemeral", "--data"] : ["ephemeral", data.from];
  sources.problems.push(`${first} and ${second} exclude each other: choose memory or a folder`);
  return { data: undefined, isEphemeral: true };
}
