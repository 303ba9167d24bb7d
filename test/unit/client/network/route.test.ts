import { expect, test } from "vitest";
import { FOREIGN_GRACE_MS, Route } from "../../../../client-sdk/src/network/route.ts";

const waitAndTry = { do: "waitAndTry" };
const tryNow = { do: "tryNow" };

test("a round tries every server once, from the one that worked last", () => {
  const route = new Route(["a", "b", "c"]);
  expect([route.address, route.failed(0), route.address, route.failed(0)]).toEqual(["a", tryNow, "b", tryNow]);
  expect([route.address, route.failed(0), route.address]).toEqual(["c", waitAndTry, "a"]);
  route.failed(0);
  route.succeeded();
  expect([route.address, route.failed(0), route.failed(0), route.failed(0)]).toEqual(["b", tryNow, tryNow, waitAndTry]);
});

test("every server is foreign: over at once, with all that was found", () => {
  const route = new Route(["a", "b"]);
  route.failed(0, "x");
  expect(route.failed(0, "y")).toEqual({
    do: "giveUp",
    foreign: [
      { address: "a", clusterId: "x" },
      { address: "b", clusterId: "y" },
    ],
  });
});

test("one is foreign, the other down: over only when it stays so", () => {
  const route = new Route(["a", "b"]);
  const round = (nowMs: number) => {
    route.failed(nowMs);
    return route.failed(nowMs, "x");
  };
  expect(route.onlyForeign).toEqual([]);
  expect(round(1_000)).toEqual(waitAndTry);
  expect(route.onlyForeign).toEqual([{ address: "b", clusterId: "x" }]);
  expect(round(1_000 + FOREIGN_GRACE_MS - 1)).toEqual(waitAndTry);
  expect(round(1_000 + FOREIGN_GRACE_MS)).toMatchObject({ do: "giveUp" });
});

test("a round without any foreign server, or a success, begins the grace anew", () => {
  const route = new Route(["a"]);
  const two = new Route(["a", "b"]);
  two.failed(0);
  two.failed(0, "x");
  two.failed(100);
  two.failed(100);
  expect(two.onlyForeign).toEqual([]);
  two.failed(FOREIGN_GRACE_MS);
  expect(two.failed(FOREIGN_GRACE_MS, "x")).toEqual(waitAndTry);
  two.succeeded();
  expect(two.onlyForeign).toEqual([]);
  expect(route.failed(0)).toEqual(waitAndTry);
});
