// `brooklet groups watch`: lag and rebalances of groups as they happen. On a terminal a screen that is drawn again in place;
// where the cursor cannot move (pipes, TERM=dumb) a line for each change; with `--json` an object for each.
// Runs until it is interrupted. Invariant: one look at the broker at a time, each within the command's timeout.

import type { Admin } from "@brooklet/client";
import { sleep } from "@brooklet/protocol/world";
import type { Call } from "../../call.ts";
import { bootstrapServers, openAdmin, waitFor } from "../../connect.ts";
import { type ExitCode, exitCodes } from "../../exits.ts";
import { timeOfDay } from "../../format.ts";
import { outcomesOf } from "../../outcomes.ts";
import { Screen } from "../../screen.ts";
import { namingOf } from "./timeline.ts";
import { changeLine, changesOf, type Seen, unseen } from "./watch-changes.ts";
import { frameOf } from "./watch-frame.ts";

const DEFAULT_INTERVAL_MS = 1_000;

/** Where looks go. */
interface View {
  show(groups: readonly Seen[]): Promise<void> | void;
  /** The broker does not answer at once; `text` says for how long that is waited for, and how to end it. */
  wait(text: string): void;
  close(): void;
}

export async function run(call: Call): Promise<ExitCode | undefined> {
  const groupIds = [...new Set(call.args)];
  const intervalMs = call.options.integer("intervalMs") ?? DEFAULT_INTERVAL_MS;
  const stopped = AbortSignal.any([call.interrupted, call.output.broken]);
  const admin = openAdmin(call);
  let view: View | undefined;
  try {
    // The first look comes before the screen: who cannot reach the broker reads why in the terminal.
    let groups = await look(call, admin, groupIds);
    view = call.output.stdout.movesCursor && !call.options.flag("json") ? screenView(call, intervalMs) : lineView(call);
    for (;;) {
      await view.show(groups);
      await sleep(call.clock, intervalMs, stopped);
      groups = await look(call, admin, groupIds, (text) => view?.wait(text));
    }
  } catch (error) {
    if (call.interrupted.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    view?.close();
    await admin.close();
  }
}

/** Groups that do not exist are waited for; any other refusal ends the command. */
async function look(
  call: Call,
  admin: Admin,
  groupIds: readonly string[],
  say?: (text: string) => void,
): Promise<Seen[]> {
  const asked = outcomesOf(groupIds, admin.describeGroups([...groupIds]));
  // When interrupted nobody else listens to it.
  asked.catch(() => undefined);
  const outcomes = await waitFor(call, `the broker at ${bootstrapServers(call)}`, asked, say);
  return outcomes.map(({ item, result, error }) => {
    if (error === undefined) return result;
    if ("code" in error && error.code === "GROUP_ID_NOT_FOUND") return unseen(item);
    throw error;
  });
}

function screenView(call: Call, intervalMs: number): View {
  let seen: readonly Seen[] = [];
  let status = "";
  const draw = () => screen.draw(frameOf(seen, status, screen.size));
  const screen = new Screen(call, draw);
  return {
    show(groups) {
      seen = groups;
      status = `${timeOfDay(call.clock.wallMs())}, every ${intervalMs / 1000} s; Ctrl-C ends`;
      draw();
    },
    wait(text) {
      status = `${timeOfDay(call.clock.wallMs())}, ${text}`;
      draw();
    },
    close: () => screen.close(),
  };
}

function lineView(call: Call): View {
  const before = new Map<string, Seen>();
  return {
    async show(groups) {
      const atMs = call.clock.wallMs();
      if (before.size === 0) {
        call.output.note("brooklet: watching for changes; Ctrl-C ends (exit code 130)");
        for (const { groupId, state } of groups)
          if (state === "Dead") call.output.note(`brooklet: there is no group ${groupId} yet; waiting for it`);
      }
      for (const group of groups) {
        const { groupId } = group;
        const naming = namingOf(group);
        for (const change of changesOf(before.get(groupId), group))
          await call.output.line(
            call.options.flag("json")
              ? JSON.stringify({ atMs, groupId, ...change })
              : changeLine(groupId, change, atMs, naming),
          );
        before.set(groupId, group);
      }
    },
    wait: (text) => call.output.note(`brooklet: ${text}`),
    close: () => undefined,
  };
}
