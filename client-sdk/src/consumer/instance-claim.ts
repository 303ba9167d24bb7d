// Taking over a group.instance.id whose last holder still counts as alive (hard place 12): after a SIGKILL the broker hears of
// the end only when the session does. Pure: time comes in.
//
// Invariant: it ends: the first refusal of a connection sets the time after which the claim is given up.

import type { BrookletError } from "../errors.ts";
import { UnreleasedInstanceIdError } from "../errors.ts";

export interface ClaimSettings {
  /** Assumed for the holder when the refusal does not say how long to wait. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
}

export class InstanceClaim {
  #firstMs: number | undefined;
  #connectionSeq = -1;
  #freeAtMs = 0;

  /**
   * How long to wait before the next claim; undefined: it is over. Every heartbeat interval until the holder's session can
   * have ended, so that a release in between is noticed; then with the back-off, for one more heartbeat interval. A refusal
   * by a newer connection counts as the first: a broker that was restarted gave the holder a session afresh.
   */
  refused(
    error: BrookletError,
    settings: ClaimSettings,
    { backoffMs, nowMs, connectionSeq }: { backoffMs: number; nowMs: number; connectionSeq: number },
  ): number | undefined {
    const { sessionTimeoutMs, heartbeatIntervalMs } = settings;
    if (this.#firstMs === undefined || connectionSeq !== this.#connectionSeq) {
      this.#connectionSeq = connectionSeq;
      const said = error.context?.retryAfterMs;
      const retryAfterMs = typeof said === "number" && said >= 0 ? said : sessionTimeoutMs;
      this.#firstMs ??= nowMs;
      this.#freeAtMs = nowMs + retryAfterMs;
    }
    if (nowMs < this.#freeAtMs) return Math.min(heartbeatIntervalMs, this.#freeAtMs - nowMs);
    const leftMs = this.#freeAtMs + heartbeatIntervalMs - nowMs;
    return leftMs > 0 ? Math.min(backoffMs, leftMs) : undefined;
  }

  /** Why the claim is over. */
  givenUp(error: BrookletError, nowMs: number): UnreleasedInstanceIdError {
    const waited = `${((nowMs - (this.#firstMs ?? nowMs)) / 1000).toFixed(1)} s`;
    return new UnreleasedInstanceIdError(`${error.message}; it is still so ${waited} after the first refusal`, {
      code: error.code,
      fatal: true,
      hint: "another running process has this group.instance.id: give each its own, or stop the other and make a new Consumer",
      ...(error.context === undefined ? {} : { context: error.context }),
      cause: error,
    });
  }

  /** It succeeded, or a broker that was away has given the holder a session afresh. */
  reset(): void {
    this.#firstMs = undefined;
  }
}
