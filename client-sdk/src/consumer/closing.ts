// The end of a consumer, in Kafka's order: commit what is finished, give partitions back, leave, settle commits, stop. Every
// step runs, whatever the others did; what was not finished in time is said in one log line.
//
// Invariant: it ends by its deadline, and no timer or request of this consumer is left.

import { checkCallOptions } from "../call-options.ts";
import { IllegalStateError, TimeoutError } from "../errors.ts";
import type { Call } from "./calls.ts";
import { asBrookletError } from "./member-session.ts";
import type { LeaveMode } from "./membership-states.ts";
import type { GroupParts, Parts } from "./parts.ts";
import type { Poller } from "./poller.ts";

export const DEFAULT_CLOSE_TIMEOUT_MS = 30_000;
const CLOSED_REASON = "the consumer was closed";

export interface CloseOptions {
  timeoutMs?: number;
  /**
   * Whether the group gives the partitions to others at once. `default`: a dynamic member leaves; a static one (group.instance.id)
   * keeps its place until its session ends, or a restart takes it. `leave`: also a static one leaves. `remain`: also a dynamic one
   * keeps its place: it says nothing, and its session ends by itself. Source: KIP-1092.
   */
  membership?: LeaveMode;
}

export function checkCloseOptions(options: CloseOptions): void {
  checkCallOptions("close", options);
  const { membership = "default" } = options;
  if (["default", "leave", "remain"].includes(membership)) return;
  throw new IllegalStateError(`close: membership is default, leave or remain; it is ${String(membership)}`);
}

/** Runs the steps; throws the first error that a callback threw. */
export async function closeConsumer<K, V>(
  parts: Parts<K, V>,
  poller: Poller<K, V>,
  { timeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, membership = "default" }: CloseOptions,
): Promise<void> {
  const { calls, group, logger, client, interceptors } = parts;
  const thrown: unknown[] = [];
  const unfinished: string[] = [];
  // Exempt: a wakeup is for other calls, and must not cut the last commit short.
  const call = calls.begin(timeoutMs, undefined, true);
  calls.end();
  // The running poll ends with ClosedError; only a callback of the application can hold it.
  if (!(await inTime(call, poller.idle))) unfinished.push("a rebalance callback that was running");
  if (group !== undefined) await leaveGroup(parts, group, call, membership, thrown, unfinished);
  stop(parts);
  await client.close().catch((error: unknown) => thrown.push(error));
  calls.close();
  interceptors.close();
  if (unfinished.length > 0) {
    logger.warn(
      { unfinished, timeoutMs },
      `close() left unfinished (within ${timeoutMs} ms): ${unfinished.join(", ")}`,
    );
  }
  for (const error of thrown.slice(1)) logger.error({ error }, "another error while closing");
  if (thrown.length > 0) throw thrown[0];
}

async function leaveGroup<K, V>(
  parts: Parts<K, V>,
  group: GroupParts,
  call: Call,
  membership: LeaveMode,
  thrown: unknown[],
  unfinished: string[],
): Promise<void> {
  const { subscription, calls } = parts;
  const { session, autoCommit, commits, rebalancer } = group;
  const lost = session.gone || session.lossPending;
  const isMember = subscription.mode === "group" && !lost;
  const offsets = autoCommit !== undefined && (isMember || subscription.mode === "manual") ? autoCommit.due() : [];
  if (autoCommit !== undefined && offsets.length > 0) {
    const commit = commits.sync(offsets, { timeoutMs: call.remainingMs, retryStale: true });
    let stored = false;
    const outcome = commit.then(
      () => {
        stored = true;
      },
      (error: unknown) => autoCommit.failed(asBrookletError(error), offsets),
    );
    await inTime(call, outcome);
    if (!stored) unfinished.push("the commit of what was processed");
  }
  if (subscription.mode === "group") {
    session.handle({ type: "prepareLeave" });
    const callbacks =
      lost || session.gone
        ? rebalancer.lose(session.lossReason || "the member has left already", thrown)
        : rebalancer.revokeAll(CLOSED_REASON, thrown);
    if (!(await inTime(call, callbacks))) unfinished.push("the rebalance callback");
    if (membership === "remain" && session.instanceId === undefined) session.handle({ type: "forgetLeave" });
    else if (!(await session.leave(CLOSED_REASON, call, membership)))
      unfinished.push("the answer to leaving the group");
  }
  for (;;) {
    const { version } = calls;
    if (commits.unsettled === 0) break;
    if (call.expired) {
      unfinished.push("asynchronous commits");
      break;
    }
    await call.change(version);
  }
  try {
    commits.runCallbacks();
  } catch (error) {
    thrown.push(error);
  }
}

function stop<K, V>({ fetcher, resolver, topicCreation, topicWatch, group }: Parts<K, V>): void {
  fetcher.close();
  resolver.close();
  topicCreation?.close();
  topicWatch.close();
  group?.session.close();
}

/** Whether it was over in time, however it ended. */
async function inTime(call: Call, promise: Promise<unknown>): Promise<boolean> {
  const late = new TimeoutError("closing takes too long", { code: "TIMEOUT" });
  try {
    await call.until(promise, () => late);
    return true;
  } catch (error) {
    return error !== late;
  }
}
