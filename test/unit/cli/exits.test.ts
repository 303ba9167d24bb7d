// Which error ends the command with which code (DESIGN.md section 6).

import { type ErrorCode, errorRow } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { CommandError, describeError, exitCodeOf, exitCodes, UsageError } from "../../../cli/src/exits.ts";
import { ClosedError, ConfigError, fromWire, TimeoutError } from "../../../client-sdk/src/errors.ts";

/** What the SDK throws when the broker answers `code`. */
function answered(code: ErrorCode): Error {
  const { retriable, definite } = errorRow(code);
  return fromWire({ code, message: "as the broker says", retriable, definite });
}

const withCode = (code: string) => Object.assign(new Error(code), { code });
const named = (name: string, fields: object = {}) => Object.assign(new Error(name), { name, ...fields });

test.each([
  [new UsageError("no"), 2],
  [new CommandError(exitCodes.conflict, "no"), 5],
  [new ConfigError([{ setting: "a", problem: "b" }]), 2],
  [named("SettingsError"), 2],
  [named("StorageOpenError", { kind: "conflict" }), 5],
  [named("StorageOpenError", { kind: "denied" }), 4],
  [named("StorageOpenError", { kind: "damaged" }), 7],
  [named("StorageOpenError", { kind: "newer" }), 5],
  [named("StorageCorruptionError"), 7],
  [new TimeoutError("late", { code: "TIMEOUT" }), 6],
  [new TimeoutError("late", { code: "TIMEOUT", cause: answered("UNKNOWN_TOPIC_OR_PARTITION") }), 3],
  [new TimeoutError("late", { code: "TIMEOUT", cause: answered("NETWORK_EXCEPTION") }), 6],
  [new ClosedError("closed", { code: "CLOSED" }), 1],
  [withCode("EADDRINUSE"), 5],
  [withCode("EACCES"), 4],
  [answered("UNKNOWN_TOPIC_OR_PARTITION"), 3],
  [answered("GROUP_ID_NOT_FOUND"), 3],
  [answered("TOPIC_ALREADY_EXISTS"), 5],
  [answered("TOPIC_AUTHORIZATION_FAILED"), 4],
  [answered("SASL_AUTHENTICATION_FAILED"), 4],
  [answered("INVALID_TOPIC_EXCEPTION"), 2],
  [answered("NETWORK_EXCEPTION"), 6],
  [answered("BROKER_NOT_AVAILABLE"), 6],
  [answered("CORRUPT_MESSAGE"), 7],
  [answered("UNKNOWN_SERVER_ERROR"), 1],
  [new Error("anything"), 1],
  ["not even an error", 1],
])("%s ends with %i", (error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});

test("an error is described with its hint; where nobody answered, with what to do about that, once", () => {
  const unreachable = new TimeoutError("nobody there", { code: "TIMEOUT" });
  expect(describeError(unreachable)).toMatch(/^nobody there\n {2}Is a broker running there\?/);
  const wrapped = new CommandError(exitCodeOf(unreachable), `line 3: ${describeError(unreachable)}`);
  expect(describeError(wrapped).match(/running there/g)).toHaveLength(1);
  expect(describeError(Object.assign(new Error("what"), { hint: "do this" }))).toBe("what\n  do this");
  expect(describeError("text")).toBe("text");
  const unknown = { code: "UNKNOWN_TOPIC_OR_PARTITION", hint: "allow.auto.create.topics" };
  expect(describeError(Object.assign(new Error("no topic"), unknown))).toBe(
    "no topic\n  `brooklet topics list` shows what there is.",
  );
});
