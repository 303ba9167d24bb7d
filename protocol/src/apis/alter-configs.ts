import Type from "typebox";
import { api } from "./api.ts";
import { ItemError, Topic } from "./fields.ts";

/** Sets configurations of topics while they are in use (Kafka API 44, IncrementalAlterConfigs); null returns to the default. */
export const alterConfigs = api({
  name: "alterConfigs",
  request: Type.Object({
    changes: Type.Array(
      Type.Object({ topic: Topic, configs: Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])) }),
      { maxItems: 10_000 },
    ),
    /** Checks only. Default false. */
    validateOnly: Type.Optional(Type.Boolean()),
  }),
  response: Type.Object({ results: Type.Array(Type.Object({ topic: Topic, error: Type.Optional(ItemError) })) }),
  errors: [
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_TOPIC_EXCEPTION",
    "INVALID_CONFIG",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
