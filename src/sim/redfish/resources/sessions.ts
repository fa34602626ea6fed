import { kubeTime } from '../../../core/clock.ts';
import { checkPatch, text } from '../check.ts';
import { vendorId } from '../gates.ts';
import { Refusal } from '../messages.ts';
import { ROOT } from '../paths.ts';
import type { Personality } from '../personality.ts';
import {
  type Body,
  type Call,
  NO_CONTENT,
  OK_HEALTH,
  type Reply,
  type Route,
  collection,
  created,
  link,
  resource,
} from '../router.ts';
import type { RedfishService } from '../service.ts';
import { ROLES } from '../state/accounts.ts';
import type { Session } from '../state/sessions.ts';

const HOME = `${ROOT}/SessionService`;
export const SESSIONS = `${HOME}/Sessions`;

/** Logging in and out (DSP0266 §13.3.4). */
export function sessionRoutes(personality: Personality): Route[] {
  if (personality.quirks.some((q) => q.kind === 'no-sessions')) return [];
  return [
    {
      path: HOME,
      get: ({ service }) => serviceView(service),
      patch: ({ service, body }) => {
        checkPatch(body, serviceView(service), { SessionTimeout: 'number' });
        const seconds = Number(body['SessionTimeout']);
        if (seconds < 30 || seconds > 86_400) {
          throw new Refusal(400, 'PropertyValueNotInList', [String(seconds), 'SessionTimeout']);
        }
        service.sessions.timeoutSeconds = seconds;
        return { status: 200, body: serviceView(service) };
      },
      privilege: 'ConfigureManager',
    },
    {
      path: SESSIONS,
      get: ({ service }) => sessionsView(service),
      post: login,
      openPost: true,
    },
    {
      path: `${SESSIONS}/Members`,
      post: login,
      openPost: true,
    },
    {
      path: `${SESSIONS}/:session`,
      get: ({ service, params }) => {
        const session = service.sessions.get(params['session'] ?? '');
        return session === undefined ? undefined : sessionView(session);
      },
      delete: ({ service, params, account }) => {
        const session = service.sessions.get(params['session'] ?? '');
        if (session === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [params['session'] ?? '']);
        const mine = account === session.account;
        if (!mine && (account === undefined || !ROLES[account.role].includes('ConfigureManager'))) {
          throw new Refusal(403, 'InsufficientPrivilege');
        }
        service.sessions.close(session.id);
        return NO_CONTENT;
      },
      privilege: 'ConfigureSelf',
    },
  ];
}

function serviceView(service: RedfishService): Body {
  return resource(HOME, 'SessionService.v1_1_8.SessionService', 'SessionService', 'Sessions', {
    ServiceEnabled: true,
    SessionTimeout: service.sessions.timeoutSeconds,
    Status: OK_HEALTH,
    Sessions: link(SESSIONS),
  });
}

function sessionsView(service: RedfishService): Body {
  const list = service.sessions.list();
  return collection(
    SESSIONS,
    'Session.Session',
    'Sessions',
    list.map((s) => `${SESSIONS}/${s.id}`),
  );
}

function sessionView(session: Session): Body {
  return resource(`${SESSIONS}/${session.id}`, 'Session.v1_6_0.Session', session.id, 'Session', {
    UserName: session.account.name,
    Password: null,
    CreatedTime: kubeTime(session.createdAt),
    SessionType: 'Redfish',
  });
}

function login({ service, body }: Call): Reply {
  const account = service.accounts.check(text(body, 'UserName'), text(body, 'Password'));
  if (account === undefined) {
    const refusal = new Refusal(401, 'NoValidSession');
    if (service.quirks.has('login-answers-200')) return { status: 200, body: refusal.body(false) };
    throw refusal;
  }
  const session = service.sessions.open(account);
  if (session === undefined) {
    const messageId = service.quirks.find('session-limit')?.messageId ?? 'SessionLimitExceeded';
    throw new Refusal(503, vendorId(messageId), [], { headers: { 'Retry-After': '30' } });
  }
  const reply = created(sessionView(session), { 'X-Auth-Token': session.token });
  if (!account.mustChange) return reply;
  const change = new Refusal(201, 'PasswordChangeRequired', [`${ROOT}/AccountService/Accounts/${account.id}`]);
  const info = (change.body(false)['error'] as Body)['@Message.ExtendedInfo'];
  return { ...reply, body: { ...reply.body, '@Message.ExtendedInfo': info } };
}
