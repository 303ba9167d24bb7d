// The options of startBroker(): read, checked against each other, all problems named at once.

import { nearestName } from "@brooklet/protocol";
import { isLoopbackHost, parseHost } from "./hosts.ts";
import { parseSettings, type SettingProblem, type Settings, SettingsError } from "./settings.ts";
import { digestsOf, readTokenFile } from "./tokens.ts";
import type { Durability, Logger, ServerWorld } from "./world.ts";

export interface BrokerOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** Where to listen. Default 127.0.0.1. */
  readonly host?: string;
  /** The data folder. Without it the broker is ephemeral. */
  readonly data?: string;
  /** Keeps everything in memory. */
  readonly ephemeral?: boolean;
  /** Default `disk`; `memory` when ephemeral. */
  readonly durability?: Durability;
  /** By Kafka's names; see settings.ts. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Who comes must show this token, or one of these; at least 16 characters of visible ASCII each. Never logged, never shown. */
  readonly token?: string | readonly string[];
  /** A file of such tokens, one a line, that only its owner may read; its tokens are good beside those of `token`. */
  readonly tokenFile?: string;
  /** Listen beyond this machine although anybody may come in. */
  readonly allowAnonymousNetwork?: boolean;
  /** Hosts that clients may address the broker by, beside the loopback ones: `name` or `name:port`. */
  readonly allowedHosts?: readonly string[];
  /** Web origins whose pages may use the broker: `https://console.example`. */
  readonly allowedOrigins?: readonly string[];
  /** Pino, console, or anything of that shape. Default: silent. */
  readonly logger?: unknown;
  /** A `ServerWorld`; for tests and simulations. */
  readonly world?: unknown;
}

/** What the options mean. */
export interface BrokerConfig {
  readonly port: number;
  readonly host: string;
  readonly data: string | undefined;
  readonly durability: Durability;
  readonly settings: Settings;
  /** SHA-256 of each token; none: nobody has to show one. */
  readonly tokenDigests: readonly Buffer[];
  readonly allowAnonymousNetwork: boolean;
  /** What is worth a line at the start. */
  readonly warnings: readonly string[];
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly logger: Logger;
  readonly world: Partial<ServerWorld>;
}

/** An option as the reference page shows it. */
export interface BrokerOptionDefinition {
  readonly type: string;
  readonly default: string;
  readonly text: string;
}

/** Every option of `startBroker()`, for the reference page; whatever has no row is refused. */
export const brokerOptionDefinitions = {
  port: { type: "integer from 0 to 65535", default: "0", text: "Where to listen; 0: a free one." },
  host: {
    type: "name or address",
    default: "127.0.0.1",
    text: "Where to listen; one that other machines reach needs a token, or allowAnonymousNetwork.",
  },
  data: { type: "path of a folder", default: "none", text: "Where the data lies; without it the broker is ephemeral." },
  ephemeral: { type: "true or false", default: "true without data", text: "Keeps everything in memory." },
  durability: {
    type: "disk, process or memory",
    default: "disk; memory when ephemeral",
    text: "When a write is acknowledged: after the sync, after the write, or at once.",
  },
  settings: { type: "object", default: "none", text: "Settings of the broker by Kafka's names." },
  token: {
    type: "text, or list of texts",
    default: "none",
    text: "Clients must show this token, or one of these; at least 16 characters of visible ASCII each. Never logged, never shown.",
  },
  tokenFile: {
    type: "path of a file",
    default: "none",
    text: "Such tokens, one a line, in a file that only its owner may read; good beside those of token.",
  },
  allowAnonymousNetwork: {
    type: "true or false",
    default: "false",
    text: "Listen beyond this machine although nobody has to show a token.",
  },
  allowedHosts: {
    type: "list of name or name:port",
    default: "none",
    text: "Hosts that clients may address the broker by, beside the loopback ones.",
  },
  allowedOrigins: {
    type: "list of web origins",
    default: "none",
    text: "Whose pages may use the broker, such as https://console.example.",
  },
  logger: {
    type: "object with debug, info, warn, error",
    default: "silent",
    text: "Pino, console, or anything of that shape.",
  },
  world: {
    type: "object",
    default: "the real one",
    text: "Clock, chance, network and storage, for tests and simulations.",
  },
} as const satisfies Record<keyof BrokerOptions, BrokerOptionDefinition>;

const optionNames = Object.keys(brokerOptionDefinitions) as (keyof BrokerOptions)[];

