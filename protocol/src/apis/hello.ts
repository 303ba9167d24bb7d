import Type from "typebox";
import { api } from "./api.ts";
import { ByteCount } from "./fields.ts";

/** The first request of a WebSocket connection: who speaks, and what the broker grants. */
export const hello = api({
  name: "hello",
  request: Type.Object({
    /** `client.id`, for logs and descriptions only. */
    client: Type.String({ maxLength: 256 }),
    versions: Type.Array(Type.Integer(), { minItems: 1, maxItems: 32 }),
    /** Fresh and random per Consumer, Producer or Admin object (DESIGN.md section 4, hard place 5). */
    clientInstanceId: Type.String({ minLength: 1, maxLength: 64 }),
    /** Rises with every connection of the instance, from 1. */
    connectionSeq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    token: Type.Optional(Type.String({ maxLength: 4096 })),
  }),
  response: Type.Object({
    clusterId: Type.String(),
    brokerId: Type.Integer(),
    /** The version of the protocol that both speak now. */
    version: Type.Integer(),
    features: Type.Array(Type.String()),
    limits: Type.Object({
      /** Payload bytes of one frame, either way. */
      maxFramePayloadBytes: ByteCount,
      maxHeaderBytes: ByteCount,
      /** One record batch, encoded. */
      maxBatchBytes: ByteCount,
      /** Bytes of unanswered requests on this connection; heartbeats and commits do not count. */
      maxInFlightRequestBytes: ByteCount,
      /** Record bytes of one fetch answer. */
      maxReplyBytes: ByteCount,
      /** A fetch waits no longer than this. */
      maxFetchWaitMs: ByteCount,
    }),
  }),
  errors: ["UNSUPPORTED_VERSION", "SASL_AUTHENTICATION_FAILED", "STALE_CONNECTION"],
});
