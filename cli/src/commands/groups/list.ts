// `brooklet groups list`: what groups there are, how they are, and how far behind.

import type { GroupDescription } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { outcomesOf, succeeded } from "../../outcomes.ts";
import { behind, lagOf } from "./lag.ts";

export async function run(call: Call): Promise<undefined> {
  const groups = await withAdmin(call, async (admin) => {
    const ids = (await admin.listGroups()).map(({ groupId }) => groupId);
    // One that was deleted meanwhile is none.
    return ids.length === 0 ? [] : succeeded(await outcomesOf(ids, admin.describeGroups(ids)));
  });
  const rows = groups.map(({ result }) => rowOf(result));
  if (call.options.flag("json")) return void (await call.output.json(rows));
  if (rows.length === 0) return void call.output.note("no groups yet: `brooklet consume TOPIC -g GROUP`");
  await call.output.table(
    ["GROUP", "STATE", "MEMBERS", "LAG", "BEHIND", "TOPICS"],
    rows.map(({ groupId, state, members, lag, lagSeconds, topics }) => [
      groupId,
      state,
      members,
      lag,
      behind(lagSeconds),
      topics.join(" "),
    ]),
  );
}

function rowOf(group: GroupDescription) {
  const { groupId, state, members, offsets } = group;
  const topics = [
    ...new Set([...offsets, ...members.flatMap(({ assignment }) => assignment)].map(({ topic }) => topic)),
  ];
  return { groupId, state, members: members.length, ...lagOf(group), topics: topics.sort() };
}
