// What a connection insists on.

import { expect, test } from "vitest";
import { checkVersion, expectPragma } from "../../../server/src/storage/sqlite/connection.ts";
import { testDatabase } from "../../support/storage-on-file.ts";

test.each(["3.51.3", "3.51.10", "3.52.0", "3.100.0", "4.0.0"])("SQLite %s is new enough", (version) => {
  expect(() => checkVersion(version)).not.toThrow();
});

test.each(["3.51.2", "3.50.9", "3.9.99", "2.99.99"])("SQLite %s is refused", (version) => {
  expect(() => checkVersion(version)).toThrow(expect.objectContaining({ kind: "unsupported" }));
});

test("a pragma that SQLite does not take as it was given is an error, not a surprise later", () => {
  expect(() => expectPragma(testDatabase(), "page_size", 12_345)).toThrow(
    expect.objectContaining({ kind: "unsupported", message: expect.stringContaining("page_size") }),
  );
});
