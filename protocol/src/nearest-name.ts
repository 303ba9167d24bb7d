// The nearest known name to a mistyped one, for options and settings: fewest insertions, deletions and substitutions (Levenshtein).

// Longer names are cut: an option name of a megabyte must not cost a second.
const MAX_COMPARED_LENGTH = 64;

/** The number of single-character edits between two texts. */
export function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const substituted = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(substituted, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/** The known name that is nearest; `groupId` and `group_id` are near to `group.id`. Undefined only when none is known. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) =>
    text
      .slice(0, MAX_COMPARED_LENGTH)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, "");
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}
