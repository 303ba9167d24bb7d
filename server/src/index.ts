// The public entry of @brooklet/server.

export { type Broker, ListenError, StorageOpenError, type StorageOpenErrorKind, startBroker } from "./broker.ts";
export { createLogger } from "./logger.ts";
export { type BrokerOptions, optionProblems } from "./options.ts";
export {
  problemText,
  type SettingDefinition,
  type SettingName,
  type SettingProblem,
  type Settings,
  SettingsError,
  settingDefinitions,
} from "./settings.ts";
export { insteadOfKafkas } from "./settings-of-kafka.ts";
export type { AcceptLink, Durability, Logger, OpenedStorage, ServerWorld } from "./world.ts";