const durabilities = ["disk", "process", "memory"] as const;
const ORIGIN = /^https?:\/\/[^/?#@\s]+$/;

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Errors: SettingsError with everything that is wrong. */
export function readOptions(options: BrokerOptions): BrokerConfig {
  const problems: SettingProblem[] = [];
  const refuse = (setting: string, problem: string, suggestion?: string) =>
    problems.push({ setting, problem, ...(suggestion === undefined ? {} : { suggestion }) });

  for (const name of Object.keys(options)) {
    if (!(optionNames as readonly string[]).includes(name))
      refuse(name, "no such option", nearestName(name, optionNames));
  }
  const { port = 0, host = "127.0.0.1", data, ephemeral, durability, logger = silent, world = {} } = options;
  const { allowAnonymousNetwork = false, allowedHosts = [], allowedOrigins = [] } = options;

  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    refuse("port", `must be a whole number from 0 (a free one) to 65535; this is ${show(port)}`);
  }
  if (typeof host !== "string" || host === "") refuse("host", `must be a name or an address; this is ${show(host)}`);
  else if (allowAnonymousNetwork === false && !wantsToken(options) && !isLoopbackHost(host)) {
    refuse(
      "host",
      `${host} can be reached from other machines, and no token is configured; configure one (--token-file), ` +
        "or to let anybody in, say so with allowAnonymousNetwork (--allow-anonymous-network)",
    );
  }
  const warnings: string[] = [];
  const tokenDigests = readTokens(options, refuse, warnings);
  if (data !== undefined && (typeof data !== "string" || data === "")) {
    refuse("data", `must be the path of a folder; this is ${show(data)}`);
  }
  if (durability !== undefined && !durabilities.includes(durability)) {
    refuse("durability", `must be ${durabilities.join(", ")}; this is ${show(durability)}`);
  }
  for (const [name, value] of Object.entries({ ephemeral, allowAnonymousNetwork })) {
    if (value !== undefined && typeof value !== "boolean")
      refuse(name, `must be true or false; this is ${show(value)}`);
  }
  for (const allowed of list("allowedHosts", allowedHosts, refuse)) {
    if (parseHost(allowed) === undefined) refuse("allowedHosts", `${show(allowed)} is no host, with or without a port`);
  }
  for (const allowed of list("allowedOrigins", allowedOrigins, refuse)) {
    if (!ORIGIN.test(allowed))
      refuse("allowedOrigins", `${show(allowed)} is no web origin such as https://example.org`);
  }
  if (!isLogger(logger)) refuse("logger", "must have the methods debug, info, warn and error");
  if (typeof world !== "object" || world === null) refuse("world", "must be an object");
  else if (!("openStorage" in world)) checkDurability(options, refuse);

  const given = options.settings ?? {};
  const isTable = typeof given === "object" && given !== null && !Array.isArray(given);
  if (!isTable) refuse("settings", "must be an object of names and values");
  const { settings, problems: settingProblems } = parseSettings(isTable ? given : {});
  problems.push(...settingProblems);
  if (problems.length > 0) throw new SettingsError(problems);

  return {
    port,
    host,
    data,
    durability: durability ?? (data === undefined ? "memory" : "disk"),
    settings,
    tokenDigests,
    allowAnonymousNetwork,
    warnings,
    allowedHosts,
    allowedOrigins,
    logger: withoutThrowing(logger as Logger),
    world: world as Partial<ServerWorld>,
  };
}

/** Everything that startBroker() would refuse, for a caller that has problems of its own to name beside it. */
export function optionProblems(options: BrokerOptions): readonly SettingProblem[] {
  try {
    readOptions(options);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

function wantsToken({ token, tokenFile }: BrokerOptions): boolean {
  return token !== undefined || tokenFile !== undefined;
}

/** Digests of all tokens given. No problem repeats a token. */
function readTokens(
  { token, tokenFile }: BrokerOptions,
  refuse: (setting: string, problem: string) => void,
  warnings: string[],
): readonly Buffer[] {
  const digests: Buffer[] = [];
  const take = (setting: string, tokens: readonly unknown[]) => {
    const read = digestsOf(tokens);
    digests.push(...read.digests);
    for (const problem of read.problems) refuse(setting, problem);
  };
  if (token !== undefined) take("token", Array.isArray(token) ? token : [token]);
  if (tokenFile !== undefined) {
    if (typeof tokenFile !== "string" || tokenFile === "") refuse("tokenFile", "must be the path of a file");
    else {
      const { tokens, problem, warning } = readTokenFile(tokenFile);
      if (warning !== undefined) warnings.push(warning);
      if (problem === undefined) take("tokenFile", tokens);
      else refuse("tokenFile", problem);
    }
  }
  return digests;
}

function checkDurability(
  { data, ephemeral, durability }: BrokerOptions,
  refuse: (setting: string, problem: string) => void,
): void {
  if (ephemeral === true && data !== undefined) refuse("ephemeral", "contradicts data: choose memory or a folder");
  if (ephemeral === true && durability !== undefined && durability !== "memory") {
    refuse("ephemeral", `contradicts durability ${show(durability)}: what is ephemeral is kept in memory`);
  } else if (data === undefined && (durability === "disk" || durability === "process")) {
    refuse("durability", `${durability} needs a folder: set data`);
  }
  if (data !== undefined && ephemeral !== true && durability === "memory") {
    refuse("durability", "memory contradicts data: nothing would be written to the folder");
  }
  if (ephemeral === false && data === undefined) refuse("ephemeral", "false needs a folder: set data");
}

function list(
  name: string,
  values: readonly string[],
  refuse: (setting: string, problem: string) => void,
): readonly string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  refuse(name, "must be a list of texts");
  return [];
}

function isLogger(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const logger = value as Record<string, unknown>;
  return ["debug", "info", "warn", "error"].every((level) => typeof logger[level] === "function");
}

/** Lines are written between a turn's verdict and the answers it lets go: a logger that fails must cost nothing but its line. */
function withoutThrowing(logger: Logger): Logger {
  const level = (name: keyof Logger) => (fields: object, message: string) => {
    try {
      logger[name](fields, message);
    } catch {
      // There is nobody left to tell.
    }
  };
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
