import { checkPatch, oneOf, optionalFlag, optionalText, text } from '../check.ts';
import { Refusal } from '../messages.ts';
import { ROOT } from '../paths.ts';
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
import { type Account, MAX_PASSWORD, MIN_PASSWORD, ROLES, type RoleId } from '../state/accounts.ts';

const HOME = `${ROOT}/AccountService`;
const ACCOUNTS = `${HOME}/Accounts`;
const ROLE_IDS = Object.keys(ROLES);

/** Accounts of the BMC and what their roles may do. */
export function accountRoutes(): Route[] {
  return [
    {
      path: HOME,
      get: () =>
        resource(HOME, 'AccountService.v1_13_0.AccountService', 'AccountService', 'Accounts', {
          ServiceEnabled: true,
          MinPasswordLength: MIN_PASSWORD,
          MaxPasswordLength: MAX_PASSWORD,
          AuthFailureLoggingThreshold: 3,
          AccountLockoutThreshold: 0,
          Status: OK_HEALTH,
          Accounts: link(ACCOUNTS),
          Roles: link(`${HOME}/Roles`),
        }),
    },
    {
      path: ACCOUNTS,
      get: ({ service }) =>
        collection(
          ACCOUNTS,
          'ManagerAccount.ManagerAccount',
          'Accounts',
          service.accounts.list().map((a) => `${ACCOUNTS}/${a.id}`),
        ),
      post: createAccount,
      privilege: 'ConfigureUsers',
    },
    {
      path: `${ACCOUNTS}/:account`,
      get: (call) => {
        const account = call.service.accounts.get(call.params['account'] ?? '');
        return account === undefined ? undefined : accountView(account);
      },
      patch: patchAccount,
      delete: deleteAccount,
      privilege: 'ConfigureSelf',
    },
    {
      path: `${HOME}/Roles`,
      get: () =>
        collection(
          `${HOME}/Roles`,
          'Role.Role',
          'Roles',
          ROLE_IDS.map((id) => `${HOME}/Roles/${id}`),
        ),
    },
    {
      path: `${HOME}/Roles/:role`,
      get: ({ params }) => roleView(params['role'] ?? ''),
      patch: ({ params, body }) => {
        const view = roleView(params['role'] ?? '');
        if (view === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [params['role'] ?? '']);
        checkPatch(body, view, {});
        return NO_CONTENT;
      },
      privilege: 'ConfigureUsers',
    },
  ];
}

function roleView(id: string): Body | undefined {
  if (!Object.hasOwn(ROLES, id)) return undefined;
  return resource(`${HOME}/Roles/${id}`, 'Role.v1_3_1.Role', id, `${id} role`, {
    RoleId: id,
    IsPredefined: true,
    AssignedPrivileges: ROLES[id as RoleId],
    OemPrivileges: [],
  });
}

function accountView(account: Account): Body {
  return resource(`${ACCOUNTS}/${account.id}`, 'ManagerAccount.v1_10_0.ManagerAccount', account.id, 'Account', {
    UserName: account.name,
    Password: null,
    RoleId: account.role,
    Enabled: account.enabled,
    Locked: false,
    PasswordChangeRequired: account.mustChange,
    AccountTypes: ['Redfish', 'IPMI'],
    Links: { Role: link(`${HOME}/Roles/${account.role}`) },
  });
}

function password(value: string): string {
  if (value.length < MIN_PASSWORD || value.length > MAX_PASSWORD) {
    throw new Refusal(400, 'PropertyValueFormatError', ['********', 'Password'], { property: 'Password' });
  }
  return value;
}

function createAccount({ service, body }: Call): Reply {
  const name = text(body, 'UserName');
  if (!/^[\w.@-]{1,32}$/.test(name))
    throw new Refusal(400, 'PropertyValueFormatError', [name.slice(0, 40), 'UserName']);
  const secret = password(text(body, 'Password'));
  const role = oneOf(text(body, 'RoleId'), ROLE_IDS, 'RoleId') as RoleId;
  if (service.accounts.byName(name) !== undefined) {
    throw new Refusal(409, 'ResourceAlreadyExists', ['ManagerAccount', 'UserName', name]);
  }
  const account = service.accounts.add({
    name,
    password: secret,
    role,
    enabled: optionalFlag(body, 'Enabled') ?? true,
    mustChange: optionalFlag(body, 'PasswordChangeRequired') ?? false,
  });
  if (account === undefined) throw new Refusal(503, 'ResourceInUse');
  return created(accountView(account));
}

function patchAccount({ service, params, body, account: asker }: Call): Reply {
  const account = service.accounts.get(params['account'] ?? '');
  if (account === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [params['account'] ?? '']);
  const mayAll = asker !== undefined && ROLES[asker.role].includes('ConfigureUsers');
  const onlyPassword = Object.keys(body).every((name) => name === 'Password');
  if (!mayAll && (asker !== account || !onlyPassword)) throw new Refusal(403, 'InsufficientPrivilege');
  checkPatch(body, accountView(account), {
    UserName: 'string',
    Password: 'string',
    RoleId: 'string',
    Enabled: 'boolean',
    Locked: 'boolean',
    PasswordChangeRequired: 'boolean',
  });
  const secret = optionalText(body, 'Password');
  if (secret !== undefined) password(secret);
  const role = optionalText(body, 'RoleId');
  if (role !== undefined) oneOf(role, ROLE_IDS, 'RoleId');
  const name = optionalText(body, 'UserName');
  if (name !== undefined && name !== account.name && service.accounts.byName(name) !== undefined) {
    throw new Refusal(409, 'ResourceAlreadyExists', ['ManagerAccount', 'UserName', name]);
  }
  account.name = name ?? account.name;
  account.role = (role ?? account.role) as RoleId;
  account.enabled = optionalFlag(body, 'Enabled') ?? account.enabled;
  if (secret !== undefined) {
    account.password = secret;
    account.mustChange = false;
  }
  account.mustChange = optionalFlag(body, 'PasswordChangeRequired') ?? account.mustChange;
  return { status: 200, body: accountView(account) };
}

function deleteAccount({ service, params, account: asker }: Call): Reply {
  const account = service.accounts.get(params['account'] ?? '');
  if (account === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [params['account'] ?? '']);
  if (asker === undefined || !ROLES[asker.role].includes('ConfigureUsers')) {
    throw new Refusal(403, 'InsufficientPrivilege');
  }
  if (service.accounts.list().length === 1) throw new Refusal(409, 'ResourceInUse');
  service.accounts.remove(account.id);
  service.sessions.closeOf(account);
  return NO_CONTENT;
}
