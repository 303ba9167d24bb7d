import Type from "typebox";
import { api } from "./api.ts";
import { ByteCount, described } from "./fields.ts";

export const hello = api({
  name: "hello",
  text: "The first request of a WebSocket connection: who speaks, and what the broker grants.",
  request: Type.Object({
    client: described("`client.id`, for logs and descriptions only.", Type.String({ maxLength: 256 })),
    versions: Type.Array(Type.Integer(), { minItems: 1, maxItems: 32 }),
    clientInstanceId: described(
      "Fresh and random per Consumer, Producer or Admin object (DESIGN.md section 4, hard place 5).",
      Type.String({ minLength: 1, maxLength: 64 }),
    ),
    connectionSeq: described(
      "Rises with every connection of the instance, from 1.",
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    ),
    token: Type.Optional(Type.String({ maxLength: 4096 })),
  }),
  response: Type.Object({
    clusterId: Type.String(),
    brokerId: Type.Integer(),
    version: described("The version of the protocol that both speak now.", Type.Integer()),
    features: Type.Array(Type.String()),
    limits: Type.Object({
      maxFramePayloadBytes: described("Payload bytes of one frame, either way.", ByteCount),
      maxHeaderBytes: ByteCount,
      maxBatchBytes: described("One record batch, encoded.", ByteCount),
      maxInFlightRequestBytes: described(
        "Bytes of unanswered requests on this connection; heartbeats and commits do not count.",
        ByteCount,
      ),
      maxReplyBytes: described("Record bytes of one fetch answer.", ByteCount),
      maxFetchWaitMs: described("A fetch waits no longer than this.", ByteCount),
    }),
  }),
  errors: ["UNSUPPORTED_VERSION", "SASL_AUTHENTICATION_FAILED", "STALE_CONNECTION"],
});
