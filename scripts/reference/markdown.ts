// The little Markdown that the reference pages are made of.

/** A table; cells may hold any text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** Text as one line inside a cell. */
function cell(text: string): string {
  return text.replaceAll("\n", " ").replaceAll("|", "\\|");
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** Sections with a blank line between them, and the note that says where a page comes from. */
export function page(title: string, source: string, ...sections: readonly string[]): string {
  const note = `<!-- Rendered from ${source} by \`npm run reference\`; a test holds it equal. -->`;
  return `${[`# ${title}`, note, ...sections].join("\n\n")}\n`;
}

/** A number as people read it: 1,048,588. */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}
