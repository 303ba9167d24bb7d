// Checks request headers against their schemas, on every request: each schema is compiled once, when its API is first asked
// for. `typebox/schema` compiles in 1–2 ms per API and loads in 26 ms and 8 MB; `typebox/compile` takes 47–68 ms and 11 MB for
// the same checks. What a name or number means is for the handlers; here only its shape counts.

import { Compile } from "typebox/schema";
import { type ApiName, apis } from "./table.ts";

type Validator = ReturnType<typeof Compile>;
type SchemaError = ReturnType<Validator["Errors"]>[1][number];

const validators = new Map<ApiName, Validator>();

/**
 * The first thing that is wrong with a request's header, in words, with the path of the field; undefined if it is well formed.
 *
 * Shape: fields that the schema does not know are ignored.
 */
export function checkRequest(api: ApiName, header: unknown): string | undefined {
  let validator = validators.get(api);
  if (validator === undefined) {
    validator = Compile(apis[api].request);
    validators.set(api, validator);
  }
  return validator.Check(header) ? undefined : describe(validator, header);
}

/** The library stops at eight errors, so a header of nothing but mistakes is cheap too. */
function describe(validator: Validator, header: unknown): string {
  const [, errors] = validator.Errors(header);
  const first = errors[0];
  if (first === undefined) return "the request does not fit its schema";
  const alternative = first.schemaPath.indexOf("/anyOf/");
  const problem = alternative < 0 ? first.message : oneOf(validator, first.schemaPath.slice(0, alternative));
  return `${readablePath(first)} ${problem}`;
}

/** What an `anyOf` of literals and plain types asks for: the library complains about each alternative by itself. */
function oneOf(validator: Validator, schemaPath: string): string {
  let schema: unknown = validator.Schema();
  for (const step of schemaPath.split("/").slice(1)) schema = fieldOf(schema, step);
  const alternatives = fieldOf(schema, "anyOf");
  if (!Array.isArray(alternatives)) return "does not fit its schema";
  const words = alternatives.map((one) => {
    const literal = fieldOf(one, "const");
    return literal === undefined ? `of type ${String(fieldOf(one, "type"))}` : JSON.stringify(literal);
  });
  return `must be ${words.join(" or ")}`;
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** `/partitions/0/offset` as `partitions[0].offset`. */
function readablePath(error: SchemaError): string {
  if (error.instancePath === "") return "the request";
  return error.instancePath
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join("");
}
