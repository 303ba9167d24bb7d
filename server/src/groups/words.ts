// A client's words in other people's texts.

/** ": its reason", or nothing. */
export function because({ reason }: { readonly reason?: string }): string {
  return reason === undefined || reason === "" ? "" : `: ${printable(reason)}`;
}

/** Without control characters: a client's words end up on other people's terminals. */
export function printable(text: string | undefined): string | undefined {
  return text?.replace(/\p{Cc}+/gu, " ");
}
