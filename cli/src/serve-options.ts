// From flags and environment to the options of startBroker(): flag before BROOKLET_* before default.

import { DEFAULT_PORT } from "@brooklet/protocol";
import { settingDefinitions } from "@brooklet/server";
import { type Options, parseInteger } from "./call.ts";
import { UsageError } from "./exits.ts";
import { type LogLevel, parseLogLevel } from "./logger.ts";
import { assignments, environmentFlag, settingsFromEnvironment } from "./settings.ts";

const DEFAULT_DATA_FOLDER = "brooklet-data";
const DURABILITIES = ["disk", "process", "memory"] as const;

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

/** What startBroker() gets, and from which level on its log is shown. */
export function brokerOptions(options: Options, env: Environment) {
  const portText = given("BROOKLET_PORT", env);
  const port =
    options.integer("port") ??
    (portText === undefined ? DEFAULT_PORT : parseInteger("BROOKLET_PORT", portText, 0, 65_535));
  const host = options.text("host") ?? given("BROOKLET_HOST", env);
  const durability = durabilityOf(options.text("durability") ?? given("BROOKLET_DURABILITY", env));
  const ephemeral = options.flag("ephemeral") || environmentFlag("BROOKLET_EPHEMERAL", env);
  const data = options.text("data") ?? given("BROOKLET_DATA", env);
  if (ephemeral && options.text("data") !== undefined)
    throw new UsageError("--ephemeral and --data exclude each other: choose memory or a folder");
  const settings = Object.fromEntries([
    ...settingsFromEnvironment(Object.keys(settingDefinitions), env),
    ...assignments("--set", options.list("set")),
  ]);
  const logLevel: LogLevel = parseLogLevel(options.text("logLevel") ?? given("BROOKLET_LOG_LEVEL", env) ?? "info");
  return {
    logLevel,
    options: {
      port,
      settings,
      ...(host === undefined ? {} : { host }),
      ...(durability === undefined ? {} : { durability }),
      ...(ephemeral ? { ephemeral: true } : { data: data ?? DEFAULT_DATA_FOLDER }),
      allowAnonymousNetwork:
        options.flag("allowAnonymousNetwork") || environmentFlag("BROOKLET_ALLOW_ANONYMOUS_NETWORK", env),
    },
  };
}
