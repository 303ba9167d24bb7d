// The arrows of DESIGN.md section 2, read from the import statements of every source file: who may know whom.
// A type-only import is an arrow too: what two parts share as a type belongs to the lower one.
// Invariant: the tables below allow what the design draws, and nothing else.

import { posix } from "node:path";
import { expect, test } from "vitest";
import { type SourceFile, sourceFiles } from "./source-files.ts";

interface Import {
  readonly from: string;
  /** A path from the root for a relative import, else the specifier as written. */
  readonly to: string;
  /** Nothing of it is left when the types are stripped. */
  readonly typeOnly: boolean;
}

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s[^;"'`]*?from\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']|(?:^|[\s;])import\s*["']([^"']+)["']/g;

/** Comments hold examples, not imports. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[\s;{}(),])\/\/[^\n]*/g, "$1");
}

function importsOf(file: SourceFile): Import[] {
  return [...withoutComments(file.text).matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    const to = specifier.startsWith(".") ? posix.join(posix.dirname(file.path), specifier) : specifier;
    return { from: file.path, to, typeOnly: /^\s*;?\s*(?:import|export)\s+type\b/.test(match[0]) };
  });
}

const files = sourceFiles().filter(({ path }) => !path.startsWith("scripts/"));
const imports = files.flatMap(importsOf);
const show = ({ from, to }: Import) => `${from} -> ${to}`;

const scoped: Readonly<Record<string, string>> = {
  "@brooklet/protocol": "protocol",
  "@brooklet/server": "server",
  "@brooklet/client": "client-sdk",
};

/** The package of ours that an import reaches, or undefined for another's. */
function packageOf(to: string): string | undefined {
  const name = to.startsWith("@") ? to.split("/").slice(0, 2).join("/") : undefined;
  if (name !== undefined) return scoped[name];
  return /^(protocol|server|client-sdk|cli|bench|test)\//.exec(to)?.[1];
}

/** Which packages a package may name. */
const packageArrows: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  server: ["protocol"],
  "client-sdk": ["protocol"],
  cli: ["protocol", "server", "client-sdk"],
  bench: ["protocol", "server", "client-sdk"],
  test: ["protocol", "server", "client-sdk", "cli", "bench"],
};

/** What a name in a package's src stands for: its first folder, or the file itself. */
function roomOf(path: string, root: string): string {
  return path.slice(root.length).split("/")[0] ?? "";
}

/**
 * Which rooms of a src folder a room may name, itself aside. `*`: all. A file that stands in src itself and is in no table
 * is a leaf: every room may name it, and it names only other leaves.
 */
// groups/ knows the log's facade (its catalogue and the place of __consumer_offsets) and nothing behind it. A world names
// what a test may give instead: the storage in the broker, the network in the SDK.
const serverArrows: Readonly<Record<string, readonly string[]>> = {
  "index.ts": ["broker.ts"],
  "broker.ts": ["*"],
  listeners: ["api", "metrics"],
  api: ["log", "groups", "metrics"],
  log: ["storage"],
  groups: ["storage", "log"],
  storage: [],
  metrics: [],
  "world.ts": ["storage"],
};
const clientArrows: Readonly<Record<string, readonly string[]>> = {
  "index.ts": ["*"],
  consumer: ["network", "config", "serdes"],
  producer: ["network", "config", "serdes"],
  admin: ["network", "config", "serdes"],
  network: ["config"],
  config: ["serdes"],
  serdes: [],
  "world.ts": ["network"],
};

function isLeaf(room: string, arrows: Readonly<Record<string, readonly string[]>>): boolean {
  return room.endsWith(".ts") && (arrows[room] === undefined || room === "world.ts");
}

test("packages know only those below them", () => {
  const wrong = imports.filter(({ from, to }) => {
    const source = from.split("/")[0] ?? "";
    const target = packageOf(to);
    return target !== undefined && target !== source && !packageArrows[source]?.includes(target);
  });
  expect(wrong.map(show)).toEqual([]);
});

test("outside tests, packages reach each other by their public entries", () => {
  const wrong = imports.filter(({ from, to }) => {
    const source = from.split("/")[0];
    return source !== "test" && !to.startsWith("@") && packageOf(to) !== undefined && packageOf(to) !== source;
  });
  expect(wrong.map(show)).toEqual([]);
});

for (const [root, arrows] of [
  ["server/src/", serverArrows],
  ["client-sdk/src/", clientArrows],
] as const) {
  test(`inside ${root} the arrows of the design hold`, () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!from.startsWith(root) || !to.startsWith(root)) return false;
      const source = roomOf(from, root);
      const target = roomOf(to, root);
      const allowed = arrows[source] ?? [];
      return source !== target && !isLeaf(target, arrows) && !allowed.includes(target) && !allowed.includes("*");
    });
    expect(wrong.map(show)).toEqual([]);
  });
}

test("the parts of the broker know each other by their facades", () => {
  const facades = /^server\/src\/(log\/log|groups\/coordinator|storage\/(storage|turns)|api\/[^/]+)\.ts$/;
  const rooms = /^server\/src\/(api|log|groups|storage)\//;
  const wrong = imports.filter(({ from, to }) => {
    if (!from.startsWith("server/src/") || from === "server/src/broker.ts" || !rooms.test(to)) return false;
    return roomOf(from, "server/src/") !== roomOf(to, "server/src/") && !facades.test(to);
  });
  expect(wrong.map(show)).toEqual([]);
});

test("only broker.ts and storage/ name SQLite", () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!from.startsWith("server/src/")) return to === "better-sqlite3" && !from.startsWith("test/");
    if (to === "better-sqlite3") return !from.startsWith("server/src/storage/sqlite/");
    if (!to.startsWith("server/src/storage/sqlite/")) return false;
    return !/^server\/src\/(storage\/|broker\.ts$)/.test(from);
  });
  expect(wrong.map(show)).toEqual([]);
});

test("no file of a package loads itself by way of others", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    if (typeOnly || from.startsWith("test/") || packageOf(to) === undefined || to.startsWith("@")) continue;
    edges.set(from, [...(edges.get(from) ?? []), to]);
  }
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      cycles.push([...trail.slice(at), path].join(" -> "));
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

test("this file sees an import of every shape", () => {
  const text = [
    'import { a } from "./a.ts";',
    'import type {\n  B,\n} from "./b.ts";',
    'export * from "./c.ts";',
    'const d = await import("./d.ts");',
    'let e: import("./e.ts").E;',
    'import "./f.ts";',
    '// import "./not.ts";',
  ].join("\n");
  const seen = importsOf({ path: "server/src/log/x.ts", text }).map(({ to }) => to);
  expect(seen).toEqual(["a", "b", "c", "d", "e", "f"].map((name) => `server/src/log/${name}.ts`));
});
