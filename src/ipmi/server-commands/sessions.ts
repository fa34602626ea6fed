import { AppCmd } from '../commands/app/numbers.ts';
import { decodeSessionInfoRequest, encodeSessionInfo } from '../commands/session/info.ts';
import { Completion, NetFn, Privilege } from '../numbers.ts';
import type { ActiveState, ServerSession } from '../server-session.ts';
import { CHANNEL, type Family, give, refuse } from './handler.ts';

/** What is known of the sessions of this BMC. */
export interface Sessions {
  readonly size: number;
  readonly limit: number;
  get(id: number): ServerSession | undefined;
}

/** Who is there (§22.20), as far as somebody asks who has the console: by session id, or for the own session. */
export function sessionsFamily(sessions: Sessions): Family {
  return ({ model }) => [
    {
      netFn: NetFn.app,
      cmd: AppCmd.getSessionInfo,
      privilege: Privilege.user,
      run: (data, sender) => {
        const id = decodeSessionInfoRequest(data);
        if (id === undefined) return refuse(Completion.invalidField);
        const session = id === 0 ? sender : sessions.get(id);
        const counts = { possible: sessions.limit, active: sessions.size };
        return give(encodeSessionInfo(counts, session?.state === 'active' ? describe(session, model) : undefined));
      },
    },
  ];
}

function describe(session: ActiveState, model: { users: readonly { name: string }[] }) {
  const { user, privilege, peer } = session;
  // User ids begin with 2: user 1 has no name (§22.28).
  const userId = model.users.findIndex((u) => u.name === user.name) + 2;
  return { userId, privilege, channel: CHANNEL, address: peer.address, port: peer.port };
}
