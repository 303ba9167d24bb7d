// The reserve: a file of 16 MiB beside the data file that is given up when the disk is full, so that commits and group
// state still find room, and taken back when there is room again.

import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export const RESERVE_BYTES = 16 * 1024 * 1024;
/** Taking the last bytes of the disk for the reserve would be no gain: as much must be left for records. */
const HEADROOM_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** What the writer needs of it; a database in memory has none. */
export interface Reserve {
  giveUp(): void;
  /** Whether it is in place again, and room beside it. */
  regain(): boolean;
}

export const noReserve: Reserve = { giveUp: () => {}, regain: () => true };

export function reserveFile(path: string): Reserve {
  const giveUp = () => rmSync(path, { force: true });
  return {
    giveUp,
    regain() {
      if (existsSync(path) && statSync(path).size === RESERVE_BYTES) return true;
      try {
        const { bavail, bsize } = statfsSync(dirname(path));
        if (bavail * bsize < RESERVE_BYTES + HEADROOM_BYTES) return false;
        giveUp();
        writeFilled(path);
        return true;
      } catch {
        // No room yet after all, whatever the system calls it (ENOSPC, EDQUOT): asked again later.
      }
      giveUp();
      return false;
    },
  };
}

function writeFilled(path: string): void {
  const file = openSync(path, "wx", 0o600);
  try {
    // Not zeros: a file system may store those as a hole, which reserves nothing.
    const chunk = new Uint8Array(CHUNK_BYTES).fill(0xb7);
    for (let written = 0; written < RESERVE_BYTES; ) written += writeSync(file, chunk);
  } finally {
    closeSync(file);
  }
}
