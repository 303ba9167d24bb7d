// The broker's own account of itself, over HTTP: needs no SDK, so that `brooklet` starts without loading it. Not by fetch(),
// which refuses to speak to some ports although a broker may well listen there.

import { request } from "node:http";
import type { ApiName, ApiResponse } from "@brooklet/protocol";
import { CommandError, exitCodes, UNREACHABLE_ADVICE } from "../../exits.ts";

/** What answers with more than this is no broker. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Asks the broker at `url` (`http://host:port`) what it is; `token` if it wants one. */
export async function fetchStatus(url: string, signal: AbortSignal, token?: string): Promise<ApiResponse<"status">> {
  const answer = await askApi(url, "status", signal, token).catch((error: unknown) => {
    signal.throwIfAborted();
    const what = `no broker answers at ${url}: ${reasonOf(error, url)}`;
    throw new CommandError(exitCodes.unreachable, `${what}\n  ${UNREACHABLE_ADVICE}`);
  });
  const body = parse(answer.body);
  if (answer.status === 401)
    throw new CommandError(
      exitCodes.denied,
      `the broker at ${url} ${token === undefined ? "wants a token" : "does not take this token"}: give a file that holds a good one with --token-file`,
    );
  if (answer.status !== 200 || typeof body !== "object" || body === null || !("clusterId" in body))
    throw new CommandError(exitCodes.error, `${url} answers ${answer.status}, and not as a brooklet broker does`);
  return body as ApiResponse<"status">;
}

/** Asks an API that needs no fields; rejects when nobody answers. */
export function askApi(
  url: string,
  api: ApiName,
  signal: AbortSignal,
  token?: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const address = new URL(`/v1/${api}`, url);
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    // No agent: a connection that is kept would hold up the broker's end.
    const asked = request(address, { method: "POST", headers, signal, agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text: string) => {
        body += text;
        if (body.length > MAX_ANSWER_BYTES) asked.destroy(new Error("its answer does not end"));
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end("{}");
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Node's words, without the address that has just been named; those of several attempts stand in the code only. */
function reasonOf(error: unknown, url: string): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message === "" && "code" in error ? String(error.code) : error.message;
  return text.replace(` ${new URL(url).host}`, "");
}
