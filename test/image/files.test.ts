// What must hold of the image's files whatever they are run by: safe by default, and what they say of each other.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_PORT } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { repositoryRoot } from "../contract/house/source-files.ts";
import { composeEnvironment, composeText } from "./support/compose.ts";
import { ignoring } from "./support/docker-ignore.ts";
import { parseDockerfile } from "./support/dockerfile.ts";

const read = (path: string) => readFileSync(join(repositoryRoot, path), "utf8");
const stages = parseDockerfile(read("Dockerfile"));
const [build, last] = [stages[0], stages.at(-1)];

function only(name: string) {
  const found = last?.instructions.filter((one) => one.name === name) ?? [];
  expect(found, name).toHaveLength(1);
  return found[0];
}

test("two stages over the same slim Node 24, named by version", () => {
  expect(stages).toHaveLength(2);
  expect(build?.image).toMatch(/^node:24(\.\d+)*-[a-z]+-slim$/);
  expect(last?.image).toBe(build?.image);
});

test("the process is not root, by number, and takes signals and arguments itself", () => {
  expect(only("USER")?.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  expect(only("ENTRYPOINT")?.words?.[0]).toBe("node");
  expect(only("CMD")?.words).toEqual(["serve"]);
  expect(only("HEALTHCHECK")?.words?.[0]).toBe("node");
  // Nothing runs as that user while the image is made, so nothing in it is theirs.
  const names = last?.instructions.map(({ name }) => name) ?? [];
  expect(names.indexOf("USER")).toBeGreaterThan(Math.max(names.lastIndexOf("RUN"), names.lastIndexOf("COPY")));
});

test("the data lies in the volume, the port is the broker's, and nothing lets anybody in by itself", () => {
  const env = last?.instructions.filter(({ name }) => name === "ENV").map(({ text }) => text) ?? [];
  expect(env).toContain(`BROOKLET_DATA=${only("VOLUME")?.text}`);
  expect(only("EXPOSE")?.text).toBe(String(DEFAULT_PORT));
  expect(env.join()).not.toMatch(/ANONYMOUS|TOKEN/);
});

test("what is written down publishes the port to this machine only, when it lets anybody in", () => {
  for (const file of ["Dockerfile", "docs/guide/operations.md"]) {
    const commands = read(file)
      .replaceAll(/\\\n#?\s*/g, "")
      .split("\n")
      .filter((line) => /docker run .*-p /.test(line));
    expect(commands.length, file).toBeGreaterThan(0);
    for (const command of commands) {
      expect(command).toMatch(/-p 127\.0\.0\.1:4092:4092 |-e BROOKLET_TOKEN_FILE=/);
      expect(command).not.toMatch(/ANONYMOUS.*-p \d+:|-p \d+:.*ANONYMOUS/);
    }
  }
  const ports = [...composeText().matchAll(/^ {6}- "([^"]*:\d+)"$/gm)].map(([, port]) => port);
  expect(ports).toEqual([`127.0.0.1:${DEFAULT_PORT}:${DEFAULT_PORT}`]);
  expect(composeEnvironment()).toEqual({
    BROOKLET_ALLOW_ANONYMOUS_NETWORK: "true",
    BROOKLET_ALLOWED_HOSTS: "brooklet",
  });
});

test("compose keeps the data, gives it time to stop, and takes away what it does not need", () => {
  const compose = composeText();
  expect(compose).toContain(`      - data:${only("VOLUME")?.text}\n`);
  expect(Number(/stop_grace_period: (\d+)s/.exec(compose)?.[1])).toBeGreaterThanOrEqual(10);
  for (const line of ["read_only: true", "tmpfs: [/tmp]", "cap_drop: [ALL]", "no-new-privileges:true"])
    expect(compose).toContain(line);
  expect(compose).not.toMatch(/latest|privileged: true/);
});

test("nothing of a machine goes into the build: no history, no data, no tokens, nothing that was installed or built", () => {
  const isIgnored = ignoring(read(".dockerignore"));
  for (const path of [".git/config", "node_modules/ws/package.json", "cli/node_modules/x", "brooklet-data/brooklet.db"])
    expect(isIgnored(path), path).toBe(true);
  for (const path of ["tokens.txt", "npm-debug.log", "cli/brooklet-0.1.0.tgz", "dist/client/package.json", "test/a.ts"])
    expect(isIgnored(path), path).toBe(true);
  for (const path of ["test/package.json", "bench/package.json", ".npmrc", "cli/bin/brooklet.js", "LICENSE"])
    expect(isIgnored(path), path).toBe(false);
});
