// `brooklet topics describe`: each partition's first and next offset, and the configurations that are the topic's own or the
// broker's; with `--configs` the defaults too.

import type { ConfigEntry } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import type { ExitCode } from "../../exits.ts";
import { counted } from "../../format.ts";
import { errorFields, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { recordsOf, shownBytes } from "./records.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  const topics = [...new Set(call.args)];
  const { outcomes, configs } = await withAdmin(call, async (admin) => {
    const [outcomes, configs] = await Promise.all([
      outcomesOf(topics, admin.describeTopics(topics)),
      outcomesOf(topics, admin.describeConfigs(topics)),
    ]);
    return { outcomes, configs: new Map(succeeded(configs).map(({ item, result }) => [item, result.configs])) };
  });
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: topic, result, error }) =>
        error === undefined ? { ...result, configs: configs.get(topic) ?? [] } : { topic, error: errorFields(error) },
      ),
    );
  else
    for (const [index, { item, result }] of succeeded(outcomes).entries()) {
      if (index > 0) await call.output.line("");
      const { topicId, partitions } = result;
      const counts = `${counted(partitions.length, "partition")}, ${counted(recordsOf(result), "record")}`;
      await call.output.line(`${item} (id ${topicId}): ${counts}`, "bold");
      await call.output.table(
        ["PARTITION", "START", "END", "RECORDS", "SIZE"],
        partitions.map(({ partition, logStartOffset, highWatermark, sizeBytes }) => [
          partition,
          logStartOffset,
          highWatermark,
          highWatermark - logStartOffset,
          shownBytes(sizeBytes),
        ]),
      );
      await showConfigs(call, item, configs.get(item) ?? []);
    }
  return reportRefusals(call, outcomes, (topic) => topic);
}

/** Its own first: they are what makes this topic another one. */
async function showConfigs(call: Call, item: string, configs: readonly ConfigEntry[]): Promise<void> {
  const sources = ["topic", "broker", ...(call.options.flag("configs") ? ["default"] : [])];
  const ordered = sources.flatMap((source) => configs.filter((entry) => entry.source === source));
  const left = configs.length - ordered.length;
  if (left > 0)
    call.output.note(`brooklet: ${item}: ${counted(left, "configuration")} with defaults; --configs shows them`);
  if (ordered.length === 0) return;
  await call.output.table(
    ["CONFIG", "FROM", "VALUE"],
    ordered.map(({ name, source, value }) => [name, source, value]),
  );
}
