// The broker under test: started by processes.ts, ends when its parent lets go.

import { startBroker } from "@brooklet/server";
import { answerQuestions, type Started, type Task } from "./processes.ts";

const tell = (message: Started) => process.send?.(message);

process.once("message", async (task: Task) => {
  if (task.kind !== "broker") return;
  try {
    const { durability, data } = task;
    const broker = await startBroker({ durability, ...(data === undefined ? { ephemeral: true } : { data }) });
    process.once("disconnect", () => void broker.close().then(() => process.exit(0)));
    answerQuestions();
    tell({ url: broker.url });
  } catch (error) {
    tell({ error: error instanceof Error ? error.message : String(error) });
  }
});
