// Kafka's default partitioner: murmur2 over the key's bytes (org.apache.kafka.common.utils.Utils.murmur2), so that a key
// lands in the partition that every other Kafka client would choose.

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** The hash of `bytes` as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const wholeBytes = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < wholeBytes; at += 4) {
    let k =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = length - wholeBytes;
  if (rest === 3) hash ^= (bytes[wholeBytes + 2] as number) << 16;
  if (rest >= 2) hash ^= (bytes[wholeBytes + 1] as number) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ (bytes[wholeBytes] as number), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** The partition of a record with this key. Kafka's toPositive drops the sign bit; it is not the absolute value. */
export function partitionForKey(keyBytes: Uint8Array, partitionCount: number): number {
  return (murmur2(keyBytes) & 0x7fffffff) % partitionCount;
}
