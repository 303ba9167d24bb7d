// A broker process that is stopped (a laptop's lid, a debugger, a frozen machine) and goes on: the gap is its own, and no member pays.

import { sleep, systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { consumerPair, SESSION } from "../support/children/consumer-pair.ts";
import { eventually } from "../support/eventually.ts";
import { times } from "./share.ts";

const STOPPED_MS = times({ full: 60_000, ci: 10_000 });

test("a broker that is stopped longer than every session, and goes on, removes nobody", async () => {
  await using stack = new AsyncDisposableStack();
  const { broker, one, other, describe, evicted, everythingProcessed } = await consumerPair(stack, {}, [
    SESSION,
    SESSION,
  ]);
  const { epoch, members } = await describe();
  const told = () => [one, other].map((each) => [each.of("assigned").length, each.of("revoked"), each.of("lost")]);
  const before = told();
  broker.child.kill("SIGSTOP");
  await sleep(systemClock, STOPPED_MS);
  broker.child.kill("SIGCONT");
  const read = [one, other].map(({ deliveries }) => deliveries.length);
  await eventually(
    () => [one, other].every(({ deliveries }, index) => deliveries.length > (read[index] ?? 0) + 50),
    "both read on",
  );
  // Beyond the time that a deadline which was found too late is granted anew.
  await sleep(systemClock, SESSION["session.timeout.ms"]);
  expect(await evicted()).toEqual([]);
  const now = await describe();
  expect(now.epoch).toBe(epoch);
  expect(now.members.map(({ memberId }) => memberId)).toEqual(members.map(({ memberId }) => memberId));
  expect(told()).toEqual(before);
  await everythingProcessed(one, other);
});
