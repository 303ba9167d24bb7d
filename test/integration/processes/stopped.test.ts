// Processes that are stopped (SIGSTOP) and go on, or are killed and come again: a consumer beyond its session, a member whose
// connection is gone, a static member that a supervisor starts again. A stopped broker: test/torture/stopped-broker.torture.ts.

import { expect, test } from "vitest";
import { consumerPair, groupId, PARTITIONS, SESSION, topic } from "../../support/children/consumer-pair.ts";
import { eventually } from "../../support/eventually.ts";

test("a consumer that is stopped beyond its session is removed once; when it goes on, it joins again and nothing is lost", async () => {
  await using stack = new AsyncDisposableStack();
  const { one, other, isShared, evicted, everythingProcessed, admin } = await consumerPair(stack, {}, [SESSION, {}]);
  const [held = -1] = one.partitions;
  one.child.kill("SIGSTOP");
  await eventually(() => other.partitions.length === PARTITIONS, "the other has both partitions");
  const taken = () => other.deliveries.filter(({ partition }) => partition === held);
  await eventually(() => taken().length > 20, "the other reads what the stopped one had");
  const [before] = (await admin.listGroupOffsets(groupId, [{ topic, partition: held }])) ?? [];
  one.child.kill("SIGCONT");
  await eventually(isShared, "each has one partition again");

  expect(await evicted()).toMatchObject([
    { member: one.memberId, reason: expect.stringMatching(/^no heartbeat for \d+\.\d s$/) },
  ]);
  expect(one.of("lost")).toEqual([{ kind: "lost", partitions: [held] }]);
  // What it had in hand when it was stopped it could not commit over the other's work.
  for (const { error } of one.of("commitFailed")) {
    expect(error).toMatchObject({ name: "CommitFailedError", definite: true });
    expect(error.message).toMatch(/was removed|no longer/);
  }
  const [after] = (await admin.listGroupOffsets(groupId, [{ topic, partition: held }])) ?? [];
  expect(after?.offset).toBeGreaterThanOrEqual(before?.offset ?? 0);
  await everythingProcessed(one, other);
});

test("with group.disconnect.grace.ms a killed consumer's partitions move at once, not after its session", async () => {
  await using stack = new AsyncDisposableStack();
  // Sessions of 45 s, longer than the test may take.
  const { one, other, evicted, everythingProcessed } = await consumerPair(stack, { "group.disconnect.grace.ms": 200 }, [
    {},
    {},
  ]);
  const [held] = one.partitions;
  one.child.kill("SIGKILL");
  await one.child.exited;
  await eventually(() => other.partitions.length === PARTITIONS, "the other has both partitions");
  expect(await evicted()).toMatchObject([
    {
      member: one.memberId,
      reason: expect.stringContaining("did not come back within 200 ms (group.disconnect.grace.ms)"),
      partitions: [{ topic, partition: held }],
    },
  ]);
  await everythingProcessed(one, other);
});

test("a static consumer that is killed and started again gets its place back, and the other notices nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const still = { ...SESSION, "session.timeout.ms": 6_000, "group.instance.id": "till-1" };
  const { consumer, one, other, describe, everythingProcessed } = await consumerPair(stack, {}, [still, {}]);
  const [held] = one.partitions;
  const { epoch } = await describe();
  const told = () => [other.of("assigned"), other.of("revoked"), other.of("lost")].map(({ length }) => length);
  const before = told();
  one.child.kill("SIGKILL");
  await one.child.exited;
  const heir = consumer(still);
  await eventually(() => heir.partitions.length === 1, "the new process has the place");
  expect(heir.partitions).toEqual([held]);
  expect((await describe()).epoch).toBe(epoch);
  expect(told()).toEqual(before);
  // It goes on behind what the killed one had committed: nothing of that comes again.
  await eventually(() => heir.deliveries.length > 0, "it reads");
  const committed =
    one
      .of("committed")
      .at(-1)
      ?.offsets.find(({ partition }) => partition === held)?.offset ?? 0;
  expect(heir.deliveries[0]?.offset).toBeGreaterThanOrEqual(committed);
  await everythingProcessed(one, other, heir);
});
