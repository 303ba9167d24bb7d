import Type from "typebox";
import { api } from "./api.ts";

export const initProducerId = api({
  name: "initProducerId",
  text: "A fresh producer id for an idempotent producer (Kafka API 22). Transactional ids come with transactions.",
  request: Type.Object({}),
  response: Type.Object({
    producerId: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    producerEpoch: Type.Integer({ minimum: 0, maximum: 32_767 }),
  }),
  errors: ["STORAGE_FULL", "KAFKA_STORAGE_ERROR"],
});
