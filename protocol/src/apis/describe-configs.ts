import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, Topic } from "./fields.ts";

const ConfigSource = Type.Union([Type.Literal("default"), Type.Literal("broker"), Type.Literal("topic")], {
  description: "Where the value comes from: brooklet's default, a setting of the broker, or the topic itself.",
});
const ConfigEntry = Type.Object({
  name: Type.String({ description: "Kafka's name." }),
  value: Type.String({ description: "As text, whatever its type." }),
  source: ConfigSource,
});

export const describeConfigs = api({
  name: "describeConfigs",
  text: "The configurations of topics and of the broker (Kafka API 32), ordered by name. Without topics: of none.",
  request: Type.Object({
    topics: Type.Optional(Type.Array(Topic, { maxItems: 1_000 })),
    broker: described(
      "Also the broker's own settings; secrets are never among them. Default false.",
      Type.Optional(Type.Boolean()),
    ),
  }),
  response: Type.Object({
    results: described(
      "In the order of the request.",
      Type.Array(
        Type.Object({
          topic: Topic,
          configs: described("Ordered by name.", Type.Array(ConfigEntry)),
          error: Type.Optional(ItemError),
        }),
      ),
    ),
    broker: described("Only when asked for.", Type.Optional(Type.Array(ConfigEntry))),
  }),
  errors: ["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION"],
});
