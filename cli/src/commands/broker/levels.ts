// The words that --durability and --log-level take: for the help and completion too, which load nothing of the broker.

export const durabilities = ["disk", "process", "memory"] as const;
export type Durability = (typeof durabilities)[number];

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];
