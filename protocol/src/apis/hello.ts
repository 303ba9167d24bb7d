import Type from "typebox";
import { api } from "./api.ts";
import { ByteCount, described } from "./fields.ts";

export const hello = api({
  name: "hello",
  text: "The first request of a WebSocket connection: who speaks, and what the broker grants.",
  request: Type.Object({
    client: described("`client.id`, for logs and descriptions only.", Type.String({ maxLength: 256 })),
    versions: described(
      "The versions of the protocol that the client speaks.",
      Type.Array(Type.Integer(), { minItems: 1, maxItems: 32 }),
    ),
    clientInstanceId: described(
      "Fresh and random per Consumer, Producer or Admin object.",
      Type.String({ minLength: 1, maxLength: 64 }),
    ),
    connectionSeq: described(
      "Rises with every connection of the instance, from 1.",
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    ),
    token: described("Where the broker asks for one.", Type.Optional(Type.String({ maxLength: 4096 }))),
  }),
  response: Type.Object({
    clusterId: described("Made when the log began; another id is another log.", Type.String()),
    brokerId: described("Always 1: there is one broker.", Type.Integer()),
    version: described("The version of the protocol that both speak now.", Type.Integer()),
    features: described("What this broker can do beyond the protocol's version.", Type.Array(Type.String())),
    limits: described(
      "What the broker grants this connection.",
      Type.Object({
        maxFramePayloadBytes: described("Payload bytes of one frame, either way.", ByteCount),
        maxHeaderBytes: ByteCount,
        maxBatchBytes: described("One record batch, encoded.", ByteCount),
        maxInFlightRequestBytes: described(
          "Bytes of unanswered requests on this connection; heartbeats and commits do not count.",
          ByteCount,
        ),
        maxReplyBytes: described("Record bytes of one fetch answer.", ByteCount),
        maxFetchWaitMs: described("A fetch waits no longer than this.", ByteCount),
        maxDecompressedBatchBytes: Type.Optional(
          described("The records of one compressed batch, unpacked: max.decompressed.batch.bytes.", ByteCount),
        ),
      }),
    ),
  }),
  errors: ["UNSUPPORTED_VERSION", "SASL_AUTHENTICATION_FAILED", "STALE_CONNECTION"],
});
