// The error table's own rules. That its numbers are Kafka's is in test/contract/protocol/kafka-values.test.ts.

import { expect, test } from "vitest";
import {
  type ErrorRow,
  errorRow,
  errorTable,
  invariant,
  isErrorCode,
  ProtocolError,
} from "../../../protocol/src/errors.ts";

const rows: [string, ErrorRow][] = Object.entries(errorTable);

test("every error has a number of its own", () => {
  const codes = rows.map(([, { code }]) => code);
  expect(new Set(codes).size).toBe(codes.length);
});

test.each(rows)("%s: its columns do not contradict each other", (_, row) => {
  // Who is to retry must be told how, and nobody retries what ends the client.
  if (row.retriable) expect(["retry", "refreshMetadata"]).toContain(row.recovery);
  else expect(["retry", "refreshMetadata"]).not.toContain(row.recovery);
  if (row.fatal) expect([row.retriable, row.recovery]).toEqual([false, "raise"]);
  expect(row.httpStatus).toBeGreaterThanOrEqual(400);
  expect(row.httpStatus).toBeLessThan(600);
  expect(row.text).toMatch(/^[A-Za-z].*\.$/);
  expect(row.hint).toMatch(/^[A-Z`].*\.$/);
});

test("only these leave open whether it happened", () => {
  const open = rows.filter(([, { definite }]) => !definite).map(([name]) => name);
  expect(open.sort()).toEqual([
    "KAFKA_STORAGE_ERROR",
    "NETWORK_EXCEPTION",
    "REQUEST_TIMED_OUT",
    "UNKNOWN_SERVER_ERROR",
  ]);
});

test("a full disk is definite, and not Kafka's storage error", () => {
  expect(errorRow("STORAGE_FULL")).toMatchObject({ definite: true, retriable: true, httpStatus: 507 });
});

test("names of objects are no error codes", () => {
  expect(isErrorCode("STORAGE_FULL")).toBe(true);
  for (const name of ["__proto__", "constructor", "hasOwnProperty", "toString", ""])
    expect(isErrorCode(name)).toBe(false);
});

test("an error travels with its row's columns, its row's hint unless it has its own, and context only where it has one", () => {
  expect(new ProtocolError("UNKNOWN_MEMBER_ID", "member w2 was removed").toWire()).toEqual({
    code: "UNKNOWN_MEMBER_ID",
    message: "member w2 was removed",
    retriable: false,
    definite: true,
    hint: errorTable.UNKNOWN_MEMBER_ID.hint,
  });
  const cause = new Error("EIO");
  const error = new ProtocolError("KAFKA_STORAGE_ERROR", "the sync failed", {
    hint: "look at the disk",
    context: { turn: 7 },
    cause,
  });
  expect(error.cause).toBe(cause);
  expect(error.toWire()).toEqual({
    code: "KAFKA_STORAGE_ERROR",
    message: "the sync failed",
    retriable: true,
    definite: false,
    hint: "look at the disk",
    context: { turn: 7 },
  });
});

test("a broken invariant is a bug, not a refusal", () => {
  expect(() => invariant(true, "holds")).not.toThrow();
  expect(() => invariant(false, "the end is not before the start")).toThrow(/invariant broken: the end is not/);
  try {
    invariant(false, "x");
  } catch (error) {
    expect(error).not.toBeInstanceOf(ProtocolError);
  }
});
