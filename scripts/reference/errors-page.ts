// docs/reference/errors.md: every error with its cause and cure, and which APIs answer with it.

import { type ApiDefinition, apis, commonErrors } from "@brooklet/protocol/apis";
import { type ErrorRow, errorTable } from "../../protocol/src/error-table.ts";
import { code, page, table } from "./markdown.ts";

const intro = `Names and numbers are Kafka's (${code("org.apache.kafka.common.protocol.Errors")}); brooklet's own count from 1001. An error is the same
object at every door and in every result: ${code('{ "code", "message", "retriable", "definite", "hint"?, "context"? }')}.

**retriable**: the same request may succeed later. **definite**: it certainly did not happen; where this says no, it may or may not
have. **fatal**: the client object that met it cannot go on. **What the SDK does**: ${code("retry")} sends it again after
${code("retry.backoff.ms")}, ${code("refreshMetadata")} asks for metadata first, ${code("rejoin")} joins its group again, ${code("resetOffset")} applies
${code("auto.offset.reset")}, ${code("bumpEpoch")} takes a new producer epoch, ${code("raise")} tells the caller.`;

/** The page. */
export function errorsPage(): string {
  const rows: [string, ErrorRow][] = Object.entries(errorTable);
  const yes = (is: boolean) => (is ? "yes" : "no");
  const overview = table(
    ["error", "number", "HTTP", "retriable", "definite", "fatal", "what the SDK does"],
    rows.map(([name, row]) => [
      `[${name}](#${name.toLowerCase()})`,
      String(row.code),
      String(row.httpStatus),
      yes(row.retriable),
      yes(row.definite),
      yes(row.fatal),
      row.recovery,
    ]),
  );
  return page("Errors", "protocol/src/error-table.ts", intro, overview, ...rows.map(section));
}

function section([name, row]: [string, ErrorRow]): string {
  const definitions: ApiDefinition[] = Object.values(apis);
  const answering = definitions
    .filter((api) => (api.errors as readonly string[]).includes(name))
    .map(({ name }) => code(name));
  const where = (commonErrors as readonly string[]).includes(name)
    ? "any request"
    : answering.length === 0
      ? "no API of this version; the SDK raises it itself or knows it for later"
      : answering.join(", ");
  return `## ${name}\n\nCause: ${row.text}\n\nCure: ${row.hint}\n\nAnswers: ${where}.`;
}
