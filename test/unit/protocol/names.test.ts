import { expect, test } from "vitest";
import {
  CONSUMER_OFFSETS_TOPIC,
  checkGroupId,
  checkTopicName,
  idProblem,
  isInternalTopic,
  MAX_ID_LENGTH,
  MAX_TOPIC_NAME_LENGTH,
  topicNameProblem,
} from "../../../protocol/src/names.ts";
import { refusal } from "../../support/bytes.ts";

test.each([
  "a",
  "orders",
  "A.b_c-9",
  "...",
  ".a",
  "-",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "x".repeat(MAX_TOPIC_NAME_LENGTH),
])("a legal topic name: %s", (name) => {
  expect(topicNameProblem(name)).toBeUndefined();
  expect(() => checkTopicName(name)).not.toThrow();
});

test.each([
  ["", /must not be empty/],
  [".", /"\." or "\.\."/],
  ["..", /"\." or "\.\."/],
  ["x".repeat(MAX_TOPIC_NAME_LENGTH + 1), /at most 249 characters; this has 250/],
  ["a b", /consists of letters/],
  ["a/b", /consists of letters/],
  ["a\n", /"a\\n"/],
  ["a\u0000", /consists of letters/],
  ["größe", /consists of letters/],
  ["a:b", /consists of letters/],
  ["*", /consists of letters/],
])("no legal topic name: %j", (name, message) => {
  const error = refusal(() => checkTopicName(name));
  expect(error.code).toBe("INVALID_TOPIC_EXCEPTION");
  expect(error.message).toMatch(message);
});

test.each(["g", "__proto__", "billing service", "gr/ü:pp*e 😀", "x".repeat(MAX_ID_LENGTH)])(
  "a legal group id: %s",
  (id) => {
    expect(() => checkGroupId(id)).not.toThrow();
  },
);

test.each([
  ["", /a group id must not be empty/],
  ["x".repeat(MAX_ID_LENGTH + 1), /at most 256 characters; this has 257/],
  ["a\tb", /control characters; this is "a\\tb"/],
  ["\u0000", /control characters/],
  ["a\u007f", /control characters/],
  ["a\u009b31m", /control characters/],
  ["a\ud800", /well-formed Unicode; this is "a\\ud800"/],
  ["\udc00\ud800", /well-formed/],
])("no legal group id: %j", (id, message) => {
  const error = refusal(() => checkGroupId(id));
  expect(error.code).toBe("INVALID_GROUP_ID");
  expect(error.message).toMatch(message);
});

test("an id's problem names what it is", () => {
  expect(idProblem("member id", "")).toBe("a member id must not be empty");
});

test("the offsets topic is the broker's, others are not", () => {
  expect(isInternalTopic(CONSUMER_OFFSETS_TOPIC)).toBe(true);
  expect(isInternalTopic("consumer_offsets")).toBe(false);
  expect(isInternalTopic("__proto__")).toBe(false);
});
