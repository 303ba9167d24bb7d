// The network door: one HTTP server for requests and WebSocket upgrades, with one guard in front of both.
//
// Every limit is set here and explicitly: Node's and Fastify's defaults wait for ever.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import {
  FRAME_PREFIX_BYTES,
  MAX_HEADER_BYTES,
  ProtocolError,
  WEBSOCKET_PATH,
  WEBSOCKET_SUBPROTOCOL,
} from "@brooklet/protocol";
import { fastify as createFastify, type FastifyInstance } from "fastify";
import type { Logger } from "../world.ts";
import type { Denial } from "./authenticator.ts";
import { ConnectionBounds } from "./connection-bounds.ts";
import { answerCrossOrigin } from "./cross-origin.ts";
import type { Guard } from "./guard.ts";
import {
  encodedBody,
  isEncoded,
  NDJSON_CONTENT_TYPE,
  refuseExpectation,
  refuseRequest,
  refuseRoute,
  refuseSocket,
  respondError,
  respondUnsupportedType,
  shownRoute,
  takesMethod,
  unknownRoute,
} from "./http-answers.ts";
import { addApiRoute } from "./http-api.ts";
import type { HttpServices } from "./http-exchange.ts";
import { apiOfFrame, bodyTooLarge, receiveFrame } from "./http-frames.ts";
import { HttpLoad } from "./http-load.ts";
import { addMetricsRoute } from "./http-metrics.ts";
import { addSimpleRoutes } from "./http-simple.ts";
import { LateDenials } from "./late-denials.ts";
import { listenError } from "./listen-error.ts";
import { OpenStreams } from "./open-streams.ts";
import type { RefusalClass, RefusalLog } from "./refusal-log.ts";
import type { Sessions } from "./sessions.ts";
import { WebSocketDoor } from "./websocket.ts";

/** How often late requests are looked for, and at least this many times within the shortest time a request may take. */
const CHECK_INTERVAL_MS = 5_000;
const CHECKS_PER_TIMEOUT = 4;
/** A socket on which nothing moves; a parked fetch may be silent for fetch.max.wait.ms. */
const SILENCE_BEYOND_WAIT_MS = 30_000;
const MAX_REQUEST_HEADERS_BYTES = 16 * 1024;
/** A topic's name has at most 249 characters, a group's 256, each up to three bytes, each byte "%xx". */
const MAX_PATH_PARAMETER_LENGTH = 256 * 9;

export interface HttpDoorOptions extends Omit<HttpServices, "load" | "streams"> {
  readonly sessions: Sessions;
  readonly guard: Guard;
  readonly refusals: RefusalLog;
  readonly host: string;
  readonly port: number;
}

export interface HttpDoor {
  readonly port: number;
  /** Open sockets of clients that speak WebSocket; requests by HTTP that are not answered. */
  readonly load: { readonly sockets: number; readonly requests: number };
  /** No new connections; requests on open ones are refused. */
  stopAccepting(): void;
  /** Ends what is open and waits until the port is free. */
  close(): Promise<void>;
}

/**
 * Opens the door.
 *
 * Errors: an Error that says who has the port, or why the address cannot be used.
 */
