// What this side has measured and a broker cannot know: it explains why a member was put out. Pure.

/** Only what is longer than a heartbeat interval explains anything; in parentheses, or nothing. */
export function measuredSilence(blockedMs: number, sincePollMs: number, heartbeatIntervalMs: number): string {
  const facts: string[] = [];
  if (blockedMs > heartbeatIntervalMs) facts.push(`the client's event loop was blocked ${seconds(blockedMs)}`);
  if (sincePollMs > heartbeatIntervalMs && Number.isFinite(sincePollMs)) {
    facts.push(`the last poll was ${seconds(sincePollMs)} ago`);
  }
  return facts.length === 0 ? "" : ` (${facts.join("; ")})`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
