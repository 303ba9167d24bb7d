// Each error of the table is provoked by a test that is there and runs (errors.ts), and that names it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../house/source-files.ts";
import { type ShownError, shownErrors } from "./errors.ts";
import { shownProblem } from "./shown.ts";

const rows: [string, ShownError][] = Object.entries(shownErrors);

test.each(rows)("%s is provoked by a test", (code, shown) => {
  expect(shownProblem(shown)).toBeUndefined();
  expect(readFileSync(join(repositoryRoot, "test", shown.file), "utf8")).toContain(code);
});

test("what no broker of this version says is what other brokers and later versions say, and no more", () => {
  const noted = rows.flatMap(([code, { note }]) => (note === undefined ? [] : [code]));
  expect(noted.sort()).toEqual([
    "DUPLICATE_SEQUENCE_NUMBER",
    "GROUP_AUTHORIZATION_FAILED",
    "INVALID_COMMIT_OFFSET_SIZE",
    "PRODUCER_FENCED",
    "TOPIC_AUTHORIZATION_FAILED",
    "UNKNOWN_PRODUCER_ID",
    "UNSTABLE_OFFSET_COMMIT",
  ]);
});
