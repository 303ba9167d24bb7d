// Fixed bounds of the protocol that both sides must agree on before they have spoken; all else the broker grants in `hello`.

/** The largest JSON header of a request. */
export const MAX_HEADER_BYTES = 1024 * 1024;
/** The same of an answer: all topics of a broker that has as many as `max.topics` lets it, whatever they are called. */
export const MAX_ANSWER_HEADER_BYTES = 16 * 1024 * 1024;
/** The same before `hello` was answered. */
export const MAX_HEADER_BYTES_BEFORE_HELLO = 64 * 1024;
/** The u32 that leads a frame. */
export const FRAME_PREFIX_BYTES = 4;
/** JSON nesting in a frame header; checked before it is parsed. */
export const MAX_JSON_DEPTH = 32;
/** Keys of one object in a frame header: more is no request of anybody, and an object that wide is slow to build. */
export const MAX_JSON_KEYS = 10_000;

export const WEBSOCKET_PATH = "/v1/ws";
export const WEBSOCKET_SUBPROTOCOL = "brooklet.v1";
export const FRAME_CONTENT_TYPE = "application/vnd.brooklet";
export const DEFAULT_PORT = 4092;
/** Versions of the protocol this package speaks. */
export const PROTOCOL_VERSIONS: readonly number[] = [1];
