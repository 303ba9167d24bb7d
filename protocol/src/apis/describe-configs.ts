import Type from "typebox";
import { api } from "./api.ts";
import { ItemError, Topic } from "./fields.ts";

/** Where a value comes from: the table, a setting of the broker, or the topic itself. */
const ConfigSource = Type.Union([Type.Literal("default"), Type.Literal("broker"), Type.Literal("topic")]);
const ConfigEntry = Type.Object({ name: Type.String(), value: Type.String(), source: ConfigSource });

/** The configurations of topics and of the broker (Kafka API 32), ordered by name. */
export const describeConfigs = api({
  name: "describeConfigs",
  request: Type.Object({
    topics: Type.Optional(Type.Array(Topic, { maxItems: 10_000 })),
    /** Also the broker's own settings; secrets are never among them. Default false. */
    broker: Type.Optional(Type.Boolean()),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({ topic: Topic, configs: Type.Array(ConfigEntry), error: Type.Optional(ItemError) }),
    ),
    /** Only when asked for. */
    broker: Type.Optional(Type.Array(ConfigEntry)),
  }),
  errors: ["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION"],
});
