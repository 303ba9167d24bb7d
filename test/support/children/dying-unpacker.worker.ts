// An unpacker that ends, as if it had crashed, when it is given a batch whose base offset is DEADLY; else the real one.

import { parentPort } from "node:worker_threads";
import { readBatchHeader } from "@brooklet/protocol";
import type { ToUnpacker } from "../../../server/src/log/unpacker-thread.ts";

export const DEADLY = 13;

parentPort?.on("message", (message: ToUnpacker) => {
  if (message.kind !== "close" && readBatchHeader(message.batch).baseOffset === DEADLY) process.exit(9);
});
await import("../../../server/src/log/unpacker.worker.ts");
