// `brooklet status`: what the broker is, where its data lies, what it holds.

import { Admin } from "@brooklet/client";
import type { ApiResponse } from "@brooklet/protocol";
import type { Call } from "../../call.ts";
import { bootstrapServers, timeoutMs, waitFor } from "../../connect.ts";
import { CommandError, exitCodes } from "../../exits.ts";
import { byteSize, duration } from "../../format.ts";
import { tokenOf } from "../../token.ts";
import { fetchStatus } from "./broker-status.ts";

/** The first broker of the list that answers; the last one's failure if none does. */
async function firstAnswer(
  servers: readonly string[],
  token: string | undefined,
  signal: AbortSignal,
): Promise<ApiResponse<"status">> {
  let failure: unknown;
  for (const server of servers)
    try {
      return await fetchStatus(`http://${server}`, signal, token);
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
  throw failure;
}

export async function run(call: Call): Promise<undefined> {
  const servers = bootstrapServers(call);
  // What is no address is refused as by the other commands; an Admin that is not used does not connect.
  await new Admin({ "bootstrap.servers": servers }).close();
  const token = tokenOf(call);
  const limitMs = timeoutMs(call);
  const timers = call.clock.timers();
  const late = new AbortController();
  timers.schedule("timeout", limitMs, () =>
    late.abort(new CommandError(exitCodes.unreachable, `${servers} does not answer within ${limitMs / 1000} s`)),
  );
  try {
    const status = await waitFor(call, `the broker at ${servers}`, firstAnswer(servers.split(","), token, late.signal));
    if (call.options.flag("json")) return void (await call.output.json(status));
    const rows: [string, string | number][] = [
      ["url", status.url],
      ["version", `${status.version} (Node ${status.nodeVersion.replace(/^v/, "")})`],
      ["cluster id", status.clusterId],
      ["up", duration(status.uptimeMs)],
      ["durability", status.durability],
      ["data file", status.dataFile ?? "none: ephemeral"],
      ["storage", status.storage],
      ["boot epoch", status.bootEpoch],
      ["topics", `${status.topics} (${status.partitions} partitions)`],
      ["groups", status.groups],
      ["connections", status.connections],
      ["waiting fetches", status.parkedFetches],
      ["tail cache", byteSize(status.tailCacheBytes)],
      ["resident memory", byteSize(status.residentBytes)],
    ];
    await call.output.table(["PROPERTY", "VALUE"], rows);
  } finally {
    timers.close();
    late.abort();
  }
}