export async function openHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const { broker, clock, guard, refusals, sessions, authenticator } = options;
  const bodyLimitBytes = FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + broker.settings["socket.request.max.bytes"];
  const load = new HttpLoad(bodyLimitBytes);
  const streams = new OpenStreams(broker.settings);
  broker.log.catalog.onChange((topic, change) => {
    if (change === "extended") streams.extended(topic);
  });
  let stopping = false;
  const tell = ({ socket }: IncomingMessage, error: ProtocolError, refusal: RefusalClass) =>
    refusals.refused(refusal, `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`, error.message);

  const denials = new LateDenials(clock);
  const deny = (request: IncomingMessage, { error, delayMs }: Denial, answer: () => void) => {
    // A late one was counted by its judge.
    if (delayMs === 0) tell(request, error, "token");
    denials.answer(request.socket, delayMs, answer);
  };

  const front = (route: (request: IncomingMessage, response: ServerResponse) => void) => {
    return (request: IncomingMessage, response: ServerResponse) => {
      // An upgrade that is passed over leaves Node's parser unable to read a next request.
      if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
      // What was sent ahead behind a wrong token goes with its connection.
      if (denials.isHeld(request.socket)) return;
      const refusal = guard.check(request);
      if (refusal !== undefined) {
        tell(request, refusal.error, classOf(refusal.httpStatus));
        refuseRequest(response, refusal.error, refusal.httpStatus);
        return;
      }
      if (request.headers.origin !== undefined && answerCrossOrigin(guard, request, response)) return;
      const denial = authenticator.checkRequest(request);
      if (denial !== undefined) {
        deny(request, denial, () => refuseRequest(response, denial.error));
      } else if (stopping) {
        refuseRequest(response, new ProtocolError("BROKER_NOT_AVAILABLE", "the broker is stopping"));
      } else if (isEncoded(request)) {
        refuseRequest(response, encodedBody(), 415);
      } else {
        const overload = load.enter(request, response);
        if (overload === undefined) {
          const api = apiOfFrame(request);
          if (api === undefined) route(request, response);
          else receiveFrame(api, request, response, services, bodyLimitBytes);
        } else {
          tell(request, overload, "overload");
          refuseRequest(response, overload);
        }
      }
    };
  };

  const { server, fastify } = createHttpServer(front, bodyLimitBytes, { ...options, streams, load });
  const services = { ...options, load, streams };
  addApiRoute(fastify, services);
  addSimpleRoutes(fastify, services);
  addMetricsRoute(fastify, services);
  await fastify.ready();

  const webSockets = new WebSocketDoor({
    accept: (link, peer) => sessions.accept(link, peer),
    clock,
    settings: broker.settings,
    logger: broker.logger,
    refusals,
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const refusal = guard.check(request);
    if (refusal !== undefined) {
      tell(request, refusal.error, classOf(refusal.httpStatus));
      refuseSocket(socket, refusal.error, refusal.httpStatus);
      return;
    }
    const { denial, authenticated } = authenticator.checkUpgrade(request);
    if (denial !== undefined) {
      deny(request, denial, () => refuseSocket(socket, denial.error, denial.error.row.httpStatus));
      return;
    }
    const mistake = upgradeRefusal(request, webSockets, stopping);
    if (mistake === undefined) {
      webSockets.upgrade(request, socket, head, authenticated);
    } else {
      tell(request, mistake.error, "target");
      refuseSocket(socket, mistake.error, mistake.httpStatus);
    }
  });

  const bounds = new ConnectionBounds(broker.settings, { clock, refusals });
  bounds.guard(server);
  try {
    await listen(server, options);
  } catch (error) {
    webSockets.close();
    denials.close();
    bounds.close();
    throw await listenError(error, options.host, options.port);
  }
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  const { port } = server.address() as AddressInfo;
  guard.opened(port);

  return {
    port,
    load: {
      get sockets() {
        return webSockets.count;
      },
      get requests() {
        return load.requests;
      },
    },
    stopAccepting() {
      stopping = true;
      server.close();
      streams.stop();
    },
    async close() {
      stopping = true;
      if (server.listening) server.close();
      denials.close();
      bounds.close();
      webSockets.close();
      server.closeAllConnections();
      await closed;
      await fastify.close();
    },
  };
}

/** The guard's refusals, by their status. */
function classOf(httpStatus: number): RefusalClass {
  return httpStatus === 421 ? "host" : httpStatus === 403 ? "origin" : "target";
}

