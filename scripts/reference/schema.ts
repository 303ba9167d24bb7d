// A TypeBox schema as rows of a table: the path of each field, its type and range, and what it means.

import { code, number } from "./markdown.ts";

/** What is read of a JSON schema. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: { readonly [name: string]: Schema };
  readonly patternProperties?: { readonly [pattern: string]: Schema };
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly description?: string;
}

const MAX_INT32 = 2_147_483_647;
const RESULTS = "One for each item of the request, in its order.";

/** `[field, type, meaning]` of every field below an object, depth first; lists show their items as `name[]`. */
export function fieldRows(object: object, prefix = ""): string[][] {
  const { properties = {}, required = [] } = object as Schema;
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const optional = required.includes(name) ? "" : "?";
    const meaning = schema.description ?? schema.items?.description ?? (name === "results" ? RESULTS : "");
    const own = [code(path + optional), typeOf(schema), meaning];
    if (isError(schema)) return [[code(path + optional), "[error](errors.md)", schema.description ?? ""]];
    const inner = schema.type === "array" ? schema.items : schema;
    const innerPath = schema.type === "array" ? `${path}[].` : `${path}.`;
    return [own, ...(inner?.properties === undefined ? [] : fieldRows(inner, innerPath))];
  });
}

function isError({ properties }: Schema): boolean {
  return properties !== undefined && "retriable" in properties && "definite" in properties;
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  switch (schema.type) {
    case "array":
      return `list of ${schema.items?.properties === undefined ? typeOf(schema.items ?? {}) : "objects"}${bounds(schema.minItems, schema.maxItems, " items")}`;
    case "object":
      return schema.properties === undefined ? `map of ${mapped(schema)}` : "object";
    case "integer":
    case "number":
      return `${schema.type}${range(schema)}`;
    case "string":
      return `text${bounds(undefined, schema.maxLength, " characters")}`;
    default:
      return schema.type ?? "any value";
  }
}

function mapped({ patternProperties = {}, additionalProperties }: Schema): string {
  const value = Object.values(patternProperties)[0] ?? additionalProperties;
  return typeof value === "object" ? typeOf(value) : "any value";
}

/** Ranges that are only "a safe integer" say nothing. */
function range({ minimum, maximum }: Schema): string {
  const from = minimum !== undefined && Math.abs(minimum) < MAX_INT32 ? `from ${number(minimum)}` : "";
  const to = maximum !== undefined && maximum < MAX_INT32 ? `to ${number(maximum)}` : "";
  const both = [from, to].filter((part) => part !== "").join(" ");
  return both === "" ? "" : ` ${both}`;
}

function bounds(min: number | undefined, max: number | undefined, unit: string): string {
  if (min === undefined && max === undefined) return "";
  return `, ${min === undefined ? "at most" : `${number(min)} to`} ${number(max ?? 0)}${unit}`;
}
