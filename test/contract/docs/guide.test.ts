// What the guide names exists: options with the defaults it says, flags, variables, errors, metrics, calls, links. And every
// symptom at the end of a page is a text that the program really has.

import { existsSync } from "node:fs";
import { join } from "node:path";
import * as client from "@brooklet/client";
import { settingDefinitions } from "@brooklet/server";
import { expect, test } from "vitest";
import { commandTable } from "../../../cli/src/command-table.ts";
import { adminOptions } from "../../../client-sdk/src/config/admin.ts";
import { commonOptions } from "../../../client-sdk/src/config/common.ts";
import { consumerOptions } from "../../../client-sdk/src/config/consumer.ts";
import { producerOptions } from "../../../client-sdk/src/config/producer.ts";
import { errorTable } from "../../../protocol/src/error-table.ts";
import { topicConfigDefinitions } from "../../../server/src/log/topic-configs.ts";
import { metricDefinitions } from "../../../server/src/metrics/metric-table.ts";
import { type Page, pages, prose, repository, symptomPattern, symptomsOf } from "../../integration/guide/pages.ts";
import { sourceFiles } from "../house/source-files.ts";

const guide = pages.filter(({ name }) => name !== "README.md");
/** Names of other clients stand in these pages' tables. */
const ofOurs = pages.filter(({ name }) => !name.startsWith("from-"));
const rows: ReadonlyMap<string, { readonly default?: unknown }> = new Map(
  [commonOptions, consumerOptions, producerOptions, adminOptions, settingDefinitions]
    .flatMap((table) => Object.entries(table))
    .map(([name, row]) => [name, row as { readonly default?: unknown }]),
);

