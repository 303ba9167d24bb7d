// Fields that several APIs share. Names and ids are checked by their handlers, which answer with Kafka's code;
// the schemas say only what shape a header has.

import Type, { type TSchema } from "typebox";

/** The schema with its meaning in words, for the reference page and /openapi.json; nothing is checked by it. */
export function described<const Schema extends TSchema>(description: string, schema: Schema): Schema {
  // typebox keeps what it knows of a schema in properties that a spread would lose.
  return Object.defineProperties({} as Schema, {
    ...Object.getOwnPropertyDescriptors(schema),
    description: { value: description, enumerable: true },
  });
}

const MAX_SAFE = Number.MAX_SAFE_INTEGER;
const MAX_INT32 = 2_147_483_647;

export const Topic = Type.String();
/** A UUID in Kafka's text form: 22 characters of base64url. */
export const TopicId = Type.String({ maxLength: 64 });
export const Partition = Type.Integer({ minimum: -MAX_INT32, maximum: MAX_INT32 });
export const Offset = Type.Integer({ minimum: -1, maximum: MAX_SAFE });
/** A position to read from or to commit may be nonsense; the handler says so in Kafka's words. */
export const AnyInteger = Type.Integer({ minimum: -MAX_SAFE, maximum: MAX_SAFE });
export const LeaderEpoch = Type.Integer({ minimum: -1, maximum: MAX_INT32 });
export const Timestamp = Type.Integer({ minimum: -1, maximum: MAX_SAFE });
export const WallMs = Type.Integer({ minimum: 0, maximum: MAX_SAFE });
export const DurationMs = Type.Integer({ minimum: 0, maximum: MAX_SAFE });
export const ByteCount = Type.Integer({ minimum: 0, maximum: MAX_SAFE });
export const GroupId = Type.String();
export const MemberId = Type.String({ maxLength: 256 });
export const MemberEpoch = Type.Integer({ minimum: -2, maximum: MAX_INT32 });
/** A member's own rising number, one sequence for heartbeats and one for commits (DESIGN.md section 4, hard place 5). */
export const Seq = Type.Integer({ minimum: 0, maximum: MAX_SAFE });
export const Isolation = Type.Union([Type.Literal("read_uncommitted"), Type.Literal("read_committed")]);

export const ItemError = Type.Object({
  code: Type.String(),
  message: Type.String(),
  retriable: Type.Boolean(),
  definite: Type.Boolean(),
  hint: Type.Optional(Type.String()),
  context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const TopicPartition = { topic: Topic, topicId: Type.Optional(TopicId), partition: Partition };
export const OwnedPartition = Type.Object({ topic: Topic, topicId: TopicId, partition: Partition });
