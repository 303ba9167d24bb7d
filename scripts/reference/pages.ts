// All reference pages, by file name.

import { commandPage } from "./command-page.ts";
import { configurationPage } from "./configuration-page.ts";
import { errorsPage } from "./errors-page.ts";
import { limitsPage } from "./limits-page.ts";
import { metricsPage } from "./metrics-page.ts";
import { protocolPage } from "./protocol-page.ts";
import { statesPage } from "./states-page.ts";

/** What docs/reference/ must hold: file name and text. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["command.md", commandPage()],
    ["protocol.md", protocolPage()],
    ["errors.md", errorsPage()],
    ["configuration.md", configurationPage()],
    ["limits.md", limitsPage()],
    ["metrics.md", metricsPage()],
    ["states.md", statesPage()],
  ]);
}
