// What the hot poll path is measured against: a bare Fastify route that reads the same request bytes through the same
// content-type parser and answers the same bytes and headers. No guard, no limits, no validation, no log.

import type { AddressInfo } from "node:net";
import { fastify as createFastify } from "fastify";
import { answerQuestions, type Started, type Task } from "./processes.ts";

const tell = (message: Started) => process.send?.(message);

process.once("message", async (task: Task) => {
  if (task.kind !== "baseline") return;
  try {
    const fastify = createFastify({ logger: false });
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser(task.requestType, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    const body = Buffer.from(task.bodyBase64, "base64");
    fastify.post("/v1/fetch", (_request, reply) => reply.headers(task.headers).send(body));
    await fastify.listen({ host: "127.0.0.1", port: 0 });
    process.once("disconnect", () => void fastify.close().then(() => process.exit(0)));
    answerQuestions();
    tell({ url: `http://127.0.0.1:${(fastify.server.address() as AddressInfo).port}` });
  } catch (error) {
    tell({ error: error instanceof Error ? error.message : String(error) });
  }
});
