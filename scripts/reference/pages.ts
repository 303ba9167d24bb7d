// All reference pages, by file name.

import { errorsPage } from "./errors-page.ts";
import { protocolPage } from "./protocol-page.ts";

/** What docs/reference/ must hold: file name and text. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["protocol.md", protocolPage()],
    ["errors.md", errorsPage()],
  ]);
}
