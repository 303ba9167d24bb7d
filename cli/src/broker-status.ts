// The broker's own account of itself, over HTTP: needs no SDK, so that `brooklet` starts without loading it.

import type { ApiResponse } from "@brooklet/protocol";
import { CommandError, exitCodes } from "./exits.ts";

/** Asks the broker at `url` (`http://host:port`) what it is. */
export async function fetchStatus(url: string, signal: AbortSignal): Promise<ApiResponse<"status">> {
  let answer: Response;
  try {
    answer = await fetch(`${url}/v1/status`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new CommandError(exitCodes.unreachable, `no broker answers at ${url}: ${cause}`);
  }
  const body: unknown = await answer.json();
  if (!answer.ok || typeof body !== "object" || body === null || !("clusterId" in body))
    throw new CommandError(exitCodes.error, `${url} answers ${answer.status}, and not as a brooklet broker does`);
  return body as ApiResponse<"status">;
}
