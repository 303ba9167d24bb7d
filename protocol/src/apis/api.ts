// What an API is: one name, one request, one response, the errors it answers with, and whether raw batches travel beside it.

import type { Static, TObject } from "typebox";
import type { ErrorCode } from "../errors.ts";

export interface ApiDefinition<
  Name extends string = string,
  Request extends TObject = TObject,
  Response extends TObject = TObject,
> {
  /** Kafka's name in lower camel case. */
  readonly name: Name;
  /** What it is for, and Kafka's number of it; for the reference page and /openapi.json. */
  readonly text: string;
  readonly request: Request;
  readonly response: Response;
  /** The array whose items have `bytes`: the payload holds that many bytes for each, in order. */
  readonly requestPayload?: string;
  readonly responsePayload?: string;
  /** Every error it may answer with, whole or per item, beyond those of any request (commonErrors). */
  readonly errors: readonly ErrorCode[];
}

/** Defines an API; keeps the literal types. */
export function api<const Name extends string, Request extends TObject, Response extends TObject>(
  definition: ApiDefinition<Name, Request, Response>,
): ApiDefinition<Name, Request, Response> {
  return definition;
}

/** What any request may be answered with. */
export const commonErrors = [
  "INVALID_REQUEST",
  "UNSUPPORTED_VERSION",
  "THROTTLING_QUOTA_EXCEEDED",
  "BROKER_NOT_AVAILABLE",
  "CLUSTER_AUTHORIZATION_FAILED",
  "SASL_AUTHENTICATION_FAILED",
  "STALE_CONNECTION",
  "UNKNOWN_SERVER_ERROR",
] as const satisfies readonly ErrorCode[];

export type RequestOf<A extends ApiDefinition> = Static<A["request"]>;
export type ResponseOf<A extends ApiDefinition> = Static<A["response"]>;
