// The contract both sides share. The schemas (typebox) are a public entry of their own, ./apis: the SDK needs only their types.

export { crc32c } from "#crc32c";
export type { ApiName, ApiRequest, ApiResponse, Apis } from "./apis/index.ts";
export { type CodecName, codecIds, DEFAULT_MAX_UNPACKED_BYTES, MAX_UNPACKED_BYTES } from "./codecs/codec.ts";
export * from "./errors.ts";
export { decodeFrame, encodeFrame, type Frame, parseHeader, splitPayload } from "./frames.ts";
export * from "./limits.ts";
export { murmur2, partitionForKey } from "./murmur2.ts";
export * from "./names.ts";
export { nearestName } from "./nearest-name.ts";
export {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  batchSizeBytes,
  countRecords,
  NO_PRODUCER,
  patchBatch,
  readBatchHeader,
  setLogAppendTime,
  setProducer,
  splitBatches,
  type TimestampType,
} from "./records/batch.ts";
export {
  BatchBuilder,
  type BatchOptions,
  encodeBatch,
  estimateRecordBytes,
  type RecordData,
} from "./records/builder.ts";
export { type CheckedBatchHeader, checkBatch, checkCrc } from "./records/check.ts";
export { compressBatch, hasCompressed, isCompressed, unpackBatch, unpackBatchSync } from "./records/packing.ts";
export { type DecodedRecord, decodeBatch, type RecordHeader } from "./records/record.ts";
