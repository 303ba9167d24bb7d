// Reads a configuration by its table: collects every problem, fills in defaults, notes what is accepted without effect.
// What options mean together is checked by each client's own rules, on what is legal by itself.

import { nearestName } from "@brooklet/protocol";
import { ConfigError, type ConfigProblem } from "../errors.ts";
import { camelCase, type OptionRow, type OptionTable, type SettingsOf } from "./option.ts";
import { parseServers } from "./servers.ts";

/** A parsed configuration. */
export type Parsed<T extends OptionTable> = SettingsOf<T> & {
  /** Options that were given and have no effect, with the reason: one debug line each. */
  readonly ignoredOptions: readonly { readonly option: string; readonly why: string }[];
};

/** A rule over several options; only called with legal values. `given` says what was set explicitly. */
export type Rule<S> = (settings: S, given: ReadonlySet<string>) => ConfigProblem | undefined;

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (value === null || ["number", "boolean", "bigint"].includes(typeof value)) return String(value);
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

function integerProblem(row: { min: number; max?: number }, value: unknown): string | undefined {
  const max = row.max ?? Number.MAX_SAFE_INTEGER;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= row.min && value <= max) return undefined;
  const range = row.max === undefined ? `of at least ${row.min}` : `from ${row.min} to ${row.max}`;
  return `must be a whole number ${range}; it is ${shown(value)}`;
}

function readSerde(method: "serialize" | "deserialize", value: unknown): { value?: unknown; problems: string[] } {
  const has = typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function";
  if (has) return { value, problems: [] };
  const hint = typeof value === "function" ? " (json is a function: write json())" : "";
  return { problems: [`must be an object with ${method}(), such as string or json(); it is ${shown(value)}${hint}`] };
}

/** A value by its row: what the client reads, or what is wrong. */
function read(row: OptionRow, value: unknown): { value?: unknown; problems: string[] } {
  switch (row.type) {
    case "integer": {
      const problem = integerProblem(row, value);
      return { value, problems: problem === undefined ? [] : [problem] };
    }
    case "boolean":
      return { value, problems: typeof value === "boolean" ? [] : [`must be true or false; it is ${shown(value)}`] };
    case "choice": {
      if (row.choices.includes(value as string | number)) return { value, problems: [] };
      const later = typeof value === "string" ? Object.entries(row.refused ?? {}) : [];
      const match = later.find(([choice]) =>
        choice.endsWith(":") ? String(value).startsWith(choice) : choice === value,
      );
      const choices = row.choices.map(shown).join(", ");
      return {
        problems: [
          match === undefined
            ? `must be one of ${choices}; it is ${shown(value)}`
            : `${shown(value)} is refused: ${match[1]}; possible: ${choices}`,
        ],
      };
    }
    case "text": {
      if (typeof value !== "string") return { problems: [`must be a text; it is ${shown(value)}`] };
      const problem = row.problem?.(value);
      return { value, problems: problem === undefined ? [] : [problem] };
    }
    case "servers": {
      const { addresses, problems } = parseServers(value);
      return { value: addresses, problems };
    }
    case "serializer":
      return readSerde("serialize", value);
    case "deserializer":
      return readSerde("deserialize", value);
    case "any":
      return { problems: [] };
  }
}

function problemOfUnknown(name: string, known: readonly string[]): ConfigProblem {
  const nearest = nearestName(name, known);
  return {
    setting: name,
    problem: "is not an option",
    ...(nearest === undefined ? {} : { suggestion: `did you mean ${nearest}?` }),
  };
}

/** Fixed families of options, by the beginning of their names. */
export interface Family {
  readonly prefix: string;
  readonly fate: "ignored" | "refused";
  readonly why: string;
}

/**
 * Checks a configuration and fills in the defaults.
 *
 * Errors: ConfigError with all problems at once, each with its range; an unknown name with the nearest known one.
 */
export function parseConfig<T extends OptionTable>(
  table: T,
  families: readonly Family[],
  config: unknown,
  defaults: { readonly [setting: string]: unknown },
  rules: readonly Rule<Parsed<T>>[],
): Parsed<T> {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new ConfigError([{ setting: "config", problem: `must be an object of options; it is ${shown(config)}` }]);
  }
  const rows = new Map<string, OptionRow>(Object.entries(table));
  const settings: Record<string, unknown> = {};
  for (const [name, row] of rows) {
    if (row.fate !== "works") continue;
    settings[camelCase(name)] = "default" in row ? row.default : defaults[camelCase(name)];
  }
  const problems: ConfigProblem[] = [];
  const ignored: { option: string; why: string }[] = [];
  const given = new Set<string>();
  for (const [name, value] of Object.entries(config)) {
    if (value === undefined) continue;
    given.add(name);
    const row = rows.get(name);
    const family = row === undefined ? families.find(({ prefix }) => name.startsWith(prefix)) : undefined;
    const { fate, why = "" } = row ?? family ?? { fate: "unknown" };
    if (fate === "unknown") problems.push(problemOfUnknown(name, [...rows.keys()]));
    else if (fate === "ignored") ignored.push({ option: name, why });
    else if (fate === "refused") {
      const instead = row?.type === "any" ? row.instead : undefined;
      problems.push({
        setting: name,
        problem: `is refused: ${why}`,
        ...(instead === undefined ? {} : { suggestion: `use ${instead}` }),
      });
    } else if (row !== undefined) {
      const outcome = read(row, value);
      for (const problem of outcome.problems) problems.push({ setting: name, problem });
      settings[camelCase(name)] = outcome.value;
    }
  }
  if (!given.has("bootstrap.servers")) {
    problems.push({ setting: "bootstrap.servers", problem: "is required: one or more host:port" });
  }
  const wrong = new Set(problems.map(({ setting }) => setting));
  const parsed = { ...settings, ignoredOptions: ignored } as Parsed<T>;
  for (const rule of rules) {
    const problem = rule(parsed, given);
    // A rule judges legal values only: what is wrong by itself has been said.
    if (problem !== undefined && !wrong.has(problem.setting)) problems.push(problem);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return parsed;
}
