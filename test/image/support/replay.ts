// The steps of a Dockerfile without Docker: every stage is a folder that stands for its root. COPY copies, RUN runs in it with
// sh, and what the stage says of its process (ENV, USER, ENTRYPOINT …) is kept for whoever starts it.
// Invariant: nothing outside those folders is changed. A RUN that names an absolute path is refused.

import { spawn } from "node:child_process";
import {
  chownSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";
import { repositoryRoot } from "../../contract/house/source-files.ts";
import { filesOfBuild, ignoring } from "./docker-ignore.ts";
import { type Instruction, parseDockerfile, type Stage } from "./dockerfile.ts";

/** What a stage has become. */
export interface Image {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly volumes: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

/** A RUN that failed. */
export class StepError extends Error {}

/** What the image node:24-bookworm-slim has beside Node itself. */
const OF_THE_BASE = [
  "usr/local/lib/node_modules/npm/package.json",
  "usr/local/bin/npm",
  "usr/local/bin/npx",
  "usr/local/bin/corepack",
  "usr/local/bin/yarn",
  "usr/local/bin/yarnpkg",
  "opt/yarn-v1.22.22/package.json",
];

/**
 * Builds the last stage in a folder of its own below `folder`.
 *
 * Shape: `instead` takes the place of single RUN steps: their text → what makes the same, with the folder they run in.
 * Errors: StepError with what the step said.
 */
export async function buildImage(
  folder: string,
  instead: ReadonlyMap<string, (workdir: string) => void> = new Map(),
): Promise<Image> {
  const stages = parseDockerfile(readFileSync(join(repositoryRoot, "Dockerfile"), "utf8"));
  const roots = new Map<string, string>();
  let image: Image | undefined;
  for (const stage of stages) {
    const root = join(folder, stage.name);
    roots.set(stage.name, root);
    image = await buildStage(stage, root, roots, instead);
  }
  if (image === undefined) throw new Error("the Dockerfile has no stage");
  return image;
}

async function buildStage(
  stage: Stage,
  root: string,
  roots: ReadonlyMap<string, string>,
  instead: ReadonlyMap<string, (workdir: string) => void>,
): Promise<Image> {
  layBase(root);
  const env: Record<string, string> = {};
  const volumes: string[] = [];
  let [workdir, user] = ["/", "0:0"];
  let [entrypoint, command, healthCheck]: (readonly string[])[] = [[], [], []];
  for (const instruction of stage.instructions) {
    const { name, text, words = [] } = instruction;
    if (name === "WORKDIR") {
      workdir = posix.resolve(workdir, text);
      mkdirSync(join(root, workdir), { recursive: true });
    } else if (name === "COPY") copy(instruction, root, workdir, roots);
    else if (name === "RUN") {
      const substitute = instead.get(text);
      if (substitute === undefined) await run(text, root, workdir, env);
      else substitute(join(root, workdir));
    } else if (name === "ENV") env[text.slice(0, text.indexOf("="))] = text.slice(text.indexOf("=") + 1);
    else if (name === "USER") user = text;
    else if (name === "VOLUME") volumes.push(text);
    else if (name === "ENTRYPOINT") entrypoint = words;
    else if (name === "CMD") command = words;
    else if (name === "HEALTHCHECK") healthCheck = words;
  }
  return {
    root,
    env,
    user,
    volumes,
    entrypoint: entrypoint ?? [],
    command: command ?? [],
    healthCheck: healthCheck ?? [],
  };
}

function layBase(root: string): void {
  for (const file of OF_THE_BASE) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), "");
  }
  const node = join(root, "usr/local/bin/node");
  try {
    linkSync(process.execPath, node);
  } catch {
    cpSync(process.execPath, node);
  }
}

function copy({ flags, text }: Instruction, root: string, workdir: string, roots: ReadonlyMap<string, string>): void {
  const paths = text.split(/\s+/);
  const to = paths.pop() ?? "";
  const target = join(root, posix.resolve(workdir, to));
  const from = flags.get("from");
  for (const path of paths) {
    if (from === undefined) copyFromContext(path, target, to.endsWith("/"));
    else linkTree(join(roots.get(from) ?? "", path), target);
  }
  const [uid, gid] = (flags.get("chown") ?? "0:0").split(":").map(Number);
  if (flags.has("chown")) chownSync(target, uid ?? 0, gid ?? 0);
}

/** As a copy, but nobody writes to these files, and there are thousands. */
function linkTree(from: string, to: string): void {
  const entry = lstatSync(from);
  if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else if (!entry.isDirectory()) linkSync(from, to);
  else {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) linkTree(join(from, name), join(to, name));
  }
}

function copyFromContext(path: string, target: string, intoFolder: boolean): void {
  const isIgnored = ignoring(readFileSync(join(repositoryRoot, ".dockerignore"), "utf8"));
  const isFolder = statSync(join(repositoryRoot, path)).isDirectory();
  const below = path === "." ? "" : path;
  const files = isFolder ? filesOfBuild(repositoryRoot, isIgnored, below) : [path];
  for (const file of files) {
    if (isIgnored(file)) throw new Error(`COPY ${file}: .dockerignore leaves it out`);
    const name = isFolder ? posix.relative(below, file) : intoFolder ? posix.basename(file) : "";
    mkdirSync(dirname(join(target, name)), { recursive: true });
    cpSync(join(repositoryRoot, file), join(target, name));
  }
}

/** The shell's words that begin with a slash; `./` and `a/b` do not. */
const ABSOLUTE = /(^|[\s"'=(;&|])\/(?!\s)/;

async function run(step: string, root: string, workdir: string, env: Readonly<Record<string, string>>): Promise<void> {
  if (ABSOLUTE.test(step)) throw new Error(`the step names an absolute path and cannot be tried: ${step}`);
  const child = spawn("sh", ["-c", step], { cwd: join(root, workdir), env: { ...process.env, ...env } });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new StepError(`RUN ${step} ended with ${code}: ${said.slice(-2_000)}`);
}
