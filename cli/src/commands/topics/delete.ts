// `brooklet topics delete`: several topics, each deleted or refused by itself, after a question.

import type { Call } from "../../call.ts";
import { checkCanConfirm, confirm } from "../../confirm.ts";
import { withAdmin } from "../../connect.ts";
import type { ExitCode } from "../../exits.ts";
import { counted } from "../../format.ts";
import { errorFields, type Outcome, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { recordsOf } from "./records.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  checkCanConfirm(call);
  const topics = [...new Set(call.args)];
  const found = await withAdmin(call, (admin) => outcomesOf(topics, admin.describeTopics(topics)));
  const there = succeeded(found).map(({ result }) => result);
  let deleted: readonly Outcome<string>[] = [];
  if (there.length > 0) {
    const named = there.map(
      (topic) =>
        `  ${topic.topic}: ${counted(topic.partitions.length, "partition")}, ${counted(recordsOf(topic), "record")}`,
    );
    await confirm(
      call,
      ["These topics will be deleted, with their records and what groups have committed:", ...named].join("\n"),
    );
    const names = there.map(({ topic }) => topic);
    deleted = await withAdmin(call, (admin) => outcomesOf(names, admin.deleteTopics(names)));
  }
  const byName = new Map(deleted.map((outcome) => [outcome.item, outcome]));
  const outcomes = found.map((outcome) => byName.get(outcome.item) ?? outcome);
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: topic, error }) => ({
        topic,
        deleted: error === undefined,
        ...(error === undefined ? {} : { error: errorFields(error) }),
      })),
    );
  else for (const { item } of succeeded(outcomes)) call.output.note(`deleted ${item}`);
  return reportRefusals(call, outcomes, (topic) => topic);
}
