// The mapping tables have teeth: a row whose test is missing, renamed or skipped fails.

import { expect, test } from "vitest";
import { shownProblem } from "./shown.ts";

const source = `
test("plain", () => {});
test.each(rows)("%s: of a table", () => {});
test(
  "a long title on a line of its own",
  () => {},
);
test.skip("left out", () => {});
test.skipIf(!hasTool)("needs a tool", () => {});
const other = call("no test's title");
`;

test.each(["plain", "%s: of a table", "a long title on a line of its own"])("%s is shown", (title) => {
  expect(shownProblem({ file: "x.test.ts", title }, source)).toBeUndefined();
});

test.each([
  ["renamed", /has no test/],
  ["left out", /may be skipped \(skip\)/],
  ["needs a tool", /may be skipped \(skipIf\)/],
])("%s is not", (title, problem) => {
  expect(shownProblem({ file: "x.test.ts", title }, source)).toMatch(problem);
});

test("neither is what has no file", () => {
  expect(shownProblem({ file: "gone.test.ts", title: "plain" })).toBe("there is no test/gone.test.ts");
});
