// The table of limits against the code and against the tests that cross them (mapping/limits.ts): a test that is gone, a value
// that drifted and a setting that nobody declares fail here by name.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrorCode } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { type LimitAnswer, limits } from "../../../server/src/limits.ts";
import { settingDefinitions } from "../../../server/src/settings.ts";
import { repositoryRoot } from "../house/source-files.ts";
import { shownLimits } from "../mapping/limits.ts";
import { shownProblem } from "../mapping/shown.ts";

/** What a test that crosses the limit must name: one of the row's answers; what is dropped or only held names nothing. */
function answerIn(text: string, above: readonly LimitAnswer[]): boolean {
  return above.some((answer) => {
    if ("error" in answer) return text.includes(answer.error);
    if ("close" in answer) return text.includes(`${answer.close}`);
    return "status" in answer ? text.includes(`${answer.status}`) : true;
  });
}

test.each(limits.map((limit) => [limit.name, limit] as const))("%s is crossed by a test", (name, { above }) => {
  const shown = shownLimits[name];
  expect(shownProblem(shown)).toBeUndefined();
  const text = readFileSync(join(repositoryRoot, "test", shown.file), "utf8");
  expect(answerIn(text, above), `${shown.file} names nothing of what the table says happens`).toBe(true);
});

test("every name is one limit's", () => {
  const names: string[] = limits.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each(limits.map((limit) => [limit.name, limit] as const))("%s has the value that the code has", (_name, limit) => {
  if ("setting" in limit) {
    expect(settingDefinitions[limit.setting].type).toBe("integer");
    return;
  }
  const [file, constant] = limit.constant;
  const text = readFileSync(join(repositoryRoot, file), "utf8");
  const declared = new RegExp(`const ${constant} = ([0-9_* ]+);`).exec(text)?.[1];
  expect(declared, `${file} declares no ${constant}`).toBeDefined();
  const value = declared?.split("*").reduce((product, factor) => product * Number(factor.replaceAll("_", "")), 1);
  expect(value).toBe(limit.value);
});

test.each(limits.map((limit) => [limit.name, limit] as const))(
  "%s says what happens above it",
  (_name, { above, text }) => {
    expect(above.length).toBeGreaterThan(0);
    expect(text).toMatch(/^[A-Z].*\.$/);
    for (const answer of above) if ("error" in answer) expect(isErrorCode(answer.error)).toBe(true);
  },
);

/** Settings with a bound that no peer runs into, or that bound time and not room. */
const noLimits =
  /^(log\.|offsets\.|group\.(min|max\.session|consumer|disconnect)|num\.partitions|auto\.|producer\.id|max\.metric\.groups|network\.file)/;

test("every setting that bounds something stands in the table", () => {
  const named = new Set(limits.flatMap((limit) => ("setting" in limit ? [limit.setting as string] : [])));
  const missing = Object.keys(settingDefinitions).filter((name) => !named.has(name) && !noLimits.test(name));
  expect(missing).toEqual([]);
});
