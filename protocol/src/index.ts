// The contract both sides share. The schemas (typebox) are a public entry of their own, ./apis: the SDK needs only their types.

export type { ApiName, ApiRequest, ApiResponse, Apis } from "./apis/index.ts";
export * from "./errors.ts";
export * from "./limits.ts";
export * from "./names.ts";
