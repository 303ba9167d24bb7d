// Whether an answer has the shape its API promises: a hostile or broken server must not make the SDK trip over `undefined`.
// The schemas' own validators (typebox) stay with the broker: they cost more to load than the whole SDK.
// Only types are checked; what the values mean is checked where they are used.

import type { ApiName, WireError } from "@brooklet/protocol";
import { answerShapes, type Field, type Shape } from "./answer-shapes.ts";

/** What of a header does not fit the API's answer, or undefined. `payloadBytes` must be what the items announce. */
export function answerProblem(api: ApiName, header: object, payloadBytes: number): string | undefined {
  const problem = shapeProblem(answerShapes[api], header, "");
  if (problem !== undefined) return problem;
  const announced = api === "fetch" ? announcedBytes(Reflect.get(header, "results")) : 0;
  return announced === payloadBytes ? undefined : `it announces ${announced} payload bytes and brings ${payloadBytes}`;
}

function shapeProblem(shape: Shape, value: object, path: string): string | undefined {
  for (const name in shape) {
    const field = shape[name];
    const problem = field === undefined ? undefined : fieldProblem(field, Reflect.get(value, name), `${path}${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function fieldProblem(field: Field, value: unknown, path: string): string | undefined {
  if (typeof field === "object") {
    if (value === undefined && field.mayBeAbsent) return undefined;
    if (!Array.isArray(value)) return `${path} is not a list`;
    for (const element of value as unknown[]) {
      if (!isObject(element)) return `${path} holds something that is no object`;
      const problem = shapeProblem(field.items, element, `${path}[].`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (value === undefined && field.endsWith("?")) return undefined;
  switch (field) {
    case "text":
    case "text?":
      return typeof value === "string" ? undefined : `${path} is not a text`;
    case "number":
    case "number?":
      return Number.isSafeInteger(value) ? undefined : `${path} is not a whole number`;
    case "texts":
      return isTexts(value) ? undefined : `${path} is not a list of texts`;
    case "decimal?":
      return Number.isFinite(value) ? undefined : `${path} is not a number`;
    case "boolean?":
      return typeof value === "boolean" ? undefined : `${path} is not true or false`;
    case "error?":
      return isWireError(value) ? undefined : `${path} is not an error`;
  }
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function announcedBytes(results: unknown): number {
  let sum = 0;
  for (const { bytes } of results as { bytes: number }[]) {
    // A negative one would let another claim bytes that are not there.
    if (bytes < 0) return -1;
    sum += bytes;
  }
  return sum;
}

/** Whether this may be read as an error of the protocol. */
export function isWireError(value: unknown): value is WireError {
  return (
    isObject(value) &&
    typeof Reflect.get(value, "code") === "string" &&
    typeof Reflect.get(value, "message") === "string" &&
    typeof Reflect.get(value, "retriable") === "boolean" &&
    typeof Reflect.get(value, "definite") === "boolean" &&
    ["undefined", "string"].includes(typeof Reflect.get(value, "hint")) &&
    (Reflect.get(value, "context") === undefined || isObject(Reflect.get(value, "context")))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
