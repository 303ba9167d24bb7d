// The schemas' public entry: every API, its validation, and the types that follow. Needs typebox; the main entry does not.

export { type ApiDefinition, commonErrors } from "./api.ts";
export type { GroupState, TimelineEvent } from "./describe-groups.ts";
export { ItemError } from "./fields.ts";
export { type ApiName, type ApiRequest, type ApiResponse, type Apis, apis, isApiName } from "./table.ts";
export { checkRequest } from "./validate.ts";
