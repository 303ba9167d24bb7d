// The shells that are completed, and the hidden command that their scripts ask.

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** No row of the table, because its words are another command line's. */
export const COMPLETE = "__complete";
