// Configuration files in the form of Kafka's server.properties: `name=value` or `name: value` a line, # and ! begin a comment,
// a backslash at the end continues the line, and \n \t \r \f \\ \uXXXX stand for what they stand for in Java.
// Invariant: whatever the text is, reading it ends with entries and problems, each with its line.

export interface Property {
  readonly name: string;
  readonly value: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

export interface Properties {
  /** In the order of the file; of one name the last counts. */
  readonly properties: readonly Property[];
  /** Lines that are no property. */
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["f", "\f"],
]);

export function parseProperties(text: string): Properties {
  const properties: Property[] = [];
  const problems: { line: number; problem: string }[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let logical = (lines[index] ?? "").trimStart();
    if (logical === "" || logical.startsWith("#") || logical.startsWith("!")) continue;
    while (endsInContinuation(logical) && index + 1 < lines.length)
      logical = logical.slice(0, -1) + (lines[++index] ?? "").trimStart();
    const at = logical.search(/[=:]/);
    const name = (at < 0 ? logical : logical.slice(0, at)).trim();
    if (at <= 0 || name === "" || /\s/.test(name))
      // Not repeated: it may be a token that somebody pasted into the wrong file.
      problems.push({ line, problem: "is no name=value" });
    else properties.push({ name, value: unescaped(logical.slice(at + 1).trim()), line });
  }
  return { properties, problems };
}

/** An odd number of backslashes: an even one is a value that ends in some. */
function endsInContinuation(line: string): boolean {
  let count = 0;
  while (line.at(-1 - count) === "\\") count++;
  return count % 2 === 1;
}

/** As Java reads it: a backslash before anything else is dropped. */
function unescaped(value: string): string {
  return value.replace(/\\(u[0-9a-fA-F]{4}|.|$)/gs, (_, code: string) =>
    code.length === 5 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES.get(code) ?? code),
  );
}
