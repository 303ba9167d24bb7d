// How commands reach a broker: which address, how long they wait, and that they say so while they wait.

import { Admin, type AdminConfig } from "@brooklet/client";
import type { Call } from "./call.ts";
import { bootstrapServers } from "./servers.ts";
import { tokenOf } from "./token.ts";

export { bootstrapServers } from "./servers.ts";

const DEFAULT_TIMEOUT_MS = 10_000;
const SILENCE_MS = 1_000;

/** What every client of a command is made with: where the broker is, and the token to show. */
export function clientOptions(call: Call): { "bootstrap.servers": string; token?: string } {
  const token = tokenOf(call);
  return { "bootstrap.servers": bootstrapServers(call), ...(token === undefined ? {} : { token }) };
}

export function timeoutMs(call: Call): number {
  return call.options.integer("timeoutMs") ?? DEFAULT_TIMEOUT_MS;
}

/** The result of `work`; rejects when the command is interrupted. Says what it waits for when that takes a while. */
export async function waitFor<T>(
  call: Call,
  what: string,
  work: Promise<T>,
  say: (text: string) => void = (text) => call.output.note(`brooklet: ${text}`),
): Promise<T> {
  const timers = call.clock.timers();
  timers.schedule("silence", SILENCE_MS, () =>
    say(`waiting for ${what} (up to ${timeoutMs(call) / 1000} s; Ctrl-C ends it) …`),
  );
  const stopped = AbortSignal.any([call.interrupted, call.output.broken]);
  let onStop: (() => void) | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        onStop = () => reject(stopped.reason);
        if (stopped.aborted) onStop();
        stopped.addEventListener("abort", onStop, { once: true });
      }),
    ]);
  } finally {
    if (onStop !== undefined) stopped.removeEventListener("abort", onStop);
    timers.close();
  }
}

/** An Admin of this call; whoever opens it closes it. */
export function openAdmin(call: Call, config: Partial<AdminConfig> = {}): Admin {
  const limitMs = timeoutMs(call);
  return new Admin({
    ...clientOptions(call),
    "client.id": "brooklet-command",
    "default.api.timeout.ms": limitMs,
    "request.timeout.ms": limitMs,
    ...config,
  });
}

/** Runs `use` with an Admin that is closed afterwards, whatever happened. */
export async function withAdmin<T>(
  call: Call,
  use: (admin: Admin) => Promise<T>,
  config: Partial<AdminConfig> = {},
): Promise<T> {
  const servers = bootstrapServers(call);
  const admin = openAdmin(call, config);
  const work = use(admin);
  try {
    return await waitFor(call, `the broker at ${servers}`, work);
  } finally {
    // When interrupted, the call under way is rejected by the close; nobody else listens to it.
    work.catch(() => undefined);
    await admin.close();
  }
}
