// The broker's log as whoever runs it reads it: one line per start, stop, rebalance, eviction and class of refusal at info, requests
// at debug only, and no token in any of them.

import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { http, postJson, RawSocket, until } from "../../support/raw-client.ts";

test("quiet and useful: what is news is told once, what is traffic only to who asks", async () => {
  const lines: { level: string; message: string; fields: object }[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const broker = await startBroker({ logger, settings: { "group.min.session.timeout.ms": 100 } });
  const news = () => lines.filter(({ level }) => level !== "debug").map(({ message }) => message);
  expect(news()).toEqual(["broker started"]);

  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const before = news().length;
  for (let count = 0; count < 20; count++) await postJson(broker.url, "/v1/status", {});
  expect(news()).toHaveLength(before);
  expect(lines.filter(({ message }) => message === "answered").length).toBeGreaterThan(20);

  for (let count = 0; count < 20; count++) await http(broker.url, "/v1/topics", { headers: { host: "evil.test" } });
  expect(news().filter((message) => message === "refused")).toHaveLength(1);
  expect(lines.find(({ message }) => message === "refused")?.fields).toMatchObject({ refusal: "host" });

  const socket = await RawSocket.greeted(broker.url);
  await socket.request("groupHeartbeat", {
    groupId: "g",
    memberId: "m",
    memberEpoch: 0,
    seq: 1,
    subscription: ["t"],
    owned: [],
    rebalanceTimeoutMs: 1000,
    sessionTimeoutMs: 100,
  });
  await until(() => news().some((message) => message.startsWith("group g: eviction of m")), "the eviction is told");
  const ofGroup = news().filter((message) => message.startsWith("group g: "));
  expect(ofGroup.filter((message) => message.includes("join"))).toHaveLength(1);
  expect(ofGroup.filter((message) => message.includes("epoch")).length).toBeGreaterThanOrEqual(1);
  await socket.close();
  await broker.close();
  expect(news().at(-1)).toBe("broker stopped");
  expect(news().filter((message) => /^broker (started|stopped)$/.test(message))).toHaveLength(2);
});
