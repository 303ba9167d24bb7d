// One end of a connection that a test holds: what was sent, whether it is read, how it was closed.

import { decodeFrame, MAX_HEADER_BYTES } from "@brooklet/protocol";
import type { Link } from "@brooklet/protocol/world";

export class FakeLink implements Link {
  readonly sent: Uint8Array[] = [];
  reading = true;
  closed: { code: number; reason: string } | undefined;
  bufferedBytes = 0;

  send(message: Uint8Array): void {
    if (this.closed === undefined) this.sent.push(message);
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  terminate(): void {
    this.closed ??= { code: 1006, reason: "" };
  }

  pause(): void {
    this.reading = false;
  }

  resume(): void {
    this.reading = true;
  }

  /** The headers of the frames sent so far. */
  get headers(): Record<string, unknown>[] {
    return this.sent.map((message) => decodeFrame(message, { maxHeaderBytes: MAX_HEADER_BYTES }).header);
  }

  get last(): Record<string, unknown> | undefined {
    return this.headers.at(-1);
  }
}
