// The reference pages say what the program does, because they are rendered from its tables; here they are held equal.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ApiDefinition, apis } from "../../../protocol/src/apis/index.ts";
import { referencePages } from "../../../scripts/reference/pages.ts";
import { fieldRows } from "../../../scripts/reference/schema.ts";

const folder = new URL("../../../docs/reference/", import.meta.url);

test.each([...referencePages()])("%s is what `npm run reference` writes", (name, text) => {
  expect(readFileSync(new URL(name, folder), "utf8")).toBe(text);
});

test("there is no other page that nobody renders", () => {
  expect(readdirSync(folder).sort()).toEqual([...referencePages().keys()].sort());
});

test.each(Object.values(apis) as ApiDefinition[])("$name: every field says what it means", (api) => {
  const silent = [...fieldRows(api.request), ...fieldRows(api.response)].filter(([, , meaning]) => meaning === "");
  expect(silent.map(([field]) => field)).toEqual([]);
  expect(api.text).toMatch(/\.$/);
});