const spansOf = (page: Page) => [...prose(page).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");

/** What the pattern's first group finds in the pages' inline code, each once. */
function named(pattern: RegExp, among = pages, parts = spansOf): string[] {
  const found = among.flatMap((page) => parts(page).flatMap((part) => [...part.matchAll(pattern)]));
  return [...new Set(found.map((match) => match[1] ?? ""))];
}

test("options, settings and topic configurations", () => {
  const files = /\.(ts|js|md|db|json|txt|yaml|properties|reserve|lock)$/;
  const names = named(/^([a-z]+(?:\.[a-z]+)+)(?==|$)/g).filter((name) => !files.test(name));
  const foreign = /^(record|message|error|context|console)\.|^broker\.internal$/;
  expect(names.length).toBeGreaterThan(40);
  const unknown = names.filter((name) => !rows.has(name) && !topicConfigDefinitions.has(name) && !foreign.test(name));
  expect(unknown).toEqual([]);
});

test("defaults", () => {
  const said = pages.flatMap((page) => [
    ...[...prose(page).matchAll(/`([a-z.]+)` \(default: ([\w,]+)/g)].map((match) => [match[1], match[2]] as const),
    ...[...prose(page).matchAll(/^\| `([a-z.]+)` \| ([\d,]+) \|/gm)].map((match) => [match[1], match[2]] as const),
  ]);
  expect(said.length).toBeGreaterThan(10);
  const wrong = said.filter(([name = "", value = ""]) => {
    // A table of what differs has Kafka's default first.
    if (name === "linger.ms" || name === "batch.size") return false;
    return String(rows.get(name)?.default) !== value.replaceAll(",", "");
  });
  expect(wrong).toEqual([]);
});

test("flags and variables of the command", () => {
  const flags = new Set(
    commandTable.flatMap(({ options }) => options.flatMap(({ flags }) => flags.match(/--[a-z-]+/g) ?? [])),
  );
  const shell = (page: Page) =>
    page.blocks.flatMap(({ language, code }) =>
      language === "sh" ? code.split("\n").filter((line) => /^brooklet /.test(line.replace(/^\( /, ""))) : [],
    );
  // What a span begins with: `docker run --user` has another's.
  const used = [...named(/^(?:brooklet (?:\w+ )*)?(--[a-z][a-z-]+)/g), ...named(/(--[a-z][a-z-]+)/g, pages, shell)];
  expect(used.length).toBeGreaterThan(8);
  expect(used.filter((flag) => !flags.has(flag))).toEqual([]);
  const variables = new Set(["BROOKLET_PORT", "BROOKLET_BOOTSTRAP_SERVERS"]);
  for (const name of Object.keys(settingDefinitions))
    variables.add(`BROOKLET_${name.toUpperCase().replaceAll(".", "_")}`);
  expect(named(/\b(BROOKLET_[A-Z_]+)/g).filter((name) => !variables.has(name))).toEqual([]);
  const commands = new Set(commandTable.map(({ name }) => name));
  const called = named(/^brooklet ([a-z]+(?: (?!TOPIC)[a-z]+)?)/g).filter(
    (name) => !commands.has(name) && !commands.has(name.split(" ")[0] ?? ""),
  );
  expect(called).toEqual([]);
});

const sources = sourceFiles()
  .filter(({ path }) => /^(protocol|server|client-sdk|cli)\/src\//.test(path))
  // Comments are not printed; a text over several lines is one.
  .map(({ text }) => text.replace(/^\s*(\/\/|\/?\*).*$/gm, "").replaceAll(/["`] \+\n\s+["`]/g, ""));
const everything = sources.join("\n");

test("codes and classes of errors", () => {
  const codes = named(/\b([A-Z]+(?:_[A-Z]+)+)\b/g).filter((name) => !name.startsWith("BROOKLET_"));
  expect(codes.filter((code) => !(code in errorTable) && !everything.includes(`"${code}"`))).toEqual([]);
  const classes = named(/^(\w+Error)\b/g).filter((name) => name !== "XyzError");
  expect(classes.length).toBeGreaterThan(4);
  expect(classes.filter((name) => !(name in client))).toEqual([]);
});

test("metrics, and the consumer's events", () => {
  const metrics = named(/^(brooklet_[a-z_]+)$/g);
  expect(metrics.length).toBeGreaterThan(4);
  expect(metrics.filter((name) => !(name in metricDefinitions))).toEqual([]);
});

test("calls of the SDK and of the server", () => {
  const ours = [client.Consumer, client.Producer, client.Admin].flatMap(({ prototype }) =>
    Object.getOwnPropertyNames(prototype),
  );
  const known = new Set([...ours, "startBroker", "json", "is", "fetch", "kill", "backup", "randomUUID"]);
  const calls = named(/^(?:\w+\.)?(\w+)\(/g, ofOurs);
  expect(calls.length).toBeGreaterThan(10);
  expect(calls.filter((call) => !known.has(call))).toEqual([]);
  // Right column of the tables for who comes from elsewhere.
  const right = (page: Page) =>
    [...prose(page).matchAll(/^\| [^|]+ \| ([^|]+) \|/gm)].flatMap((match) =>
      [...(match[1] ?? "").matchAll(/`([^`]+)`/g)].map((span) => span[1] ?? ""),
    );
  const elsewhere = named(
    /^(?:\w+\.)?(\w+)\(/g,
    pages.filter(({ name }) => name.startsWith("from-")),
    right,
  );
  expect(elsewhere.length).toBeGreaterThan(15);
  expect(elsewhere.filter((call) => !known.has(call) && call !== "all")).toEqual([]);
});

test("links lead somewhere", () => {
  const broken = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\]\(([^)#]*)(#[^)]*)?\)/g)].flatMap((match) => {
      const [, path = "", anchor] = match;
      const target = path === "" ? name : path;
      if (!existsSync(join(repository, "docs/guide", target))) return [`${name}: ${target}`];
      const page = pages.find((other) => other.name === target);
      const anchors = [...(page?.text.matchAll(/^#+ (.*)$/gm) ?? [])].map((heading) => slug(heading[1] ?? ""));
      return anchor === undefined || page === undefined || anchors.includes(anchor.slice(1))
        ? []
        : [`${name}: ${target}${anchor}`];
    }),
  );
  expect(broken).toEqual([]);
});

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(" ", "-");

test("the index has every page", () => {
  const index = pages.find(({ name }) => name === "README.md")?.text ?? "";
  expect(guide.filter(({ name }) => !index.includes(`](${name})`)).map(({ name }) => name)).toEqual([]);
});

test.each(guide)("$name ends with symptoms, each of which the program has as a text", (page) => {
  const sections = page.text.split(/^## /m);
  const last = sections.at(-1) ?? "";
  expect(last.split("\n")[0]).toBe("When it does not work");
  const symptoms = symptomsOf(page);
  expect(symptoms.length).toBeGreaterThan(4);
  expect(symptoms.flat().filter((symptom) => !isText(symptom))).toEqual([]);
});

/** Whether a source has the text, with its own expressions where the guide has "…". */
function isText(symptom: string): boolean {
  expect(symptom.replaceAll("…", "").length, symptom).toBeGreaterThan(10);
  const pattern = symptomPattern(symptom, "[^\\n]{0,120}?");
  return sources.some((text) => pattern.test(text));
}
