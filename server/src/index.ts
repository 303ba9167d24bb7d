// The public entry of @brooklet/server.

export { type Broker, startBroker } from "./broker.ts";
export { ListenError } from "./listeners/listen-error.ts";
export { createLogger } from "./logger.ts";
export type { BrokerOptions } from "./options.ts";
export {
  type SettingDefinition,
  type SettingName,
  type SettingProblem,
  type Settings,
  SettingsError,
  settingDefinitions,
} from "./settings.ts";
export { StorageOpenError, type StorageOpenErrorKind } from "./storage/open-error.ts";
export type { Durability, OpenedStorage } from "./storage/storage.ts";
export type { AcceptLink, Logger, ServerWorld } from "./world.ts";
