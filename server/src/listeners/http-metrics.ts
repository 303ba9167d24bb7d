// `GET /metrics`, for Prometheus and whatever reads its text form. Behind the token, if one is configured.

import type { FastifyInstance } from "fastify";
import { METRICS_CONTENT_TYPE } from "../metrics/exposition.ts";
import { asProtocolError } from "./dispatch.ts";
import { respond, respondError } from "./http-answers.ts";
import type { HttpServices } from "./http-exchange.ts";

export function addMetricsRoute(fastify: FastifyInstance, { metrics, broker }: HttpServices): void {
  fastify.get("/metrics", (_request, reply) => {
    const response = reply.raw;
    metrics().then(
      (text) => respond(response, 200, METRICS_CONTENT_TYPE, Buffer.from(text)),
      (error) => respondError(response, asProtocolError(error, "GET metrics", broker.logger)),
    );
  });
}
