// Headers on a command line: `-H name=value`, as kcat takes them.

import type { Header } from "@brooklet/client";
import { UsageError } from "../../exits.ts";

/** In order; `name` alone is a header without a value (null), `name=` one with an empty value. Errors: UsageError. */
export function parseHeaders(texts: readonly string[]): Header[] {
  return texts.map((text) => {
    const at = text.indexOf("=");
    const key = at < 0 ? text : text.slice(0, at);
    if (key === "") throw new UsageError(`a header is name=value, or a name alone; this is ${JSON.stringify(text)}`);
    return { key, value: at < 0 ? null : Buffer.from(text.slice(at + 1)) };
  });
}
