// Moments as people write them on a command line: milliseconds since 1970, ISO 8601, or so long ago.
// As in Kafka's tools a date-time without a zone is UTC, so that a script means the same on every machine.

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);
const MAX_DIGITS = 15;
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** What parseMoment takes, for messages and help. */
export const MOMENTS = "milliseconds since 1970, 2026-01-31T12:00:00Z (UTC without a zone), or -90s, -30m, -2h, -7d";

/** Milliseconds since 1970, never negative; undefined when the text is no moment. `wallMs` is now. */
export function parseMoment(text: string, wallMs: number): number | undefined {
  if (/^\d+$/.test(text)) return text.length <= MAX_DIGITS ? Number(text) : undefined;
  const ago = /^-(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (ago !== null) return Math.max(0, wallMs - Number(ago[1]) * (UNITS_MS.get(ago[2] ?? "") ?? 0));
  const parts = DATE_TIME.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as Six;
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const zoneMinutes = zoneMinutesOf(parts[8]);
  if (zoneMinutes === undefined) return undefined;
  const milliseconds = Math.floor(Number(`0.${parts[7] ?? 0}`) * 1_000);
  const minutes = (daysSince1970(year, month, day) * 24 + hour) * 60 + minute - zoneMinutes;
  const moment = (minutes * 60 + second) * 1_000 + milliseconds;
  return moment < 0 ? undefined : moment;
}

type Six = [number, number, number, number, number, number];

/** East of Greenwich; undefined where no zone can be. */
function zoneMinutesOf(zone: string | undefined): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone ?? "") ?? [];
  if (hours === undefined) return 0;
  const total = Number(hours) * 60 + Number(minutes ?? 0);
  if (Number(minutes ?? 0) > 59 || total > 18 * 60) return undefined;
  return sign === "-" ? -total : total;
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

function daysOf(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1;
  let days = year * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) + day - 1;
  for (let earlier = 1; earlier < month; earlier++) days += daysOf(year, earlier);
  return days - DAYS_BEFORE_1970;
}

const DAYS_BEFORE_1970 = 1970 * 365 + 492 - 19 + 4;
