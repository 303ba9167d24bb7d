// The admin client's options (SEMANTICS.md 1.2).

import {
  atLeast,
  commonFamilies,
  commonOptions,
  commonRules,
  ignored,
  insteadUse,
  MAX_INT32,
  refused,
} from "./common.ts";
import { type ConfigOf, optionTable } from "./option.ts";
import { type Parsed, parseConfig } from "./parse.ts";

const FRESH_METADATA = "each call asks for the metadata that it needs";

export const adminOptions = optionTable({
  ...commonOptions,
  "default.api.timeout.ms": atLeast(0, 60_000, "How long a call may take in all when it names no timeoutMs."),
  retries: atLeast(0, MAX_INT32, "How often a request is repeated, within the time of its call."),
  "metadata.max.age.ms": ignored(FRESH_METADATA),
  "topic.metadata.refresh.interval.ms": refused(FRESH_METADATA),
  "bootstrap.controllers": insteadUse("bootstrap.servers", "there are no controllers"),
});

export type AdminSettings = Parsed<typeof adminOptions>;

/** Kafka's option names; numbers in Kafka's units. A name that is not here is a type error, and refused at construction. */
export interface AdminConfig extends ConfigOf<typeof adminOptions> {
  /** One or more host:port, comma separated or an array; the next is tried when one is down. */
  "bootstrap.servers": string | string[];
}

let admins = 0;

/**
 * Checks an admin client's configuration and fills in Kafka's defaults; `client.id` is `adminclient-<number>` by default.
 *
 * Errors: ConfigError with all problems at once.
 */
export function parseAdminConfig(config: object): AdminSettings {
  const settings = parseConfig(adminOptions, commonFamilies, config, {}, [...commonRules]);
  return { ...settings, clientId: settings.clientId === "" ? `adminclient-${++admins}` : settings.clientId };
}
