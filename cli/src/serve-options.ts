// From flags and environment to the options of startBroker(): flag before BROOKLET_* before default.
// Invariant: whatever is wrong, here or by the broker's own rules, is named in one answer.

import { DEFAULT_PORT } from "@brooklet/protocol";
import { optionProblems, problemText, settingDefinitions } from "@brooklet/server";
import { type Options, parseInteger } from "./call.ts";
import { UsageError } from "./exits.ts";
import { parseLogLevel } from "./logger.ts";
import { assignments, environmentFlag, settingsFromEnvironment } from "./settings.ts";

const DEFAULT_DATA_FOLDER = "brooklet-data";
const DURABILITIES = ["disk", "process", "memory"] as const;
const MAX_PORT = 65_535;

type Environment = Readonly<Record<string, string | undefined>>;

function given(name: string, env: Environment): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

function durabilityOf(text: string | undefined): (typeof DURABILITIES)[number] | undefined {
  if (text === undefined) return undefined;
  const level = DURABILITIES.find((name) => name === text);
  if (level === undefined)
    throw new UsageError(`--durability is one of ${DURABILITIES.join(", ")}; this is ${JSON.stringify(text)}`);
  return level;
}

function portOf(options: Options, env: Environment): number {
  const flag = options.text("port");
  const [name, text] = flag === undefined ? ["BROOKLET_PORT", given("BROOKLET_PORT", env)] : ["--port", flag];
  return text === undefined ? DEFAULT_PORT : parseInteger(name, text, 0, MAX_PORT);
}

/** What startBroker() gets, and from which level on its log is shown. Errors: UsageError with everything that is wrong. */
export function brokerOptions(options: Options, env: Environment) {
  const problems: string[] = [];
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
  const port = attempt(() => portOf(options, env));
  const host = options.text("host") ?? given("BROOKLET_HOST", env);
  const durability = attempt(() => durabilityOf(options.text("durability") ?? given("BROOKLET_DURABILITY", env)));
  const ephemeral = options.flag("ephemeral") || attempt(() => environmentFlag("BROOKLET_EPHEMERAL", env)) === true;
  const data = options.text("data") ?? given("BROOKLET_DATA", env);
  if (ephemeral && options.text("data") !== undefined)
    problems.push("--ephemeral and --data exclude each other: choose memory or a folder");
  const allowAnonymousNetwork =
    options.flag("allowAnonymousNetwork") ||
    attempt(() => environmentFlag("BROOKLET_ALLOW_ANONYMOUS_NETWORK", env)) === true;
  const logLevel = attempt(() => parseLogLevel(options.text("logLevel") ?? given("BROOKLET_LOG_LEVEL", env) ?? "info"));
  const settings = Object.fromEntries([
    ...settingsFromEnvironment(Object.keys(settingDefinitions), env),
    ...options.list("set").flatMap((text) => [...(attempt(() => assignments("--set", [text])) ?? [])]),
  ]);
  const read = {
    port: port ?? DEFAULT_PORT,
    settings,
    ...(host === undefined ? {} : { host }),
    ...(durability === undefined ? {} : { durability }),
    ...(ephemeral ? { ephemeral: true } : { data: data ?? DEFAULT_DATA_FOLDER }),
    allowAnonymousNetwork,
  };
  problems.push(...optionProblems(read).map(problemText));
  const [only, ...others] = problems;
  if (only !== undefined)
    throw new UsageError(others.length === 0 ? only : `${problems.length} problems:\n- ${problems.join("\n- ")}`);
  return { logLevel: logLevel ?? "info", options: read };
}
