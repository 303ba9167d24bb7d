// Chance, as everything else in brooklet sees it. The real source is in system.ts; a simulation brings a seeded one.

/** Where chance comes from. */
export interface Random {
  /** A number in [0, 1): jitter, shuffles. Not for secrets. */
  next(): number;
  /** A random UUID in Kafka's text form: 22 characters of base64url, never starting with "-". */
  uuid(): string;
}
