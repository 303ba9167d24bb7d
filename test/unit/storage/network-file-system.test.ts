// Network file systems are refused by their type, which Linux tells; there is none here, so statfs(2) is made to say so.

import { join } from "node:path";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { testFolder } from "../../support/storage-on-file.ts";

const fileSystem = vi.hoisted(() => ({ type: 0 }));
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const statfsSync = (path: string) => ({ ...real.statfsSync(path), type: fileSystem.type });
  return { ...real, default: { ...real, statfsSync }, statfsSync };
});

test.each([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  // As a signed number, which is how some systems give it.
  [0xff534d42 | 0, "CIFS"],
])(
  "a folder on a file system of type %i (%s) is refused unless network.file.system.enable asks for it",
  async (type, name) => {
    fileSystem.type = type;
    const { platform } = process;
    onTestFinished(() => void Object.defineProperty(process, "platform", { value: platform }));
    Object.defineProperty(process, "platform", { value: "linux" });
    const data = join(testFolder(), "data");
    const refusal = await startBroker({ data }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ kind: "denied", message: expect.stringContaining(name) });
    expect((refusal as Error).message).toContain("network.file.system.enable=true");
    await (await startBroker({ data, settings: { "network.file.system.enable": true } })).close();
  },
);
