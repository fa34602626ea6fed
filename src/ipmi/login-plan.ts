import { type IngotError, unreachable } from '../core/errors.ts';
import { ipmiErrors } from './errors.ts';
import type { LoginOutcome, LoginStep, Role } from './login.ts';
import { Completion, Privilege, RakpStatus, completionText, privilegeName, statusText } from './numbers.ts';

/**
 * When is IPMI 1.5 spoken? `if-only`: when the BMC says that it knows nothing else. `never`: it spoke 2.0 before, or
 * somebody said so; what answers like an older BMC is then not believed.
 */
export type V15Policy = 'never' | 'if-only' | 'always';

/** What has been tried to log in to one BMC and what comes next. A value: `planAfter` makes the next one. */
export interface LoginPlan {
  /** Suites not tried yet at this privilege, best first; the current one is not among them. */
  remaining: readonly number[];
  /** All suites allowed, for a new round. */
  allowed: readonly number[];
  suite: number;
  /** Log in by IPMI 1.5, which has no suites. */
  v15: boolean;
  v15Policy: V15Policy;
  role: Role;
  /** What to try when the BMC refuses this role, best first. */
  roles: readonly Role[];
  /** Attempts that ended in silence or in a passing refusal; each makes the timeouts longer. */
  setbacks: number;
  /** How often each step met silence: only the same one again and again says what the BMC does not like. */
  silentAt: Readonly<Partial<Record<LoginStep, number>>>;
  /** Status codes of refused Open Sessions in this round. */
  refusals: readonly number[];
  /** Suite that the BMC chose by itself; believed once. */
  echoed: number | undefined;
}

export type PlanStep = { kind: 'try'; plan: LoginPlan; delayMs: number } | { kind: 'fail'; error: IngotError };

/** Setbacks after which a BMC counts as unreachable. */
export const MAX_SETBACKS = 4;
/** Silence after RAKP 1 means an unknown user on many BMCs: no reason to wait as long as for a dead one. */
const MAX_NAME_SETBACKS = 3;
const BUSY_DELAY_MS = 2000;
/** Pause after "connection refused", which comes without any wait: the BMC may be restarting. */
const REFUSED_DELAY_MS = 500;
/** "Insufficient resources" once may mean "not this suite" (Intel M50CYP); twice it means what it says. */
const BUSY_REFUSALS = 2;

/**
 * The roles to try for a wanted level: by name alone; by name and level together, which is what OpenBMC and Intel
 * SE7520AF2 look up; then less and less.
 */
export function rolesFor(privilege: number, nameOnlyAllowed = true): Role[] {
  const named = (level: number): Role[] => (nameOnlyAllowed ? [{ level, nameOnly: true }] : []);
  const exact = (level: number): Role => ({ level, nameOnly: false });
  const roles = [...named(privilege), exact(privilege)];
  for (const level of [Privilege.operator, Privilege.user]) {
    if (level < privilege) roles.push(...(nameOnlyAllowed ? named(level) : [exact(level)]));
  }
  return roles;
}

/**
 * @param suites suite ids in the order to try, not empty
 * @param roles as `rolesFor` makes them, not empty
 */
export function firstPlan(
  suites: readonly number[],
  roles: readonly Role[],
  v15Policy: V15Policy = 'if-only',
): LoginPlan {
  const [suite = 17, ...remaining] = suites;
  const [role = { level: Privilege.administrator, nameOnly: true }, ...others] = roles;
  return {
    suite,
    remaining,
    allowed: suites,
    v15: v15Policy === 'always',
    v15Policy,
    role,
    roles: others,
    setbacks: 0,
    silentAt: {},
    refusals: [],
    echoed: undefined,
  };
}

/** What to do after an attempt that did not open a session. */
export function planAfter(plan: LoginPlan, outcome: Exclude<LoginOutcome, { kind: 'open' }>): PlanStep {
  switch (outcome.kind) {
    case 'silence':
      return afterSilence(plan, outcome);
    case 'refused':
      return outcome.step === 'open' ? nextSuite(plan, outcome.status) : afterRefusal(plan, outcome.status);
    case 'refused-v15':
      return afterV15Refusal(plan, outcome);
    case 'other-suite':
      return afterEcho(plan, outcome.suite);
    case 'not-v2':
      return afterNotV2(plan);
    case 'no-auth-type':
      return fail('IPMI_WEAK_AUTH', weakText(outcome.offered), { offered: outcome.offered });
    case 'bad-proof':
      return fail('IPMI_AUTH_FAILED', proofText(outcome.step));
    default:
      return unreachable(outcome);
  }
}

