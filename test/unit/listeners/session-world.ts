// Sessions over links that a test holds, with handlers that answer when the test says so. Every clock must end without a timer.

import { encodeFrame } from "@brooklet/protocol";
import { type Deferred, deferred } from "@brooklet/protocol/world";
import { afterEach, expect } from "vitest";
import type { BrokerParts, RequestContext } from "../../../server/src/api/handler.ts";
import { Authenticator } from "../../../server/src/listeners/authenticator.ts";
import type { Answer, Dispatch } from "../../../server/src/listeners/dispatch.ts";
import { Instances } from "../../../server/src/listeners/instances.ts";
import { RefusalLog } from "../../../server/src/listeners/refusal-log.ts";
import { Sessions } from "../../../server/src/listeners/sessions.ts";
import { parseSettings } from "../../../server/src/settings.ts";
import { digestsOf } from "../../../server/src/tokens.ts";
import { FakeLink } from "../../support/fake-link.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

export interface Call {
  readonly api: string;
  readonly fields: Record<string, unknown>;
  readonly context: RequestContext;
  readonly answer: Deferred<Answer>;
}

const clocks: SimulatedClock[] = [];

afterEach(() => {
  for (const clock of clocks.splice(0)) expect(clock.liveTimers).toBe(0);
});

/** A broker's sessions whose handlers answer when the test says so. */
export function world(given: Record<string, number> = {}, tokens: readonly string[] = []) {
  const clock = new SimulatedClock();
  clocks.push(clock);
  const calls: Call[] = [];
  const errors: unknown[] = [];
  const dispatch: Dispatch = (api, fields, _payload, context) => {
    const answer = deferred<Answer>();
    calls.push({ api, fields, context, answer });
    return answer.promise;
  };
  const { settings } = parseSettings(given);
  const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) };
  /** Which client objects came and went, as groups are told. */
  const clients: string[] = [];
  const groups = {
    clientConnected: (id: string) => void clients.push(`+${id}`),
    clientDisconnected: (id: string) => void clients.push(`-${id}`),
  };
  const broker = { clusterId: "cluster", settings, logger, groups } as unknown as BrokerParts;
  const refusals = new RefusalLog(logger, clock);
  const { digests } = tokens.length === 0 ? { digests: [] } : digestsOf(tokens);
  const authenticator = new Authenticator({ digests, clock, refusals });
  const sessions = new Sessions({ broker, clock, instances: new Instances(clock), dispatch, refusals, authenticator });

  const connect = (peer: { address?: string; authenticated?: boolean } = {}) => {
    const link = new FakeLink();
    const handlers = sessions.accept(link, { address: "127.0.0.1:1", ...peer });
    const send = (header: object, payload: Uint8Array[] = []) => handlers.onMessage(encodeFrame(header, payload));
    const hello = (clientInstanceId = `instance-${Math.random()}`, connectionSeq = 1, more: object = {}) =>
      send({ id: 0, api: "hello", client: "tester", versions: [1], clientInstanceId, connectionSeq, ...more });
    return { link, handlers, send, hello };
  };
  const greeted = (...args: [string?, number?]) => {
    const connection = connect();
    connection.hello(...args);
    expect(connection.link.last).toMatchObject({ id: 0, version: 1 });
    return connection;
  };
  const close = () => sessions.closeAll("the test is over");
  return { clock, calls, clients, errors, refusals, sessions, connect, greeted, close };
}

export const DONE: Answer = { header: { done: true }, payload: [] };
export const codeOf = (header: Record<string, unknown> | undefined) =>
  (header?.error as { code?: string } | undefined)?.code;
