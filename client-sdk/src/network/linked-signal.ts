// One signal for several reasons to stop: the caller's, and the close of the client.
// Not AbortSignal.any: what it hangs on a long-lived signal is not taken off when the call is over.
// Invariant: after `release` none of the signals holds anything of ours.

export interface LinkedSignal {
  readonly signal: AbortSignal;
  release(): void;
}

/** Aborts with the reason of the first that aborts; one that has aborted already counts. */
export function linkSignals(...signals: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const links: { readonly from: AbortSignal; readonly onAbort: () => void }[] = [];
  for (const from of signals) {
    if (from === undefined) continue;
    const onAbort = () => controller.abort(from.reason);
    if (from.aborted) onAbort();
    else from.addEventListener("abort", onAbort, { once: true });
    links.push({ from, onAbort });
  }
  return {
    signal: controller.signal,
    release() {
      for (const { from, onAbort } of links) from.removeEventListener("abort", onAbort);
    },
  };
}
