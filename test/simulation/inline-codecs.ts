// In a simulation compression happens between two events of the simulated time: zlib's threads would finish at real times,
// and a run would not repeat from its seed. Imported before anything of brooklet; only simulations import it.

import zlib from "node:zlib";

type Work = (bytes: Uint8Array, options: object) => unknown;

for (const name of ["gzip", "gunzip", "zstdCompress", "zstdDecompress"] as const) {
  const work = zlib[`${name}Sync`] as unknown as Work;
  const inline = (bytes: Uint8Array, options: object, done: (error: unknown, result?: unknown) => void) => {
    let result: unknown;
    try {
      result = work(bytes, options);
    } catch (error) {
      done(error);
      return;
    }
    done(null, result);
  };
  Object.assign(zlib, { [name]: inline });
}
