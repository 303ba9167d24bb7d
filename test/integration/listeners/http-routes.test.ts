// Wrong methods, content types and paths at every route by HTTP: refused in the one shape, never with a 500, and the
// document that describes the routes.

import { errorTable } from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { apis } from "../../../protocol/src/apis/table.ts";
import { httpApis, methodsOf, routes } from "../../../server/src/listeners/http-routes.ts";
import { http } from "../../support/raw-client.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.close());

const filled = (path: string) =>
  path.replace("{topic}", "orders").replace("{partition}", "0").replace("{group}", "billing");
const paths = [...new Set([...routes.map(({ path }) => path), ...httpApis.map((api) => `/v1/${api}`)])];
const posts = paths.filter((path) => methodsOf(filled(path)).includes("POST"));
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "PURGE"];

test.each(paths)("%s: other methods are refused with 405 and what there is", async (path) => {
  const allowed = methodsOf(filled(path));
  expect(allowed.length).toBeGreaterThan(0);
  for (const method of METHODS.filter((each) => !allowed.includes(each))) {
    for (const body of [undefined, "<x/>"]) {
      const answer = await http(broker.url, filled(path), {
        method,
        ...(body === undefined ? {} : { body, headers: { "content-type": "text/xml", "content-length": "4" } }),
      });
      expect(answer.status, `${method} with ${body}`).toBe(405);
      expect(answer.headers.allow).toBe(allowed.join(", "));
      if (method !== "HEAD") expect(answer.json?.error).toMatchObject({ code: "INVALID_REQUEST" });
    }
  }
});

const sneaky = [
  undefined,
  "",
  " ",
  "application/json;",
  "application/json; ",
  "application/json;charset",
  "application/json; charset=",
  "application/json; charset=utf-16",
  "application/json; charset=latin1",
  "application/json; charset=utf-8; charset=latin1",
  "application/json; charset=utf-8;",
  "application/json;  charset=utf-8",
  "application/json ;charset=utf-8",
  "application/json;\tcharset=utf-8",
  'application/json; charset="utf-8"',
  "application/json; boundary=x",
  "application/json, application/json",
  "application/json,text/plain",
  "application/json/",
  "application/json+x",
  "application/jsonp",
  "application/ json",
  "application /json",
  "application//json",
  "application/*",
  "*/*",
  "*",
  "json",
  "text/json",
  "text/plain",
  "text/plain; application/json",
  "application/xml",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/octet-stream",
  "application/vnd.brooklet+json",
  "application/vnd.brooklet; charset=utf-8",
  "application/vnd.brooklet2",
  "application/x-ndjson;",
  "application/x-ndjson; charset=latin1",
  "application/ndjson",
  "application/jsonl",
  "é",
  "__proto__",
];

test("each malformed content type is refused with 415 at every route that has a body, and nothing is done", async () => {
  expect(sneaky.length).toBeGreaterThanOrEqual(40);
  for (const type of sneaky) {
    await Promise.all(
      posts.map(async (path) => {
        const body = '{"topics":[{"topic":"orders","partitions":1}],"records":[{"value":1}]}';
        const headers = type === undefined ? {} : { "content-type": type };
        const answer = await http(broker.url, filled(path), { method: "POST", body, headers });
        expect(answer.status, `${path} ${JSON.stringify(type)}`).toBe(415);
        expect(answer.json?.error).toMatchObject({ code: "INVALID_REQUEST" });
      }),
    );
  }
  expect((await http(broker.url, "/v1/topics")).json).toMatchObject({ topics: [] });
});

const odd = [
  "%2e%2e",
  "..%2f..%2fetc%2fpasswd",
  "%00",
  "a%00b",
  "%0d%0aset-cookie:x",
  "%e0%80%af",
  "%ff",
  "%c3%28",
  "%u0041",
  "a%20b",
  "%F0%9F%98%80",
  "a%2Fb",
  "CON",
  "..",
  "%",
  "%zz",
  "x".repeat(250),
  "%61".repeat(250),
  "'; drop table topics; --".replaceAll(" ", "%20"),
  "<script>",
  "$%7Bx%7D",
  "\\",
];

test("odd names and values in paths and queries are refused in the one shape, and never break anything", async () => {
  for (const name of odd) {
    for (const path of [
      `/v1/topics/${name}`,
      `/v1/groups/${name}`,
      `/v1/topics/${name}/partitions/0/records`,
      `/v1/topics/t/partitions/${name}/records`,
      `/v1/topics/${name}/stream`,
      `/v1/topics/t/partitions/0/records?offset=${name}`,
      `/v1/topics/t/partitions/0/records?maxRecords=${name}`,
      `/v1/topics/t/partitions/0/records?isolation=${name}`,
      `/v1/topics/t/stream?from=${name}`,
      `/v1/topics/t/stream?partition=${name}`,
      `/v1/${name}`,
    ]) {
      const answer = await http(broker.url, path);
      expect([400, 404, 414], `${path}: ${answer.status}`).toContain(answer.status);
      expect(answer.json?.error, path).toMatchObject({ code: expect.any(String), message: expect.any(String) });
    }
    const posted = await http(broker.url, `/v1/topics/${name}/records`, {
      body: '{"records":[{"value":1}]}',
      headers: { "content-type": "application/json" },
    });
    expect(name === "CON" ? [200] : [400, 404], `${name}: ${posted.status}`).toContain(posted.status);
    await http(broker.url, "/v1/deleteTopics", {
      body: '{"topics":["CON"]}',
      headers: { "content-type": "application/json" },
    });
  }
});

interface Operation {
  operationId: string;
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { description: string; content: Record<string, { schema: unknown }> }>;
}
interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

test("/openapi.json has every API and route, and every reference in it resolves", async () => {
  const answer = await http(broker.url, "/openapi.json");
  expect(answer).toMatchObject({ status: 200, headers: { "content-type": "application/json" } });
  const document = answer.json as unknown as OpenApi;
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths).sort()).toEqual([...paths].sort());
  expect(httpApis).toEqual(Object.keys(apis).filter((name) => name !== "hello"));

  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
  expect(references.length).toBeGreaterThan(50);
  for (const reference of new Set(references)) {
    const name = /^"\$ref":"#\/components\/schemas\/([A-Za-z]+)"$/.exec(reference)?.[1] ?? "";
    expect(document.components.schemas, reference).toHaveProperty(name);
  }
  expect(JSON.stringify(document)).not.toContain('"bytes"');

  const ids = new Set<string>();
  for (const [path, operations] of Object.entries(document.paths)) {
    expect(
      Object.keys(operations).map((method) => method.toUpperCase()),
      path,
    ).toEqual(methodsOf(path));
    for (const operation of Object.values(operations)) {
      ids.add(operation.operationId);
      for (const status of ["200", "400", "401", "403", "405", "413", "415", "421", "429", "500", "503"])
        expect(Object.keys(operation.responses), `${path} ${status}`).toContain(status);
    }
  }
  expect(ids.size).toBe(paths.length);
  for (const api of httpApis) {
    const { responses } = (document.paths[`/v1/${api}`] as { post: Operation }).post;
    for (const code of apis[api].errors)
      expect(responses[errorTable[code].httpStatus]?.description, `${api} ${code}`).toContain(code);
  }
});
