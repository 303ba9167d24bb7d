// Why a data folder could not be opened. The command maps the kinds to exit codes; the message says what to do.

/**
 * `conflict`: another broker holds the folder. `denied`: it may not be written, or lies on a network file system.
 * `damaged`: SQLite cannot read it. `foreign`: a file of another program. `newer`: written by a newer brooklet.
 * `full`: no room on the disk. `unsupported`: this build of SQLite does not give what the durability level promises.
 */
export type StorageOpenErrorKind = "conflict" | "denied" | "damaged" | "foreign" | "newer" | "full" | "unsupported";

export class StorageOpenError extends Error {
  override name = "StorageOpenError";
  readonly kind: StorageOpenErrorKind;
  constructor(kind: StorageOpenErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}
