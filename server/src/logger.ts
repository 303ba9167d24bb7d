// The broker's log as JSON lines, for those who run it as a service. Pino is loaded only when somebody wants it.

import type { Logger } from "./world.ts";

/** Fields that may hold secrets, wherever they stand. */
const SECRET_FIELDS = ["token", "*.token", "headers.authorization", "*.headers.authorization", "authorization"];

/** A pino logger on standard error from `level` on, secrets left out. */
export async function createLogger(level: "debug" | "info" | "warn" | "error" | "silent"): Promise<Logger> {
  const { pino } = await import("pino");
  const destination = pino.destination({ dest: 2, sync: true });
  // A log on a full disk: without a listener the line that says so would throw at whoever wrote it.
  destination.on("error", () => {});
  const logger: Logger = pino(
    { level, base: null, redact: { paths: SECRET_FIELDS, censor: "[redacted]" } },
    destination,
  );
  return logger;
}
