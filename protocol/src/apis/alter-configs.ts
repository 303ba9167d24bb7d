import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, Topic } from "./fields.ts";

export const alterConfigs = api({
  name: "alterConfigs",
  text: "Sets configurations of topics while they are in use (Kafka API 44, IncrementalAlterConfigs); null returns to the default.",
  request: Type.Object({
    changes: described(
      "Each topic by itself.",
      Type.Array(
        Type.Object({
          topic: Topic,
          configs: described(
            "By name; null returns to the default.",
            Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])),
          ),
        }),
        { maxItems: 10_000 },
      ),
    ),
    validateOnly: described("Checks only. Default false.", Type.Optional(Type.Boolean())),
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
