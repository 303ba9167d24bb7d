// docs/reference/limits.md: every limit a peer can run into, with its value and what happens above it.

import { errorTable, isErrorCode } from "@brooklet/protocol";
import { settingDefinitions } from "@brooklet/server";
import { type Limit, type LimitAnswer, limits } from "../../server/src/limits.ts";
import { code, number, page, table } from "./markdown.ts";

const intro = `Above a limit the peer hears why where it can hear anything; other clients are not harmed. **Error**: the request is answered with
it, at every door, and the connection goes on. **Close**: the WebSocket is closed with this code and a reason in words. **HTTP**: this status,
then the connection ends. **Dropped**: nothing can be said yet. Errors are on [their page](errors.md); a limit that is a setting can be
changed: [configuration](configuration.md#broker-settings).`;

/** The page. */
export function limitsPage(): string {
  const rows = limits.map((limit) => [limit.name, shownValue(limit), limit.text, limit.above.map(answer).join("; ")]);
  return page("Limits", "server/src/limits.ts", intro, table(["limit", "value", "of what", "above it"], rows));
}

function shownValue(limit: Limit): string {
  if ("setting" in limit) {
    const byDefault = settingDefinitions[limit.setting].default;
    return `${measured(Number(byDefault), limit.unit)}, setting ${code(limit.setting)}`;
  }
  return measured(limit.value, limit.unit);
}

/** 8 MiB, 30 s, 1,000. */
function measured(value: number, unit: Limit["unit"]): string {
  if (unit === "ms") return value % 1000 === 0 ? `${number(value / 1000)} s` : `${number(value)} ms`;
  if (unit !== "bytes") return unit === "count" ? number(value) : `${number(value)} ${unit}`;
  if (value % (1024 * 1024) === 0) return `${number(value / 1024 / 1024)} MiB`;
  return value % 1024 === 0 ? `${number(value / 1024)} KiB` : `${number(value)} bytes`;
}

function answer(above: LimitAnswer): string {
  if ("error" in above) {
    const status = isErrorCode(above.error) ? `, HTTP ${errorTable[above.error].httpStatus}` : "";
    return `error [${above.error}](errors.md#${above.error.toLowerCase()})${status}`;
  }
  if ("close" in above) return `close ${above.close}`;
  if ("status" in above) return `HTTP ${above.status}`;
  return "drop" in above ? "dropped" : above.holds;
}