function createHttpServer(
  front: (
    route: (request: IncomingMessage, response: ServerResponse) => void,
  ) => (request: IncomingMessage, response: ServerResponse) => void,
  bodyLimitBytes: number,
  { broker, streams, load }: HttpDoorOptions & { readonly streams: OpenStreams; readonly load: HttpLoad },
): { server: Server; fastify: FastifyInstance } {
  const silenceMs = broker.settings["fetch.max.wait.ms"] + SILENCE_BEYOND_WAIT_MS;
  const requestTimeout = broker.settings["http.request.timeout.ms"];
  const headersTimeout = Math.min(broker.settings["handshake.timeout.ms"], requestTimeout);
  const keepAliveTimeout = broker.settings["idle.timeout.ms"] / 2;
  const { logger } = broker;
  let server: Server | undefined;
  const fastify = createFastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout,
    connectionTimeout: silenceMs,
    keepAliveTimeout,
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER_LENGTH, ignoreTrailingSlash: false },
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    exposeHeadRoutes: false,
    logger: false,
    frameworkErrors: (error, request, reply) =>
      respondError(reply.raw, httpError(error, request.raw, { logger, bodyLimitBytes }), statusOf(error)),
    clientErrorHandler: (error, socket) => refuseGarbage(error, socket, { streams, load }),
    // The guard stands before Fastify, so that no route, present or future, can be without it.
    serverFactory: (route) => {
      const created = createServer(
        {
          headersTimeout,
          requestTimeout,
          connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, headersTimeout / CHECKS_PER_TIMEOUT),
          keepAliveTimeout,
          maxHeaderSize: MAX_REQUEST_HEADERS_BYTES,
          // Without a Host the guard answers, in the shape of all errors.
          requireHostHeader: false,
          noDelay: true,
          // `Upgrade: h2c`, which curl sends, is an offer to be passed over.
          shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
        },
        front(route),
      );
      created.timeout = silenceMs;
      // Bounded by their bytes: Node would pass over those beyond a count, and the guard with it.
      created.maxHeadersCount = 0;
      // Node would answer by itself, past the guard.
      created.on("checkExpectation", front(refuseExpectation));
      server = created;
      return created;
    },
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  // Its route reads it line by line.
  fastify.addContentTypeParser(NDJSON_CONTENT_TYPE, (_request, _body, done) => done(null));
  fastify.setNotFoundHandler((request, reply) => refuseRoute(request.raw, reply.raw));
  fastify.setErrorHandler((error, request, reply) => {
    if (request.is404 || !takesMethod(request.raw)) refuseRoute(request.raw, reply.raw);
    else if (statusOf(error) === 415) respondUnsupportedType(reply.raw);
    else respondError(reply.raw, httpError(error, request.raw, { logger, bodyLimitBytes }), statusOf(error));
  });
  if (server === undefined) throw new Error("Fastify made no server");
  return { server, fastify };
}

/** What Node could not read as a request: too large, too slow, or no HTTP at all. */
function refuseGarbage(
  error: Error & { code?: string },
  socket: Duplex,
  { streams, load }: { readonly streams: OpenStreams; readonly load: HttpLoad },
): void {
  // Told once per request: a body that may last goes on.
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && streams.lasts(socket)) return;
  // In the middle of another answer this one would be read as a part of it, or as that of another request.
  if (error.code === "ECONNRESET" || !socket.writable || load.isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const [httpStatus, problem] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? ([431, `the headers have more than ${MAX_REQUEST_HEADERS_BYTES} bytes`] as const)
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ([408, "the request did not arrive in time"] as const)
        : ([400, "this is no HTTP request"] as const);
  refuseSocket(socket, new ProtocolError("INVALID_REQUEST", problem), httpStatus);
}

/** What Fastify found wrong with a request before it reached a route: its size, its length, its path. */
function httpError(
  error: unknown,
  request: IncomingMessage,
  { logger, bodyLimitBytes }: { readonly logger: Logger; readonly bodyLimitBytes: number },
): ProtocolError {
  const httpStatus = statusOf(error);
  if (httpStatus >= 500) {
    logger.error({ err: error }, "an HTTP request failed unexpectedly; this is a bug in brooklet");
    return new ProtocolError("UNKNOWN_SERVER_ERROR", "the broker failed unexpectedly; its log says more");
  }
  // Fastify's own words repeat the query.
  if ((error as { code?: unknown }).code === "FST_ERR_BAD_URL")
    return new ProtocolError("INVALID_REQUEST", `the path of ${shownRoute(request)} is no UTF-8 in percent-encoding`);
  if (httpStatus === 413) return bodyTooLarge(bodyLimitBytes);
  const message = error instanceof Error ? error.message : "the request cannot be read";
  return new ProtocolError("INVALID_REQUEST", message);
}

function statusOf(error: unknown): number {
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 600 ? statusCode : 500;
}

function upgradeRefusal(
  request: IncomingMessage,
  webSockets: WebSocketDoor,
  stopping: boolean,
): { error: ProtocolError; httpStatus: number } | undefined {
  if (stopping) {
    return { error: new ProtocolError("BROKER_NOT_AVAILABLE", "the broker is stopping"), httpStatus: 503 };
  }
  if (request.url !== WEBSOCKET_PATH) return { error: unknownRoute(request), httpStatus: 404 };
  if (webSockets.offersSubprotocol(request)) return undefined;
  const message = `a WebSocket to ${WEBSOCKET_PATH} must offer the subprotocol ${WEBSOCKET_SUBPROTOCOL}`;
  return { error: new ProtocolError("UNSUPPORTED_VERSION", message), httpStatus: 400 };
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
