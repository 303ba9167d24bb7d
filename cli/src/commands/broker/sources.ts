// Where an option of the broker comes from: flag before BROOKLET_* before configuration file. One table of the options, which
// the flags, the environment, the file and their tests follow; the settings beside them are the broker's own table.

import { readFileSync, statSync } from "node:fs";
import { nearestName } from "@brooklet/protocol";
import { insteadOfKafkas, settingDefinitions } from "@brooklet/server";
import type { Options } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { type Property, parseProperties } from "./properties.ts";
import { assignments, environmentName, settingsFromEnvironment } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Options that are no settings, by the names of their flags; `true` for those that are yes or no. */
export const serveOptions = {
  port: false,
  host: false,
  data: false,
  ephemeral: true,
  durability: false,
  "token-file": false,
  "allow-anonymous-network": true,
  "allowed-hosts": false,
  "allowed-origins": false,
  "log-level": false,
} as const satisfies Record<string, boolean>;
export type ServeOption = keyof typeof serveOptions;

/** Names in the environment that belong to commands, not to the broker. */
const COMMAND_VARIABLES = ["BROOKLET_CONFIG", "BROOKLET_BOOTSTRAP_SERVERS"];
const MAX_CONFIG_BYTES = 1024 * 1024;
const TOKENS_ELSEWHERE = "tokens stand in a file of their own: use token-file";

/** One value, and where it was given, for messages. */
export interface Given {
  readonly text: string;
  /** "--port", "BROOKLET_PORT", "broker.properties line 3: port". */
  readonly from: string;
  readonly rank: number;
}

const RANK = { flag: 3, environment: 2, file: 1 } as const;

/** Everything that was given, by its source, with what is wrong in the file and the environment. */
export class Sources {
  /** Each is one thing to mend. */
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #options: Options;
  readonly #env: Environment;
  readonly #file = new Map<string, Property>();
  #fileName = "";

  constructor(options: Options, env: Environment) {
    this.#options = options;
    this.#env = env;
    const path = options.text("config") ?? present(env.BROOKLET_CONFIG);
    if (path !== undefined) this.#read(path);
    this.#checkVariables();
  }

  /** A text option; undefined: nowhere given. */
  text(name: ServeOption): Given | undefined {
    const flag = this.#options.text(camelCase(name));
    if (flag !== undefined) return { text: flag, from: `--${name}`, rank: RANK.flag };
    const variable = environmentName(name.replaceAll("-", "."));
    const value = present(this.#env[variable]);
    if (value !== undefined) return { text: value, from: variable, rank: RANK.environment };
    const property = this.#file.get(name);
    if (property === undefined) return undefined;
    return { text: property.value, from: this.#placeOf(property), rank: RANK.file };
  }

  /** A yes or no. Errors: UsageError for a text that is neither. */
  flag(name: ServeOption): { value: boolean; rank: number } | undefined {
    if (this.#options.flag(camelCase(name))) return { value: true, rank: RANK.flag };
    const given = this.text(name);
    if (given === undefined) return undefined;
    const { text, from, rank } = given;
    if (text === "true" || text === "1") return { value: true, rank };
    if (text === "false" || text === "0") return { value: false, rank };
    throw new UsageError(`${from} must be true or false; this is ${JSON.stringify(text)}`);
  }

  /** Settings by name; `place` says where one stands that came from the file. Problems of `--set` are noted. */
  settings(): { values: Record<string, string>; placeOf: (setting: string) => string | undefined } {
    const names = Object.keys(settingDefinitions);
    const values = new Map<string, string>();
    const places = new Map<string, string>();
    for (const [name, property] of this.#file) {
      if (!Object.hasOwn(settingDefinitions, name)) continue;
      values.set(name, property.value);
      places.set(name, this.#placeOf(property));
    }
    const override = (given: ReadonlyMap<string, string>) => {
      for (const [name, value] of given) {
        values.set(name, value);
        places.delete(name);
      }
    };
    override(settingsFromEnvironment(names, this.#env));
    for (const text of this.#options.list("set")) {
      try {
        override(assignments("--set", [text]));
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        this.problems.push(error.message);
      }
    }
    return { values: Object.fromEntries(values), placeOf: (setting) => places.get(setting) };
  }

  #placeOf({ name, line }: Property): string {
    return `${this.#fileName} line ${line}: ${name}`;
  }

  #read(path: string): void {
    this.#fileName = path;
    let text: string;
    try {
      const { size } = statSync(path);
      if (size > MAX_CONFIG_BYTES) {
        this.problems.push(`--config ${path} is no configuration file: it has ${size} bytes`);
        return;
      }
      text = readFileSync(path, "utf8");
    } catch (error) {
      this.problems.push(`--config ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    const { properties, problems } = parseProperties(text);
    for (const { line, problem } of problems) this.problems.push(`${path} line ${line} ${problem}`);
    const known = [...Object.keys(serveOptions), ...Object.keys(settingDefinitions)];
    for (const property of properties) {
      if (known.includes(property.name)) this.#file.set(property.name, property);
      else this.problems.push(`${this.#placeOf(property)}: ${unknownName(property.name, known)}`);
    }
  }

  /** A mistyped variable would otherwise be ignored in silence; it may also be another program's, so it is no error. */
  #checkVariables(): void {
    const known = [
      ...COMMAND_VARIABLES,
      ...[...Object.keys(serveOptions), ...Object.keys(settingDefinitions)].map((name) =>
        environmentName(name.replaceAll("-", ".")),
      ),
    ];
    for (const name of Object.keys(this.#env).sort()) {
      if (!name.startsWith("BROOKLET_") || known.includes(name)) continue;
      const nearest = nearestName(
        name.slice("BROOKLET_".length),
        known.map((one) => one.slice("BROOKLET_".length)),
      );
      this.warnings.push(
        `the environment variable ${name} means nothing to brooklet${nearest === undefined ? "" : `; did you mean BROOKLET_${nearest}?`}`,
      );
    }
  }
}

function unknownName(name: string, known: readonly string[]): string {
  const hint = name === "token" ? TOKENS_ELSEWHERE : insteadOfKafkas(name);
  if (hint !== undefined) return `no such setting; ${hint}`;
  const nearest = nearestName(name, known);
  return nearest === undefined ? "no such setting" : `no such setting; did you mean ${nearest}?`;
}

function present(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

/** As commander names a flag's value. */
function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
