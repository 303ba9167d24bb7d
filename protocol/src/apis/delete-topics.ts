import Type from "typebox";
import { api } from "./api.ts";
import { ItemError, Topic } from "./fields.ts";

export const deleteTopics = api({
  name: "deleteTopics",
  text: "Deletes topics with their records and committed offsets (Kafka API 20).",
  request: Type.Object({ topics: Type.Array(Topic, { maxItems: 10_000 }) }),
  response: Type.Object({ results: Type.Array(Type.Object({ topic: Topic, error: Type.Optional(ItemError) })) }),
  errors: ["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION", "STORAGE_FULL", "KAFKA_STORAGE_ERROR"],
});
