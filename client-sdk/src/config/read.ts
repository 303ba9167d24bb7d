// Reads one value by its row: what the client will see, or what is wrong with it, with its range.
// Invariant: no problem quotes a secret.

import { Secret } from "../secret.ts";
import type { ChoiceRow, InterceptorsRow, OptionRow, SecretRow } from "./option.ts";
import { parseServers } from "./servers.ts";

interface Outcome {
  readonly value?: unknown;
  readonly problems: string[];
}

/** A value as a problem shows it, cut when it is long. */
export function shown(value: unknown): string {
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

function readSerde(method: "serialize" | "deserialize", value: unknown): Outcome {
  const has = typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function";
  if (has) return { value, problems: [] };
  const hint = typeof value === "function" ? " (json is a function: write json())" : "";
  return { problems: [`must be an object with ${method}(), such as string or json(); it is ${shown(value)}${hint}`] };
}

/** Kafka's list of classes as a list of objects; what is wrong names the place, because there may be several. */
function readInterceptors({ methods }: InterceptorsRow, value: unknown): Outcome {
  const wanted = `objects with one of ${methods.map((method) => `${method}()`).join(", ")}`;
  if (!Array.isArray(value)) return { problems: [`must be an array of ${wanted}; it is ${shown(value)}`] };
  const problems = value.flatMap((one: unknown, index) => {
    const has = (method: string) => typeof Reflect.get(Object(one), method) === "function";
    const isOne = typeof one === "object" && one !== null && methods.some(has);
    return isOne ? [] : [`must be an array of ${wanted}; item ${index} is ${shown(one)}`];
  });
  return { value: [...value], problems };
}

function readChoice({ choices, prefixed, refused = {} }: ChoiceRow, value: unknown): Outcome {
  if (choices.includes(value as string | number)) return { value, problems: [] };
  const possible = [...choices.map(shown), ...(prefixed === undefined ? [] : [`"${prefixed.prefix}…"`])].join(", ");
  if (typeof value === "string") {
    if (prefixed !== undefined && value.startsWith(prefixed.prefix)) {
      const problem = prefixed.problem(value.slice(prefixed.prefix.length));
      return { value, problems: problem === undefined ? [] : [`${shown(value)} is refused: ${problem}`] };
    }
    const later = new Map(Object.entries(refused)).get(value);
    if (later !== undefined) return { problems: [`${shown(value)} is refused: ${later}; possible: ${possible}`] };
  }
  return { problems: [`must be one of ${possible}; it is ${shown(value)}`] };
}

/** The `hello` frame takes no longer token. */
const MAX_SECRET_LENGTH = 4_096;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** A problem never quotes what was given. */
function readSecret({ extract }: SecretRow, given: unknown): Outcome {
  if (typeof given !== "string") return { problems: [`must be a text; it is a value of type ${typeof given}`] };
  const extracted = extract === undefined ? { secret: given } : extract(given);
  if ("problem" in extracted) return { problems: [extracted.problem] };
  const { secret } = extracted;
  if (secret === "") return { problems: ["is empty"] };
  if (secret.length > MAX_SECRET_LENGTH) {
    return { problems: [`has ${secret.length} characters; a token has at most ${MAX_SECRET_LENGTH}`] };
  }
  if (!VISIBLE_ASCII.test(secret)) {
    return { problems: ["has white space or characters outside ASCII: trim what was read from a file"] };
  }
  return { value: new Secret(secret), problems: [] };
}

/** A value by its row: what the client reads, or what is wrong. */
export function readOption(row: OptionRow, value: unknown): Outcome {
  switch (row.type) {
    case "integer": {
      const problem = integerProblem(row, value);
      return { value, problems: problem === undefined ? [] : [problem] };
    }
    case "boolean":
      return { value, problems: typeof value === "boolean" ? [] : [`must be true or false; it is ${shown(value)}`] };
    case "choice":
      return readChoice(row, value);
    case "text": {
      if (typeof value !== "string") return { problems: [`must be a text; it is ${shown(value)}`] };
      const problem = row.problem?.(value);
      return { value, problems: problem === undefined ? [] : [problem] };
    }
    case "secret":
      return readSecret(row, value);
    case "interceptors":
      return readInterceptors(row, value);
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
