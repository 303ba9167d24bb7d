// The SDK's error classes: `is` knows an error of another copy of the package, which `instanceof` cannot.

import { expect, test, vi } from "vitest";
import { BrookletError, CommitFailedError, RetriableError, TimeoutError } from "../../../client-sdk/src/errors.ts";

test("is() knows a class and those above it, also across copies of the package, and nothing that is no error of ours", async () => {
  vi.resetModules();
  const copy = await import("../../../client-sdk/src/errors.ts");
  const theirs = new copy.TimeoutError("late", { code: "TIMEOUT" });
  expect(theirs).not.toBeInstanceOf(BrookletError);
  expect([BrookletError, RetriableError, TimeoutError].map((type) => type.is(theirs))).toEqual([true, true, true]);
  expect(CommitFailedError.is(theirs)).toBe(false);
  expect(TimeoutError.is(new copy.RetriableError("again", { code: "X" }))).toBe(false);
  for (const value of [new Error("late"), { name: "TimeoutError", code: "TIMEOUT" }, null, undefined, "TimeoutError"])
    expect(BrookletError.is(value)).toBe(false);
});
