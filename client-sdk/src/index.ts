// The public entry of @brooklet/client: what contract.d.ts names, and nothing of the inside.

export { Admin } from "./admin/admin.ts";
export type {
  BrokerStatus,
  ConfigChange,
  ConfigEntry,
  GroupDescription,
  ListedOffset,
  MemberToRemove,
  NewTopic,
  TopicConfigs,
  TopicDescription,
} from "./admin/types.ts";
export type { CallOptions } from "./call-options.ts";
export type { AdminConfig } from "./config/admin.ts";
export type { ConsumerConfig } from "./config/consumer.ts";
export type { ProducerConfig } from "./config/producer.ts";
export type { ConsumerInterceptor, ConsumerRecord } from "./consumed.ts";
export type { CloseOptions } from "./consumer/closing.ts";
export type { CommitCallback } from "./consumer/commits.ts";
export { Consumer } from "./consumer/consumer.ts";
export type { ConsumerEvent, RebalanceListener } from "./consumer/types.ts";
export {
  BrookletError,
  ClosedError,
  CommitFailedError,
  type CommittedOffset,
  ConfigError,
  type ConfigProblem,
  FencedInstanceIdError,
  IllegalStateError,
  LogTruncationError,
  NoOffsetForPartitionError,
  type OffsetAndMetadata,
  OffsetOutOfRangeError,
  ProducerFencedError,
  RecordDeserializationError,
  RecordTooLargeError,
  RetriableCommitFailedError,
  RetriableError,
  TimeoutError,
  type TopicPartition,
  UnreleasedInstanceIdError,
  WakeupError,
} from "./errors.ts";
export type { ProducerInterceptor, ProducerRecord, RecordMetadata } from "./produced.ts";
export { Producer } from "./producer/producer.ts";
export {
  bytes,
  type Deserializer,
  double,
  type Header,
  int64,
  json,
  type Serde,
  type Serializer,
  string,
} from "./serdes.ts";
export type { ClientLogger, ClientOptions, ClientWorld } from "./world.ts";
