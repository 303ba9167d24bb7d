// Network file systems are refused by their type; there is none here, so statfs(2) is made to say so.

import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { DataFolder } from "../../../server/src/storage/sqlite/data-folder.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const fileSystem = vi.hoisted(() => ({ type: 0 }));
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const statfsSync = (path: string) => ({ ...real.statfsSync(path), type: fileSystem.type });
  return { ...real, default: { ...real, statfsSync }, statfsSync };
});

test.runIf(process.platform === "linux").each([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  // As a signed number, which is how some systems give it.
  [0xff534d42 | 0, "CIFS"],
])("a folder on a file system of type %i (%s) is refused unless it is asked for", (type, name) => {
  fileSystem.type = type;
  const folder = join(testFolder(), "data");
  expect(() => DataFolder.take(folder, { allowNetworkFileSystem: false })).toThrow(
    expect.objectContaining({ kind: "denied", message: expect.stringContaining(name) }),
  );
  DataFolder.take(folder, { allowNetworkFileSystem: true }).release();
});
