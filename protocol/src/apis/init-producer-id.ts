import Type from "typebox";
import { api } from "./api.ts";
import { described } from "./fields.ts";

export const initProducerId = api({
  name: "initProducerId",
  text: "A fresh producer id for an idempotent producer (Kafka API 22). Transactional ids come with transactions.",
  request: Type.Object({}),
  response: Type.Object({
    producerId: described("Never given twice.", Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    producerEpoch: described("0 for a fresh id.", Type.Integer({ minimum: 0, maximum: 32_767 })),
  }),
  errors: ["STORAGE_FULL", "KAFKA_STORAGE_ERROR"],
});
