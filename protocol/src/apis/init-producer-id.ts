import Type from "typebox";
import { api } from "./api.ts";
import { described } from "./fields.ts";

export const initProducerId = api({
  name: "initProducerId",
  text: "A fresh producer id for an idempotent producer (Kafka API 22).",
  request: Type.Object({
    transactionalId: described(
      "Refused: transactions are not there yet, and an id that was passed over would promise them.",
      Type.Optional(Type.String({ maxLength: 256 })),
    ),
  }),
  response: Type.Object({
    producerId: described("Never given twice.", Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    producerEpoch: described("0 for a fresh id.", Type.Integer({ minimum: 0, maximum: 32_767 })),
  }),
  errors: ["UNSUPPORTED_VERSION", "STORAGE_FULL", "KAFKA_STORAGE_ERROR"],
});
