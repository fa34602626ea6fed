import { type IngotError, unreachable } from '../core/errors.ts';
import { ipmiErrors } from './errors.ts';
import type { LoginOutcome } from './login.ts';
import { Privilege, RakpStatus, privilegeName, statusText } from './numbers.ts';

/** What has been tried to log in to one BMC and what comes next. A value: `planAfter` makes the next one. */
export interface LoginPlan {
  /** Suites not tried yet at this privilege, best first; the current one is not among them. */
  remaining: readonly number[];
  /** All suites allowed, for a new round. */
  allowed: readonly number[];
  suite: number;
  privilege: number;
  /** Attempts that ended in silence or in a passing refusal; each makes the timeouts longer. */
  setbacks: number;
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

/**
 * @param suites suite ids in the order to try, not empty
 * @param privilege level wanted
 */
export function firstPlan(suites: readonly number[], privilege: number): LoginPlan {
  const [suite = 17, ...remaining] = suites;
  return { suite, remaining, allowed: suites, privilege, setbacks: 0, refusals: [], echoed: undefined };
}

/** What to do after an attempt that did not open a session. */
export function planAfter(plan: LoginPlan, outcome: Exclude<LoginOutcome, { kind: 'open' }>): PlanStep {
  switch (outcome.kind) {
    case 'silence':
      return afterSilence(plan, outcome);
    case 'refused':
      return outcome.step === 'open' ? nextSuite(plan, outcome.status) : afterRefusal(plan, outcome.status);
    case 'other-suite':
      return afterEcho(plan, outcome.suite);
    case 'not-v2':
      return fail('IPMI_NOT_V2', 'the BMC speaks IPMI 1.5 only, without RMCP+');
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

function retryLater(plan: LoginPlan, delayMs: number): PlanStep {
  return { kind: 'try', plan: { ...plan, setbacks: plan.setbacks + 1 }, delayMs };
}

function afterSilence(plan: LoginPlan, outcome: Extract<LoginOutcome, { kind: 'silence' }>): PlanStep {
  const { step, waited, reason } = outcome;
  const limit = step === 'rakp2' ? MAX_NAME_SETBACKS : MAX_SETBACKS;
  if (plan.setbacks + 1 < limit) return retryLater(plan, waited ? 0 : REFUSED_DELAY_MS * (plan.setbacks + 1));
  const seen = { step, attempts: plan.setbacks + 1, suite: plan.suite };
  switch (step) {
    case 'capabilities':
      return fail('IPMI_TIMEOUT', `no answer to Get Channel Authentication Capabilities: ${reason}`, seen);
    case 'open':
      return fail('IPMI_TIMEOUT', `the BMC answers, but not to Open Session: ${reason}`, seen);
    case 'rakp2':
      return fail('IPMI_LOGIN_SILENT', `the BMC is silent after RAKP 1, which carries the user name: ${reason}`, seen);
    case 'rakp4':
      return fail('IPMI_AUTH_FAILED', `the BMC is silent after RAKP 3, which proves the password: ${reason}`, seen);
    default:
      return unreachable(step);
  }
}

/** Any refusal of Open Session may mean "not this suite"; boards differ in the status they give. */
function nextSuite(plan: LoginPlan, status: number | undefined): PlanStep {
  const refusals = status === undefined ? plan.refusals : [...plan.refusals, status];
  const [suite, ...remaining] = plan.remaining;
  if (suite !== undefined) return { kind: 'try', plan: { ...plan, suite, remaining, refusals }, delayMs: 0 };
  const round = (changes: Partial<LoginPlan>): LoginPlan => ({
    ...firstPlan(plan.allowed, plan.privilege),
    setbacks: plan.setbacks,
    ...changes,
  });
  if (refusals.some(isRoleStatus) && canLower(plan)) {
    return { kind: 'try', plan: round({ privilege: Privilege.operator }), delayMs: 0 };
  }
  const texts = refusals.map(statusText).join(', ');
  if (refusals.includes(RakpStatus.insufficientResources)) {
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
  if (isRoleStatus(status) && canLower(plan)) {
    return { kind: 'try', plan: { ...plan, privilege: Privilege.operator }, delayMs: 0 };
  }
  if (isPassing(status)) {
    if (plan.setbacks + 1 < MAX_SETBACKS) return retryLater(plan, 0);
    return fail('IPMI_BUSY', `the BMC keeps losing the session while it is opened: ${statusText(status)}`, { status });
  }
  const at = `at privilege level ${privilegeName(plan.privilege)}`;
  const unknown = status === RakpStatus.unauthorizedName ? 'the BMC does not know this user name' : '';
  const message = `${unknown === '' ? 'the BMC refuses the login' : unknown} ${at}: ${statusText(status)}`;
  return fail('IPMI_AUTH_FAILED', message, { status });
}

/** Refusals that a lower privilege may cure. An unknown name is one on BMCs that look up name and role together. */
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

function canLower(plan: LoginPlan): boolean {
  return plan.privilege > Privilege.operator;
}
