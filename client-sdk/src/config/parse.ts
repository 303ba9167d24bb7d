// Reads a configuration by its table: collects every problem, fills in defaults, notes what is accepted without effect.
// What options mean together is checked by each client's own rules, on what is legal by itself.

import { nearestName } from "@brooklet/protocol";
import { ConfigError, type ConfigProblem } from "../errors.ts";
import { Secret } from "../secret.ts";
import { camelCase, type OptionRow, type OptionTable, type SettingsOf } from "./option.ts";
import { readOption, shown } from "./read.ts";

/** A parsed configuration. */
export type Parsed<T extends OptionTable> = SettingsOf<T> & {
  /** Options that were given and have no effect, with the reason: one debug line each. */
  readonly ignoredOptions: readonly { readonly option: string; readonly why: string }[];
};

/** A rule over several options; only called with legal values. `given` says what was set explicitly. */
export type Rule<S> = (settings: S, given: ReadonlySet<string>) => ConfigProblem | undefined;

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
    if (row.type === "secret" && row.into !== undefined) continue;
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
      const { value: option, problems: wrong } = readOption(row, value);
      for (const problem of wrong) problems.push({ setting: name, problem });
      const into = row.type === "secret" && row.into !== undefined ? row.into : name;
      const known = settings[camelCase(into)];
      if (known instanceof Secret && option instanceof Secret && !known.equals(option)) {
        problems.push({
          setting: name,
          problem: "contradicts another option that gives the token",
          suggestion: `give ${into} alone`,
        });
      }
      // What is wrong leaves the default, so that rules meet legal values only.
      if (wrong.length === 0) settings[camelCase(into)] = option;
    }
  }
  if (!given.has("bootstrap.servers")) {
    problems.push({ setting: "bootstrap.servers", problem: "is required: one or more host:port" });
  }
  const wrong = new Set(problems.map(({ setting }) => setting));
  const parsed = { ...settings, ignoredOptions: ignored } as Parsed<T>;
  for (const rule of rules) {
    const problem = judge(rule, parsed, given, wrong);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return parsed;
}

/** A rule's problem, unless it comes from an option that is wrong by itself: that has been said, and the rule met a default. */
function judge<S extends object>(
  rule: Rule<S>,
  settings: S,
  given: ReadonlySet<string>,
  wrong: ReadonlySet<string>,
): ConfigProblem | undefined {
  const wrongSettings = new Set<string | symbol>([...wrong].map(camelCase));
  let meetsWrong = false;
  const watched = new Proxy(settings, {
    get(target, name) {
      meetsWrong ||= wrongSettings.has(name);
      return Reflect.get(target, name);
    },
  });
  const problem = rule(watched, given);
  return meetsWrong || (problem !== undefined && wrong.has(problem.setting)) ? undefined : problem;
}
