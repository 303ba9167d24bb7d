// A row of the SDK's option tables as cells: its type with range or choices, its default, its fate.

import type { ChoiceRow, OptionRow } from "../../client-sdk/src/config/option.ts";
import { code, number } from "./markdown.ts";

const MAX_INT32 = 2_147_483_647;

export function typeOf(row: OptionRow): string {
  switch (row.type) {
    case "integer":
      return `integer from ${number(row.min)}${row.max === undefined || row.max === MAX_INT32 ? "" : ` to ${number(row.max)}`}`;
    case "boolean":
      return "true or false";
    case "choice":
      return choices(row);
    case "text":
      return "text";
    case "secret":
      return row.into === undefined ? "text, secret" : `text, secret; another spelling of ${code(row.into)}`;
    case "interceptors":
      return `list of objects with ${row.methods.map(code).join(", ")}`;
    case "servers":
      return "list or text, comma separated";
    case "serializer":
      return `object with ${code("serialize()")}`;
    case "deserializer":
      return `object with ${code("deserialize()")}`;
    case "any":
      return "any";
  }
}

function choices({ choices: possible, prefixed, refused = {} }: ChoiceRow): string {
  const taken = [...possible.map(String), ...(prefixed === undefined ? [] : [`${prefixed.prefix}…`])];
  const reasons = Map.groupBy(Object.entries(refused), ([, why]) => why);
  const not = [...reasons].map(([why, named]) => `not ${named.map(([name]) => code(name)).join(", ")}: ${why}`);
  return [taken.map(code).join(", "), ...not].join("; ");
}

export function defaultOf(row: OptionRow): string {
  if (row.type === "servers") return "required";
  if (row.type === "serializer" || row.type === "deserializer") return code("bytes");
  if (!("default" in row) || row.default === undefined) return "none";
  if (row.default === "") return "made up";
  return typeof row.default === "number" && row.type === "integer" ? number(row.default) : code(String(row.default));
}

/** `[fate, why]`. */
export function fateOf(row: { readonly fate: string; readonly why: string; readonly instead?: string }): string[] {
  const fate = row.fate === "ignored" ? "accepted without effect" : row.fate;
  const why = `${row.why.slice(0, 1).toUpperCase()}${row.why.slice(1)}.`;
  return [fate, row.instead === undefined ? why : `Use ${code(row.instead)}: ${row.why}.`];
}
