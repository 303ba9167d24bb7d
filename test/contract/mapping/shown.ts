// What a row of the mapping tables points at: a test by its file and title; and how to see that the test is there and runs.

import { existsSync, readFileSync } from "node:fs";

/** A test that shows what its row promises. */
export interface Shown {
  /** Below test/, such as `unit/log/fetch.test.ts`. */
  readonly file: string;
  /** As it stands in the source, placeholders of `test.each` included. */
  readonly title: string;
}

/** The tests of one file, by their titles. */
export function at(file: string): (title: string) => Shown {
  return (title) => ({ file, title });
}

const TESTS = new URL("../../", import.meta.url);
const texts = new Map<string, string | undefined>();

function textOf(file: string): string | undefined {
  if (!texts.has(file)) {
    const url = new URL(file, TESTS);
    texts.set(file, existsSync(url) ? readFileSync(url, "utf8") : undefined);
  }
  return texts.get(file);
}

/** Why the row shows nothing, or undefined: the file is gone, no test has that title, or the test may be skipped. */
export function shownProblem({ file, title }: Shown, text = textOf(file)): string | undefined {
  if (text === undefined) return `there is no test/${file}`;
  const at = ['"', "`", "'"].map((quote) => text.indexOf(`(${quote}${title}${quote}`)).find((index) => index >= 0);
  // The formatter breaks long calls: the title then stands on a line of its own.
  const broken = ['"', "`", "'"]
    .map((quote) => text.indexOf(`  ${quote}${title}${quote},\n`))
    .find((index) => index >= 0);
  const index = at ?? broken;
  if (index === undefined) return `test/${file} has no test ${JSON.stringify(title)}`;
  const call = [...text.slice(0, index + 1).matchAll(/^\s*(test|it)\b((?:\.\w+)*)/gm)].at(-1);
  if (call === undefined) return `${JSON.stringify(title)} in test/${file} is the title of no test`;
  const modifier = call[2]?.split(".").find((name) => ["skip", "skipIf", "runIf", "todo", "fails"].includes(name));
  return modifier === undefined ? undefined : `${JSON.stringify(title)} in test/${file} may be skipped (${modifier})`;
}
