// What a group's members stand in the way of, and how people tell members apart.

import { BrookletError, type GroupDescription } from "@brooklet/client";
import { counted } from "../../format.ts";

/** Of those named in a refusal. */
const MAX_NAMED = 5;

/** Why offsets cannot be moved or the group be deleted now; undefined: nobody is there. */
export function membersRefusal(group: GroupDescription | undefined): BrookletError | undefined {
  if (group === undefined || group.members.length === 0) return undefined;
  const { groupId, members } = group;
  const names = members.slice(0, MAX_NAMED).map(({ memberId, clientId }) => clientId || memberId);
  const more = members.length > MAX_NAMED ? ` and ${members.length - MAX_NAMED} more` : "";
  return new BrookletError(
    `group ${groupId} has ${counted(members.length, "member")} (${names.join(", ")}${more}): nothing was changed`,
    {
      code: "NON_EMPTY_GROUP",
      hint: `Its members would go on from what they know. Stop its consumers first; \`brooklet groups describe ${groupId}\` shows them.`,
    },
  );
}

/** A short name for each member: its client id where no other member has the same, else its member id. */
export function memberNames({ members }: Pick<GroupDescription, "members">): Map<string, string> {
  const counts = new Map<string, number>();
  for (const { clientId } of members) counts.set(clientId, (counts.get(clientId) ?? 0) + 1);
  return new Map(
    members.map(({ memberId, clientId }) => [
      memberId,
      clientId !== "" && counts.get(clientId) === 1 ? clientId : memberId,
    ]),
  );
}
