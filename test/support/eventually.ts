// Waiting for what other processes do: as `until`, with the patience that starting a process on a busy machine needs.

import { until } from "./raw-client.ts";

/** Below the time that a test has (vitest.config.ts), so that the error says what did not happen. */
const PATIENCE_MS = 25_000;

/** Resolves when the condition holds; fails with what did not hold. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await until(condition, what, PATIENCE_MS);
}
