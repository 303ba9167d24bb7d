// npm as a stranger has it: scripts on, none of this repository's settings, and neither Python nor a compiler on the PATH.
// Invariant: what npm is told here is all it is told; its cache and its registry are those of whoever runs the tests.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** How npm says that there is no registry. */
const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ECONNRESET|ERR_SOCKET_TIMEOUT|ENOTCACHED|CERT\w*)\b/;

export class RegistryUnreachable extends Error {}

export interface Npm {
  /** Of npm's own programs: `npm` or `npx`. */
  cli(program: "npm" | "npx"): string;
  /** With a PATH that has Node and a shell, and nothing else. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs npm in a folder; resolves with what it printed. */
  run(folder: string, ...args: readonly string[]): Promise<string>;
}

/** `home`: where a folder for the PATH may be made. `package`: npm's own folder; by default the npm that is on the PATH. */
export function bareNpm(home: string, packageFolder = installedNpm()): Npm {
  const path = mkdtempSync(join(home, "path-"));
  symlinkSync(process.execPath, join(path, "node"));
  symlinkSync(realpathSync("/bin/sh"), join(path, "sh"));
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|PATH$|NODE_OPTIONS$|VITEST)/i.test(name)),
  );
  Object.assign(env, {
    PATH: path,
    npm_config_ignore_scripts: "false",
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    npm_config_fetch_retries: "1",
    npm_config_fetch_timeout: "20000",
  });
  const cli = (program: "npm" | "npx") => join(packageFolder, "bin", `${program}-cli.js`);
  return {
    cli,
    env,
    run: async (folder, ...args) => {
      const { code, output } = await runNode([cli("npm"), ...args], folder, env);
      if (code === 0) return output;
      if (UNREACHABLE.test(output)) throw new RegistryUnreachable(output);
      throw new Error(`npm ${args.join(" ")} ended with ${code}:\n${output}`);
    },
  };
}

/** Runs a file with this process's Node; resolves when it has ended. */
export function runNode(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  input = "",
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
    child.stdin.on("error", () => {}).end(input);
  });
}

function installedNpm(): string {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const npm = join(folder, "npm");
    if (existsSync(npm)) return dirname(dirname(realpathSync(npm)));
  }
  throw new Error("there is no npm on the PATH");
}
