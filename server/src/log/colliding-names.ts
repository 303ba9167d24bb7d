// Topic names that differ only in "." and "_": legal, but one name to whatever writes a dot as an underscore, as many metric
// systems do. Kafka refuses the second one (ReplicationControlManager, Topic.hasCollisionChars); here it is worth a warning.
// Invariant: holds each existing name that has one of the two characters, and no other.

export class CollidingNames {
  readonly #byUnified = new Map<string, Set<string>>();

  constructor(names: Iterable<string>) {
    for (const name of names) this.add(name);
  }

  /** The name exists from now on. Answers with another one that it may be taken for, if there is one. */
  add(name: string): string | undefined {
    const unified = unify(name);
    if (unified === undefined) return undefined;
    const names = this.#byUnified.get(unified) ?? new Set();
    const [other] = names;
    this.#byUnified.set(unified, names.add(name));
    return other;
  }

  delete(name: string): void {
    const unified = unify(name);
    if (unified === undefined) return;
    const names = this.#byUnified.get(unified);
    names?.delete(name);
    if (names?.size === 0) this.#byUnified.delete(unified);
  }
}

/** Undefined for a name without either character: it collides with nothing. */
function unify(name: string): string | undefined {
  return /[._]/.test(name) ? name.replaceAll(".", "_") : undefined;
}
