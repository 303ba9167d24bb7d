// Reads a Dockerfile as far as ours goes: instructions with their flags, in stages. What it does not know it refuses, so that
// a test never passes over a step it has not understood.

export interface Instruction {
  readonly name: string;
  /** `--from=build` is `from` → `build`. */
  readonly flags: ReadonlyMap<string, string>;
  /** Everything after the flags, in one line. */
  readonly text: string;
  /** The same in exec form, a JSON list; undefined in shell form. */
  readonly words: readonly string[] | undefined;
}

export interface Stage {
  readonly image: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

const KNOWN = ["RUN", "COPY", "WORKDIR", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"];

export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(text)) {
    const instruction = parseInstruction(line);
    if (instruction.name === "FROM") {
      const [image = "", as, name = String(stages.length)] = instruction.text.split(/\s+/);
      if (as !== undefined && as !== "AS") throw new Error(`not understood: ${line}`);
      stages.push({ image, name, instructions: [] });
    } else if (KNOWN.includes(instruction.name)) stages.at(-1)?.instructions.push(instruction);
    else throw new Error(`not understood: ${line}`);
  }
  return stages;
}

/** Without comments; a backslash at the end continues a line. */
function logicalLines(text: string): string[] {
  return text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\s*\\\n\s*/g, " ")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function parseInstruction(line: string): Instruction {
  const flags = new Map<string, string>();
  let rest = line.replace(/^\S+\s+/, "");
  for (let match = FLAG.exec(rest); match !== null; match = FLAG.exec(rest)) {
    flags.set(match[1] ?? "", match[2] ?? "");
    rest = rest.slice(match[0].length);
  }
  const list = rest.slice(rest.indexOf("["));
  const isExec = /^(CMD )?\[/.test(rest);
  return {
    name: line.split(/\s/, 1)[0] ?? "",
    flags,
    text: rest,
    words: isExec ? (JSON.parse(list) as string[]) : undefined,
  };
}

const FLAG = /^--([a-z-]+)=(\S+)\s+/;
