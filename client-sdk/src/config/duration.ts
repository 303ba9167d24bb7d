// ISO-8601 durations as java.time.Duration.parse reads them: days, hours, minutes and seconds with a fraction; a day has 24
// hours. Months and years have no fixed length and are refused, as there.

const DURATION =
  /^([-+]?)P(?:([-+]?\d{1,15})D)?(?:(T)(?:([-+]?\d{1,15})H)?(?:([-+]?\d{1,15})M)?(?:([-+]?\d{1,15})(?:[.,](\d{0,9}))?S)?)?$/i;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Milliseconds, rounded down; undefined for what is no duration, or longer than a safe integer. May be negative. */
export function parseDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const [, sign, days, t, hours, minutes, seconds, fraction = ""] = match;
  const parts = [days, hours, minutes, seconds];
  if (parts.every((part) => part === undefined)) return undefined;
  // "P1DT": a T with nothing behind it.
  if (t !== undefined && hours === undefined && minutes === undefined && seconds === undefined) return undefined;
  const fractionMs = Math.floor(Number(`0.${fraction || "0"}`) * SECOND_MS) * (seconds?.startsWith("-") ? -1 : 1);
  const number = (part: string | undefined) => (part === undefined ? 0 : Number(part));
  const sumMs =
    number(days) * DAY_MS +
    number(hours) * HOUR_MS +
    number(minutes) * MINUTE_MS +
    number(seconds) * SECOND_MS +
    fractionMs;
  const durationMs = sign === "-" ? -sumMs : sumMs;
  return Number.isSafeInteger(durationMs) ? durationMs : undefined;
}
