// `brooklet completion`: prints the script of a shell.

import { nearestName } from "@brooklet/protocol";
import type { Call } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { completionScript } from "./scripts.ts";
import { shells } from "./shells.ts";

export async function run({ args, output, startedAs }: Call): Promise<undefined> {
  const given = args[0] ?? "";
  const shell = shells.find((name) => name === given);
  if (shell === undefined) {
    const nearest = nearestName(given, shells);
    throw new UsageError(
      `completion is there for ${shells.join(", ")}; this is ${JSON.stringify(given)}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
    );
  }
  await output.write(completionScript(shell, startedAs ?? ["brooklet"]));
}
