// Loads a codec's library when it is first used: who never meets snappy or lz4 needs neither.

import { createRequire } from "node:module";
import { ProtocolError } from "../errors.ts";
import type { CodecName } from "./codec.ts";

const require = createRequire(import.meta.url);

/**
 * Gives a function that loads `packageName` once.
 *
 * Errors: UNSUPPORTED_COMPRESSION_TYPE, naming the package, when it is absent or has no binary for this machine.
 */
export function library<T>(name: CodecName, packageName: string, load: (id: string) => unknown = require): () => T {
  let loaded: T | undefined;
  return () => {
    if (loaded !== undefined) return loaded;
    try {
      loaded = load(packageName) as T;
      return loaded;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
      throw new ProtocolError(
        "UNSUPPORTED_COMPRESSION_TYPE",
        `Compression ${name} cannot be used: the package ${packageName} could not be loaded (${why}).`,
        { cause, hint: `npm install ${packageName}, or use gzip or zstd, which are Node's own.` },
      );
    }
  };
}
