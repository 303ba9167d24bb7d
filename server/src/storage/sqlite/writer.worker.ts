// The writer's thread: the only connection that writes turns. One message is one turn is one transaction; a slow sync
// holds up this thread and nobody else.

import { parentPort, workerData } from "node:worker_threads";
import { TurnWriter } from "./apply-turn.ts";
import { connect } from "./connection.ts";
import { markCleanEnd } from "./load-state.ts";
import { type FromWriter, type ToWriter, unpackTurn, type WorkerStart } from "./messages.ts";
import { BatchRemoval } from "./remove-batches.ts";
import { reserveFile } from "./reserve.ts";

const port = parentPort;
if (port === null) throw new Error("writer.worker.ts runs as a worker");
const { file, durability, reserve: reservePath } = workerData as WorkerStart;

const reserve = reserveFile(reservePath);
const db = connect(file, durability);
const writer = new TurnWriter(db, reserve);
const removal = new BatchRemoval(db);
const answer = (message: FromWriter) => port.postMessage(message);

port.on("message", (message: ToWriter) => {
  switch (message.kind) {
    case "write":
      answer({ kind: "written", verdict: writer.apply(unpackTurn(message.turn)) });
      return;
    case "removeBatches": {
      let more = false;
      const verdict = writer.maintain(() => {
        more = removal.step();
      });
      answer({ kind: "removed", verdict, more });
      return;
    }
    case "regainSpace":
      answer({ kind: "space", ...writer.regainSpace() });
      return;
    case "close":
      // A storage that stopped has no clean end, and says so by the missing mark.
      writer.maintain(() => markCleanEnd(db));
      db.close();
      port.close();
      return;
  }
});
answer({ kind: "ready" });
reserve.regain();
