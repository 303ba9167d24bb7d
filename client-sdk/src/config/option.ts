// What an option is: a row of a table, with its type, default, range and fate. Types and checks both follow the rows.
//
// Every option that SEMANTICS.md 1.1 and 1.2 name has a row; whatever has none is unknown and refused.

import type { Secret } from "../secret.ts";
import type { Deserializer, Serializer } from "../serdes.ts";

/** What happens to an option that is given. */
export type Fate = "works" | "ignored" | "refused";

interface Row {
  readonly fate: Fate;
  /** For `ignored` and `refused`: the reason. */
  readonly why?: string;
}

/** A row that has an effect, and says which. */
interface Working extends Row {
  /** Kafka's meaning in a sentence, with units where the name has none; the reference page shows it. */
  readonly text: string;
}

export interface IntegerRow extends Working {
  readonly type: "integer";
  readonly min: number;
  readonly max?: number;
  readonly default: number;
}
export interface BooleanRow extends Working {
  readonly type: "boolean";
  readonly default: boolean;
}
export interface ChoiceRow extends Working {
  readonly type: "choice";
  readonly choices: readonly (string | number)[];
  readonly default: string | number | undefined;
  /** Texts that begin so are choices too; the problem of what follows the prefix, or undefined. */
  readonly prefixed?: { readonly prefix: string; readonly problem: (rest: string) => string | undefined };
  /** Choices that Kafka has and brooklet refuses, with the reason. */
  readonly refused?: { readonly [choice: string]: string };
}
export interface TextRow extends Working {
  readonly type: "text";
  readonly default: string | undefined;
  /** Why a text is not legal, or undefined. */
  readonly problem?: (text: string) => string | undefined;
}
/** A text that nobody may see: it is read into a Secret, and no problem quotes it. */
export interface SecretRow extends Working {
  readonly type: "secret";
  /** The option that it is another spelling of; both given must say the same. */
  readonly into?: string;
  /** The secret in the text, or why there is none. Default: the text itself. */
  readonly extract?: (text: string) => { readonly secret: string } | { readonly problem: string };
}
/** Objects with some of these methods, called in their order; in Kafka's tables a list of classes. */
export interface InterceptorsRow extends Working {
  readonly type: "interceptors";
  readonly methods: readonly string[];
}
/** A list of host:port; in Kafka's tables `list`. */
export interface ServersRow extends Working {
  readonly type: "servers";
}
/** An object with `serialize` or `deserialize`. */
export interface SerdeRow extends Working {
  readonly type: "serializer" | "deserializer";
}
/** Only its name matters: it is accepted without effect, or refused. */
export interface NamedRow extends Row {
  readonly type: "any";
  readonly fate: "ignored" | "refused";
  readonly why: string;
  /** The option to use instead: another client's spelling is a type error too. */
  readonly instead?: string;
  /** Its type where it has one already. */
  readonly given?: "text" | "integer";
}

export type OptionRow =
  | IntegerRow
  | BooleanRow
  | ChoiceRow
  | TextRow
  | SecretRow
  | InterceptorsRow
  | ServersRow
  | SerdeRow
  | NamedRow;
export type OptionTable = { readonly [name: string]: OptionRow };

/** `auto.commit.interval.ms` becomes `autoCommitIntervalMs`. */
export type CamelCase<Name extends string> = Name extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** A refused choice that ends in a colon stands for every text that begins so. */
type LaterChoice<K> = K extends `${string}:` ? `${K}${string}` : K & string;

type Given<R> = R extends { choices: readonly (infer C)[]; prefixed: { prefix: infer P extends string } }
  ? C | `${P}${string}`
  : R extends { choices: readonly (infer C)[]; refused: infer Later }
    ? C | LaterChoice<keyof Later>
    : R extends { choices: readonly (infer C)[] }
      ? C
      : R extends { type: "integer" } | { given: "integer" }
        ? number
        : R extends { type: "boolean" }
          ? boolean
          : R extends { type: "text" | "secret" } | { given: "text" }
            ? string
            : R extends { type: "servers" }
              ? string | string[]
              : unknown;

/** The public type of a configuration: every row but the spellings of other clients. Serdes and interceptors are typed by their client. */
export type ConfigOf<T extends OptionTable> = {
  [N in keyof T as T[N] extends
    | { instead: string }
    | { type: "servers" | "serializer" | "deserializer" | "interceptors" }
    ? never
    : N]?: Given<T[N]>;
};

type Parsed<R> = R extends { choices: readonly (infer C)[]; prefixed: { prefix: infer P extends string } }
  ? C | `${P}${string}`
  : R extends { choices: readonly (infer C)[]; default: infer D }
    ? C | D
    : R extends { type: "integer" }
      ? number
      : R extends { type: "boolean" }
        ? boolean
        : R extends { type: "text"; default: infer D }
          ? string | D
          : R extends { type: "secret" }
            ? Secret | undefined
            : R extends { type: "interceptors" }
              ? readonly object[]
              : R extends { type: "servers" }
                ? readonly string[]
                : R extends { type: "serializer" }
                  ? Serializer<unknown>
                  : R extends { type: "deserializer" }
                    ? Deserializer<unknown>
                    : never;

/** What a client reads: every working row under its camel-case name, with defaults filled in. */
export type SettingsOf<T extends OptionTable> = {
  readonly [N in keyof T & string as T[N] extends { into: string }
    ? never
    : T[N] extends { fate: "works" }
      ? CamelCase<N>
      : never]: Parsed<T[N]>;
};

/** Keeps the literal types of a table. */
export function optionTable<const T extends OptionTable>(table: T): T {
  return table;
}

export function camelCase(name: string): string {
  return name.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase());
}
