import { expect, test } from "vitest";
import { type ApiDefinition, apis, checkRequest, commonErrors, isApiName } from "../../../protocol/src/apis/index.ts";
import { isErrorCode } from "../../../protocol/src/errors.ts";

const definitions: [string, ApiDefinition][] = Object.entries(apis);

test.each(definitions)("%s: its name is its key, and its errors exist, once each", (name, api) => {
  expect(api.name).toBe(name);
  const errors = [...api.errors];
  expect(errors.filter((code) => !isErrorCode(code))).toEqual([]);
  expect(new Set(errors).size).toBe(errors.length);
});

test("the errors of any request exist", () => {
  expect(commonErrors.filter((code) => !isErrorCode(code))).toEqual([]);
});

test.each(definitions.filter(([, api]) => (api.requestPayload ?? api.responsePayload) !== undefined))(
  "%s: the payload belongs to items that say their bytes",
  (_, api) => {
    for (const [schema, field] of [
      [api.request, api.requestPayload],
      [api.response, api.responsePayload],
    ] as const) {
      if (field !== undefined)
        expect(schema).toHaveProperty(`properties.${field}.items.properties.bytes.type`, "integer");
    }
  },
);

test("names of objects are no APIs", () => {
  expect(isApiName("fetch")).toBe(true);
  for (const name of ["__proto__", "constructor", "hasOwnProperty", "", "Fetch"]) expect(isApiName(name)).toBe(false);
});

const partition = { topic: "orders", topicId: "Zc6fRCz5SBmGx-2GtVYFuw", partition: 0 };
const good = {
  hello: { client: "c", versions: [1], clientInstanceId: "i", connectionSeq: 1 },
  metadata: { topics: ["__proto__"], allowAutoCreate: true },
  createTopics: { topics: [{ topic: "a", partitions: -1, configs: { "retention.ms": "1" } }], validateOnly: false },
  deleteTopics: { topics: ["a"] },
  createPartitions: { topics: [{ topic: "a", partitions: 3 }], validateOnly: true },
  describeConfigs: { topics: ["a"], broker: true },
  alterConfigs: { changes: [{ topic: "a", configs: { "retention.ms": null } }], validateOnly: true },
  deleteRecords: { partitions: [{ ...partition, offset: -1 }] },
  offsetForLeaderEpoch: { partitions: [{ ...partition, leaderEpoch: 3 }] },
  leaveGroup: { groupId: "g", members: [{ instanceId: "i" }], reason: "r" },
  offsetDelete: { groupId: "g", partitions: [{ topic: "a", partition: 0 }] },
  deleteGroups: { groupIds: ["g"] },
  produce: { acks: -1, partitions: [{ ...partition, bytes: 100 }] },
  fetch: {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolation: "read_committed",
    partitions: [{ ...partition, offset: 5, leaderEpoch: -1, maxBytes: 10 }],
  },
  listOffsets: {
    isolation: "read_uncommitted",
    partitions: [
      { ...partition, at: "earliest" },
      { ...partition, at: 0 },
    ],
  },
  initProducerId: {},
  groupHeartbeat: { groupId: "g", memberId: "m", memberEpoch: 0, seq: 1, subscription: ["a"], owned: [partition] },
  offsetCommit: { groupId: "g", offsets: [{ ...partition, offset: 1, metadata: "" }] },
  offsetFetch: { groupId: "g", requireStable: true },
  listGroups: {},
  describeGroups: { groupIds: ["g"] },
  status: {},
} satisfies Record<keyof typeof apis, object>;

test.each(Object.keys(good) as (keyof typeof apis)[])("%s: a good request passes, with fields nobody knows", (api) => {
  expect(checkRequest(api, good[api])).toBeUndefined();
  const more = { ...good[api], id: 7, api, later: { x: 1 }, hasOwnProperty: 1, toString: null };
  expect(checkRequest(api, more)).toBeUndefined();
});

test.each(Object.keys(good) as (keyof typeof apis)[])("%s: every field is checked", (api) => {
  for (const field of Object.keys(good[api])) {
    expect(checkRequest(api, { ...good[api], [field]: { wrong: true } })).toMatch(new RegExp(`^${field} must be `));
  }
  for (const header of [null, undefined, 7, "x", [], true]) {
    expect(checkRequest(api, header)).toBe("the request must be object");
  }
});

const fetchOf = (changes: object) => ({ ...good.fetch, ...changes });
const cases: [string, keyof typeof apis, object, string][] = [
  [
    "a missing field",
    "fetch",
    {},
    "the request must have required properties maxWaitMs, minBytes, maxBytes, isolation, partitions",
  ],
  [
    "a missing field inside",
    "fetch",
    fetchOf({ partitions: [good.fetch.partitions[0], { topic: "a" }] }),
    "partitions[1] must have required properties partition, offset",
  ],
  ["text for a number", "fetch", fetchOf({ maxWaitMs: "500" }), "maxWaitMs must be integer"],
  ["a fraction", "fetch", fetchOf({ maxBytes: 1.5 }), "maxBytes must be integer"],
  ["a negative count", "fetch", fetchOf({ minBytes: -1 }), "minBytes must be >= 0"],
  [
    "beyond the safe integers",
    "fetch",
    fetchOf({ partitions: [{ ...partition, offset: 2 ** 53 }] }),
    "partitions[0].offset must be <= 9007199254740991",
  ],
  [
    "none of the words",
    "fetch",
    fetchOf({ isolation: "serializable" }),
    'isolation must be "read_uncommitted" or "read_committed"',
  ],
  [
    "neither a word nor a number",
    "listOffsets",
    { ...good.listOffsets, partitions: [{ ...partition, at: "soon" }] },
    'partitions[0].at must be "earliest" or "latest" or "maxTimestamp" or of type integer',
  ],
  [
    "an inner name with a slash",
    "createTopics",
    { topics: [{ topic: "a", configs: { "a/b~c": 1 } }] },
    "topics[0].configs.a/b~c must be string",
  ],
  [
    "a name that is too long",
    "hello",
    { ...good.hello, client: "x".repeat(257) },
    "client must not have more than 256 characters",
  ],
  ["too many items", "deleteTopics", { topics: Array(10_001).fill("a") }, "topics must not have more than 10000 items"],
];

test.each(cases)("the first problem in words: %s", (_, api, header, problem) => {
  expect(checkRequest(api, header)).toBe(problem);
});
