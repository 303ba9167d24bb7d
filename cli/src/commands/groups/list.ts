// `brooklet groups list`: what groups there are, and how they are.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { table } from "../../io.ts";

export async function run(call: Call): Promise<undefined> {
  const groups = await withAdmin(call, (admin) => admin.listGroups());
  if (call.options.flag("json")) return void (await call.output.json(groups));
  if (groups.length === 0) return void call.output.note("no groups yet: `brooklet consume TOPIC -g GROUP`");
  await call.output.line(
    table(
      ["GROUP", "STATE"],
      groups.map(({ groupId, state }) => [groupId, state]),
    ),
  );
}