function fail(code: Parameters<typeof ipmiErrors.make>[0], message: string, seen = {}): PlanStep {
  return { kind: 'fail', error: ipmiErrors.make(code, message, { seen }) };
}

function proofText(step: 'rakp2' | 'rakp4'): string {
  return step === 'rakp2'
    ? 'wrong password, or not the one of this user (the key exchange code of the BMC does not fit it)'
    : 'the BMC took the password but its session key differs: a BMC key (K_g) is probably set on it';
}

function weakText(offered: readonly string[]): string {
  const list = offered.length === 0 ? 'none that is known' : offered.join(', ');
  return `the BMC speaks IPMI 1.5 and offers no authentication that keeps the password secret, only: ${list}`;
}

function afterNotV2(plan: LoginPlan): PlanStep {
  if (plan.v15Policy === 'never') {
    return fail(
      'IPMI_NOT_V2',
      'the BMC says that it speaks IPMI 1.5 only, without RMCP+, and that is not allowed here',
    );
  }
  return { kind: 'try', plan: { ...plan, v15: true }, delayMs: 0 };
}

function retryLater(plan: LoginPlan, delayMs: number): PlanStep {
  return { kind: 'try', plan: { ...plan, setbacks: plan.setbacks + 1 }, delayMs };
}

function afterSilence(plan: LoginPlan, outcome: Extract<LoginOutcome, { kind: 'silence' }>): PlanStep {
  const { step, waited, reason } = outcome;
  const limit = step === 'rakp2' ? MAX_NAME_SETBACKS : MAX_SETBACKS;
  const times = (plan.silentAt[step] ?? 0) + 1;
  const given = plan.setbacks + 1 < MAX_SETBACKS;
  if (plan.setbacks + 1 < limit || (times < limit && given)) {
    const noted = { ...plan, silentAt: { ...plan.silentAt, [step]: times } };
    return retryLater(noted, waited ? 0 : REFUSED_DELAY_MS * (plan.setbacks + 1));
  }
  const seen = { step, attempts: plan.setbacks + 1, ...(plan.v15 ? {} : { suite: plan.suite }) };
  // A network that loses datagrams is silent here and there; a BMC that was told a wrong name is silent there alone.
  if (times < limit) {
    return fail('IPMI_TIMEOUT', `the BMC answers only now and then, at last not in step ${step}: ${reason}`, seen);
  }
  switch (step) {
    case 'capabilities':
      return fail('IPMI_TIMEOUT', `no answer to Get Channel Authentication Capabilities: ${reason}`, seen);
    case 'open':
      return fail('IPMI_TIMEOUT', `the BMC answers, but not to Open Session: ${reason}`, seen);
    case 'challenge':
      return fail('IPMI_LOGIN_SILENT', `the BMC is silent after Get Session Challenge: ${reason}`, seen);
    case 'rakp2':
      return fail('IPMI_LOGIN_SILENT', `the BMC is silent after RAKP 1, which carries the user name: ${reason}`, seen);
    case 'rakp4':
      return fail('IPMI_AUTH_FAILED', `the BMC is silent after RAKP 3, which proves the password: ${reason}`, seen);
    case 'activate':
      return fail('IPMI_AUTH_FAILED', `the BMC is silent after Activate Session: wrong password? ${reason}`, seen);
    default:
      return unreachable(step);
  }
}

/** Any refusal of Open Session may mean "not this suite"; boards differ in the status they give. */
function nextSuite(plan: LoginPlan, status: number | undefined): PlanStep {
  const refusals = status === undefined ? plan.refusals : [...plan.refusals, status];
  const [suite, ...remaining] = plan.remaining;
  const busy = refusals.filter((s) => s === RakpStatus.insufficientResources).length;
  if (suite !== undefined && busy < BUSY_REFUSALS) {
    return { kind: 'try', plan: { ...plan, suite, remaining, refusals }, delayMs: 0 };
  }
  const round = (changes: Partial<LoginPlan>): LoginPlan => ({
    ...firstPlan(plan.allowed, [plan.role, ...plan.roles], plan.v15Policy),
    setbacks: plan.setbacks,
    silentAt: plan.silentAt,
    ...changes,
  });
  const lower = lowerRole(plan);
  if (refusals.some(isRoleStatus) && lower !== undefined) return { kind: 'try', plan: round(lower), delayMs: 0 };
  const texts = [...new Set(refusals)].map(statusText).join(', ');
  if (busy > 0) {
    if (plan.setbacks + 1 < MAX_SETBACKS) return retryLater(round({}), BUSY_DELAY_MS * (plan.setbacks + 1));
    return fail('IPMI_BUSY', `the BMC has no session left: ${texts}`);
  }
  const tried = plan.allowed.join(', ');
  return fail('IPMI_NO_SUITE', `the BMC accepts none of the cipher suites ${tried}${texts === '' ? '' : `: ${texts}`}`);
}

