// A disk that is really full: a small tmpfs of a test's own. Needs root and mount(8); skips, with its reason, without.

import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { onTestFinished, type TestContext } from "vitest";
import { testFolder } from "./storage-on-file.ts";

const MIB = 1024 * 1024;

/** A folder on a file system of its own. */
export function smallDisk(context: TestContext, sizeMib: number): string {
  const folder = testFolder();
  if (process.getuid?.() !== 0) context.skip("a small tmpfs can only be mounted as root");
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    context.skip("mount(8) refuses to mount a tmpfs here");
  }
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  return folder;
}

/** Takes every free byte. */
export function fill(path: string): void {
  const file = openSync(path, "w");
  for (const size of [MIB, 4096, 1]) {
    try {
      for (;;) writeSync(file, new Uint8Array(size).fill(1));
    } catch {
      // Full, at this size.
    }
  }
  closeSync(file);
}
