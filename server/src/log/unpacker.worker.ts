// The unpacker's thread: checks compressed batches whole, and makes uncompressed copies. Holds nothing between two messages.

import { parentPort, workerData } from "node:worker_threads";
import { checkBatch, ProtocolError, unpackBatchSync } from "@brooklet/protocol";
import type { FromUnpacker, ToUnpacker, UnpackerStart } from "./unpacker-thread.ts";

const port = parentPort;
if (port === null) throw new Error("unpacker.worker.ts runs as a worker");
const { maxUnpackedBytes } = workerData as UnpackerStart;

port.on("message", (message: ToUnpacker) => {
  if (message.kind === "close") {
    port.close();
    return;
  }
  const answer = answerTo(message);
  port.postMessage(answer, answer.kind === "unpacked" ? [answer.batch.buffer as ArrayBuffer] : []);
});

function answerTo({ kind, batch }: Exclude<ToUnpacker, { kind: "close" }>): FromUnpacker {
  try {
    if (kind === "check") return { kind: "checked", header: checkBatch(batch, maxUnpackedBytes) };
    return { kind: "unpacked", batch: unpackBatchSync(batch, maxUnpackedBytes) };
  } catch (error) {
    // Anything else is a bug: it ends the thread, and its batches are refused.
    if (!(error instanceof ProtocolError)) throw error;
    return { kind: "refused", code: error.code, message: error.message, hint: error.hint };
  }
}
