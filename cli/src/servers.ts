// Which broker a command speaks to. A file of its own, because completion needs it without loading the SDK.

import { DEFAULT_PORT } from "@brooklet/protocol";
import type { Call } from "./call.ts";

/** `host:port`, comma separated: the option, or the environment, or this machine. A URL's scheme is dropped. */
export function bootstrapServers({ options, env }: Pick<Call, "options" | "env">): string {
  const given =
    options.text("bootstrapServers") ??
    env.BROOKLET_BOOTSTRAP_SERVERS ??
    `127.0.0.1:${env.BROOKLET_PORT || DEFAULT_PORT}`;
  return given
    .split(",")
    .map((server) =>
      server
        .trim()
        .replace(/^(https?|wss?):\/\//, "")
        .replace(/\/+$/, ""),
    )
    .filter((server) => server !== "")
    .join(",");
}
