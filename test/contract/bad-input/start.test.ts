// What keeps a broker from starting, by the command: one refusal that says what, who has it, and what to do.

import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { startBroker } from "@brooklet/server";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { brooklet } from "../../integration/cli/command.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("a busy port: by which process and program, and how to take another", async () => {
  await using first = await startBroker();
  const refused = await brooklet(["--ephemeral", "--port", String(first.port)]);
  expect(refused).toMatchObject({ code: 5, stdout: "" });
  expect(refused.stderr).toContain(`127.0.0.1:${first.port} is in use`);
  expect(refused.stderr).toContain("--port 0 takes a free one");
  if (process.platform !== "linux") return;
  expect(refused.stderr).toContain(`process ${process.pid} (${basename(process.execPath)}`);
});

test("a data folder that another broker holds: which one, and where it answers", async () => {
  const data = temporaryFolder();
  await using first = await startBroker({ data });
  const refused = await brooklet(["--port", "0", "--data", data]);
  expect(refused).toMatchObject({ code: 5, stdout: "" });
  for (const word of [data, `process id ${process.pid}`, first.url, "choose another data folder"])
    expect(refused.stderr).toContain(word);
});

test("a data folder that is a file, or lies in one", async () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "kept");
  for (const data of [file, join(file, "inside")]) {
    const refused = await brooklet(["--port", "0", "--data", data]);
    expect(refused).toMatchObject({ code: 4, stdout: "" });
    expect(refused.stderr).toMatch(/is, or lies in, a file .*choose another data folder/);
  }
});

test("settings: unknown, out of range and contradicting, all at once", async () => {
  const settings = ["--set", "num.partitoins=3", "--set", "message.max.bytes=-1"];
  const refused = await brooklet(["--ephemeral", "--port", "0", "--durability", "disk", ...settings]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  for (const word of ["did you mean num.partitions?", "message.max.bytes", "from 1024", "ephemeral", "contradicts"])
    expect(refused.stderr).toContain(word);
});

test("the command's own options and settings, all at once", async () => {
  const flags = ["--port", "99999", "--durability", "x", "--data", "d", "--ephemeral"];
  const refused = await brooklet([...flags, "--set", "num.partitions=0", "--set", "nosuch=1"]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  for (const word of ["5 problems", "--port", "--durability", "--ephemeral and --data", "num.partitions", "nosuch"])
    expect(refused.stderr).toContain(word);
});

test("a data file of a newer schema is a conflict, says what to do, and is left as it is", async () => {
  const data = temporaryFolder();
  await (await startBroker({ data })).close();
  const db = new Database(join(data, "brooklet.db"));
  const newer = Number(db.pragma("user_version", { simple: true })) + 1;
  db.pragma(`user_version = ${newer}`);
  db.close();
  const refused = await brooklet(["--port", "0", "--data", data]);
  expect(refused).toMatchObject({ code: 5, stdout: "" });
  expect(refused.stderr).toMatch(
    new RegExp(`newer brooklet \\(schema ${newer};.*start that one, or choose another data folder`),
  );
  const after = new Database(join(data, "brooklet.db"), { readonly: true });
  expect(after.pragma("user_version", { simple: true })).toBe(newer);
  after.close();
});
