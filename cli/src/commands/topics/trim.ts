// `brooklet topics trim`: deletes the oldest records of partitions (Kafka's deleteRecords), after it has shown what goes.

import { type Admin, BrookletError, type TopicPartition } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { checkCanConfirm, confirm } from "../../confirm.ts";
import { withAdmin } from "../../connect.ts";
import { type ExitCode, UsageError } from "../../exits.ts";
import { counted } from "../../format.ts";
import { errorFields, type Outcome, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { type LogPlace, logPlaceOf, merged, parsePartitions } from "../../places.ts";
import { foundAt, partitionsOf } from "../ranges.ts";
import { type Trim, trimOf } from "./trim-plan.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  const before = call.options.text("before");
  if (before === undefined) throw new UsageError("up to where? --before takes an offset, -N, @time or end");
  const place = logPlaceOf("--before", before, call.clock.wallMs());
  const dryRun = call.options.flag("dryRun");
  if (!dryRun) checkCanConfirm(call);
  const { plans, refused } = await withAdmin(call, (admin) => planOf(admin, call.args, place));
  const going = plans.filter(({ records }) => records > 0);
  const records = going.reduce((sum, plan) => sum + plan.records, 0);
  const isJson = call.options.flag("json");
  if (!isJson && plans.length > 0) await show(call, plans);
  let trimmed: readonly Outcome<Trim>[] = plans.map((item) => ({ item, result: undefined }));
  if (plans.length > 0 && records === 0) call.output.note("brooklet: no record is before that: nothing to delete");
  else if (dryRun && plans.length > 0) call.output.note("brooklet: a dry run: nothing was deleted");
  else if (records > 0) {
    const topics = [...new Set(going.map(({ topic }) => topic))].join(", ");
    await confirm(call, `${counted(records, "record")} of ${topics} will be deleted, for good.`);
    const done = await withAdmin(call, (admin) =>
      outcomesOf(
        going,
        admin.deleteRecords(going.map(({ topic, partition, newStart }) => ({ topic, partition, offset: newStart }))),
      ),
    );
    const byPlan = new Map(done.map((outcome) => [outcome.item, outcome]));
    trimmed = trimmed.map((outcome) => byPlan.get(outcome.item) ?? outcome);
    const deleted = succeeded(done).reduce((sum, { item }) => sum + item.records, 0);
    if (deleted > 0) call.output.note(`deleted ${counted(deleted, "record")}`);
  }
  if (isJson)
    await call.output.json([
      ...refused.map(({ item: topic, error }) => ({ topic, error: errorFields(error) })),
      ...trimmed.map(({ item, error }) => ({
        ...item,
        dryRun,
        ...(error === undefined ? {} : { error: errorFields(error) }),
      })),
    ]);
  const ofTopics = reportRefusals(call, refused, (topic) => topic);
  const ofPartitions = reportRefusals(call, trimmed, ({ topic, partition }) => `${topic}-${partition}`);
  return ofTopics ?? ofPartitions;
}

async function show(call: Call, plans: readonly Trim[]): Promise<void> {
  await call.output.table(
    ["PARTITION", "OLD START", "NEW START", "GOES", "NOTE"],
    plans.map(({ topic, partition, oldStart, newStart, records, note = "" }) => [
      `${topic}-${partition}`,
      oldStart,
      newStart,
      records,
      note,
    ]),
  );
}

async function planOf(admin: Admin, args: readonly string[], place: LogPlace) {
  const named = merged(args.map(parsePartitions));
  const topics = named.map(({ topic }) => topic);
  const described = await outcomesOf(topics, admin.describeTopics(topics));
  const refused: { item: string; error: Error }[] = [];
  const ranges = described.flatMap(({ item, result, error }, index) => {
    if (error !== undefined) {
      refused.push({ item, error });
      return [];
    }
    try {
      return partitionsOf(result, named[index]?.partitions);
    } catch (error) {
      if (!BrookletError.is(error)) throw error;
      refused.push({ item, error });
      return [];
    }
  });
  const found = await foundAt(admin, ranges satisfies TopicPartition[], place);
  return { plans: ranges.map((range, index) => trimOf(range, range, place, found[index] ?? -1)), refused };
}