/** The BMC answered with algorithms nobody asked for: start again with those when they are allowed (vbmc does it). */
function afterEcho(plan: LoginPlan, suite: number | undefined): PlanStep {
  if (suite !== undefined && suite !== plan.echoed && plan.allowed.includes(suite)) {
    const remaining = plan.remaining.filter((s) => s !== suite);
    return { kind: 'try', plan: { ...plan, suite, remaining, echoed: suite }, delayMs: 0 };
  }
  return nextSuite(plan, undefined);
}

/** RAKP 2 or RAKP 4 came with a status. */
function afterRefusal(plan: LoginPlan, status: number): PlanStep {
  const [next, ...roles] = plan.roles;
  if (isRoleStatus(status) && next !== undefined) {
    return { kind: 'try', plan: { ...plan, role: next, roles }, delayMs: 0 };
  }
  if (isPassing(status)) {
    if (plan.setbacks + 1 < MAX_SETBACKS) return retryLater(plan, 0);
    return fail('IPMI_BUSY', `the BMC keeps losing the session while it is opened: ${statusText(status)}`, { status });
  }
  const unknown = status === RakpStatus.unauthorizedName ? 'the BMC does not know this user name' : '';
  const message = `${unknown === '' ? 'the BMC refuses the login' : unknown} ${atLevel(plan)}: ${statusText(status)}`;
  return fail('IPMI_AUTH_FAILED', message, { status });
}

/** Completion codes of Get Session Challenge (§22.16) and Activate Session (§22.17). */
const V15_NO_USER = 0x81;
const V15_BUSY: ReadonlySet<number> = new Set([Completion.nodeBusy, Completion.outOfSpace]);
const V15_NO_SLOT: ReadonlySet<number> = new Set([0x81, 0x82, 0x83, ...V15_BUSY]);
const V15_LOST: ReadonlySet<number> = new Set([0x84, 0x85]);
const V15_LEVEL_TOO_HIGH = 0x86;

function afterV15Refusal(plan: LoginPlan, outcome: Extract<LoginOutcome, { kind: 'refused-v15' }>): PlanStep {
  const { step, completion } = outcome;
  const seen = { step, completion };
  if (step === 'challenge' && !V15_BUSY.has(completion)) {
    const why = completion === V15_NO_USER ? 'the BMC does not know this user name' : 'the BMC refuses the user';
    return fail('IPMI_AUTH_FAILED', `${why}: ${completionText(completion)}`, seen);
  }
  const lower = lowerRole(plan);
  if (completion === V15_LEVEL_TOO_HIGH && lower !== undefined) {
    return { kind: 'try', plan: { ...plan, ...lower }, delayMs: 0 };
  }
  const noSlot = V15_NO_SLOT.has(completion);
  if (noSlot || V15_LOST.has(completion)) {
    const delay = noSlot ? BUSY_DELAY_MS * (plan.setbacks + 1) : 0;
    if (plan.setbacks + 1 < MAX_SETBACKS) return retryLater(plan, delay);
    return fail('IPMI_BUSY', `the BMC has no session left: ${completionText(completion)}`, seen);
  }
  return fail('IPMI_AUTH_FAILED', `the BMC refuses the login ${atLevel(plan)}: ${completionText(completion)}`, seen);
}

function atLevel(plan: LoginPlan): string {
  return `at privilege level ${privilegeName(plan.role.level)}`;
}

/** Refusals that another role may cure. An unknown name is one on BMCs that look up name and role together. */
function isRoleStatus(status: number): boolean {
  return (
    status === RakpStatus.invalidRole ||
    status === RakpStatus.unauthorizedRole ||
    status === RakpStatus.unauthorizedName
  );
}

function isPassing(status: number): boolean {
  return (
    status === RakpStatus.insufficientResources ||
    status === RakpStatus.invalidSessionId ||
    status === RakpStatus.inactiveSession
  );
}

/** The next role of a lower level. Open Session and IPMI 1.5 know levels only, not how the user is looked up. */
function lowerRole(plan: LoginPlan): Pick<LoginPlan, 'role' | 'roles'> | undefined {
  const at = plan.roles.findIndex((r) => r.level < plan.role.level);
  const role = plan.roles[at];
  return role === undefined ? undefined : { role, roles: plan.roles.slice(at + 1) };
}
