// A text that must show up nowhere: not in a log line, an error, an event, JSON or the inspection of an object that holds it.
// Invariant: it leaves only by `reveal`, and only connection.ts calls that, for the `hello` of a connection.

/** A token. Whatever prints it gets `[secret]`. */
export class Secret {
  /** Private to the language: neither inspection nor JSON nor a copy of the fields finds it. */
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. */
  reveal(): string {
    return this.#text;
  }

  /** Whether both hide the same. */
  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}
