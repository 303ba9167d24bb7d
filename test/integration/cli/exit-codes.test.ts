// Every exit code of the command, each brought about for real; and the ends that streams can have.

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { exitCodes } from "../../../cli/src/exits.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { brooklet, type Ended, Running } from "./command.ts";

/** Tokens have at least sixteen characters. */
const TOKEN = "0123456789abcdef0123";

async function broker(options: Parameters<typeof startBroker>[0] = {}): Promise<string> {
  const started = await startBroker(options);
  onTestFinished(() => started.close());
  return `127.0.0.1:${started.port}`;
}

/** By the name of the code: how it comes about, and what is said. */
const ends = {
  ok: async () => [await brooklet(["status", "-b", await broker()]), /^$/],
  error: async () => {
    const other = createServer((_request, response) => response.end("{}")).listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    return [
      await brooklet(["status", "-b", `127.0.0.1:${(other.address() as AddressInfo).port}`]),
      /not as a brooklet broker does/,
    ];
  },
  usage: async () => [
    await brooklet(["topics", "list", "--jsn"]),
    /did you mean --json\?\n.*`brooklet topics list --help`/,
  ],
  notFound: async () => [await brooklet(["topics", "describe", "nosuch", "-b", await broker()]), /nosuch/],
  denied: async () => {
    const tokenFile = join(temporaryFolder(), "tokens");
    writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
    return [await brooklet(["topics", "list", "-b", await broker({ tokenFile })]), /token/];
  },
  conflict: async () => {
    const create = ["topics", "create", "orders", "-b", await broker()];
    expect((await brooklet(create)).code).toBe(0);
    return [await brooklet(create), /orders/];
  },
  unreachable: async () => [
    await brooklet(["topics", "list", "-b", "127.0.0.1:9", "--timeout-ms", "200"]),
    /Is a broker running there\?/,
  ],
  damaged: async () => {
    const data = temporaryFolder();
    writeFileSync(join(data, "brooklet.db"), "no database, but more than a few bytes of it".repeat(200));
    return [await brooklet(["--port", "0", "--data", data]), /brooklet\.db/];
  },
  interrupted: async () => {
    const server = await broker();
    await brooklet(["topics", "create", "orders", "-b", server]);
    const running = new Running(["consume", "orders", "-b", server]);
    await running.says(/waiting for records of orders-0; Ctrl-C ends/);
    running.child.kill("SIGINT");
    return [await running.ended, /waiting for records/];
  },
} as const satisfies Record<keyof typeof exitCodes, () => Promise<[Ended, RegExp]>>;

test.each(Object.entries(exitCodes))("%s ends with %i, and says why on stderr", async (name, code) => {
  const [ended, said] = await ends[name as keyof typeof ends]();
  expect(ended.code).toBe(code);
  expect(ended.stderr).toMatch(said);
  if (code !== 0) expect(ended.stdout).toBe("");
});

test("piped and closed: no escape sequences in a pipe, a closed stderr or stdout ends nothing badly", async () => {
  const server = await broker();
  const plain = { NO_COLOR: "", FORCE_COLOR: "" };
  const piped = new Running(["topics", "list", "-b", server], plain);
  const { stderr, ...listed } = await piped.ended;
  expect(listed).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain("no topics yet");
  expect(stderr).not.toContain("\u001b");
  const help = new Running(["--help"], plain);
  help.child.stderr.destroy();
  const { code, stdout } = await help.ended;
  expect(code).toBe(0);
  expect(stdout).not.toContain("\u001b");
  // A reader that is gone: quietly, and no error.
  const broken = new Running(["status", "-b", server]);
  broken.child.stdout.destroy();
  expect(await broken.ended).toMatchObject({ code: 0, stderr: "" });
  // Nobody hears the error; its code is there all the same.
  const silent = new Running(["topics", "describe", "nosuch", "-b", server]);
  silent.child.stderr.destroy();
  expect((await silent.ended).code).toBe(3);
});
