// Two connections of one client object: which one may act (DESIGN.md section 4, hard place 5, the broker's half).

import { expect, test } from "vitest";
import { Instances } from "../../../server/src/listeners/instances.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

function connection(description: string) {
  const superseded: string[] = [];
  return { description, superseded, supersede: (by: string) => void superseded.push(by) };
}

test("a newer connection ends the older one before claim returns", () => {
  const instances = new Instances(new SimulatedClock());
  const [first, second] = [connection("first"), connection("second")];
  instances.claim("instance", 1, first);
  instances.claim("instance", 2, second);
  expect(first.superseded).toEqual(["second"]);
  expect(second.superseded).toEqual([]);
});

test.each([1, 2])("connection %i after connection 2 is refused for good, and harms nobody", (connectionSeq) => {
  const instances = new Instances(new SimulatedClock());
  const live = connection("live");
  instances.claim("instance", 2, live);
  expect(() => instances.claim("instance", connectionSeq, connection("late"))).toThrow(
    expect.objectContaining({ code: "STALE_CONNECTION", context: { highestConnectionSeq: 2 } }),
  );
  expect(live.superseded).toEqual([]);
});

test("an instance is remembered for five minutes after its last connection, and while one lives", () => {
  const clock = new SimulatedClock();
  const instances = new Instances(clock);
  const live = connection("live");
  instances.claim("instance", 5, live);
  clock.skip(60 * 60_000);
  expect(() => instances.claim("instance", 5, connection("late"))).toThrow(/comes after its connection 5/);
  instances.release("instance", live);
  clock.skip(4.9 * 60_000);
  expect(() => instances.claim("instance", 5, connection("late"))).toThrow(/comes after its connection 5/);
  clock.skip(0.2 * 60_000);
  instances.claim("instance", 1, connection("anew"));
});

test("the end of a superseded connection forgets nothing of its successor", () => {
  const instances = new Instances(new SimulatedClock());
  const [first, second] = [connection("first"), connection("second")];
  instances.claim("instance", 1, first);
  instances.claim("instance", 2, second);
  instances.release("instance", first);
  expect(() => instances.claim("instance", 2, connection("late"))).toThrow(/which is open \(second\)/);
});

test("what is remembered is bounded; the oldest are forgotten first", () => {
  const instances = new Instances(new SimulatedClock());
  for (let index = 0; index < 100_010; index++) {
    const gone = connection("gone");
    instances.claim(`instance-${index}`, 1, gone);
    instances.release(`instance-${index}`, gone);
  }
  expect(instances.goneCount).toBe(100_000);
  instances.claim("instance-0", 1, connection("forgotten"));
  expect(() => instances.claim("instance-100009", 1, connection("late"))).toThrow(/STALE|comes after/);
});

test("names of Object's own properties are instances like any other", () => {
  const instances = new Instances(new SimulatedClock());
  for (const name of ["__proto__", "constructor", "hasOwnProperty"]) instances.claim(name, 1, connection(name));
  expect(() => instances.claim("__proto__", 1, connection("late"))).toThrow(/comes after/);
});
