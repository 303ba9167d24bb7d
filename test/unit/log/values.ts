// What was fetched, as text.

import { decodeBatch } from "@brooklet/protocol";
import type { FetchResults } from "../../../server/src/log/log.ts";
import { textOf } from "./log-under-test.ts";

/** The values of one result's records, whole batches as they came. */
export function valuesOf(results: FetchResults, index = 0): string[] {
  return (results[index]?.batches ?? []).flatMap((batch) => decodeBatch(batch).map(({ value }) => textOf(value)));
}
