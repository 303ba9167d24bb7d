// The nearest known name to a mistyped one, for options and settings: fewest insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment). What resembles nothing gets no name: a wild guess only misleads.

// Longer names are cut: an option name of a megabyte must not cost a second.
const MAX_COMPARED_LENGTH = 64;
/** Of the longer name: with more edits than this the two are different words. */
const MAX_EDITED_SHARE = 0.4;

/** The number of single-character edits between two texts; two neighbours that changed places are one. */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const substituted = (last[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const isSwapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const swapped = isSwapped ? (beforeLast[column - 2] ?? Number.POSITIVE_INFINITY) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substituted, swapped, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}

/** The known name that is nearest; `groupId` and `group_id` are near to `group.id`. Undefined when none resembles it. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) =>
    text
      .slice(0, MAX_COMPARED_LENGTH)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, "");
  const wanted = plain(name);
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const compared = plain(candidate);
    const most = MAX_EDITED_SHARE * Math.max(wanted.length, compared.length);
    // Each letter that one has more is an edit: most names need no closer look.
    if (Math.abs(wanted.length - compared.length) > most) continue;
    const distance = editDistance(wanted, compared);
    if (distance <= most && distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}
