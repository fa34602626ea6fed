import { timingSafeEqual } from 'node:crypto';
import type { Privilege } from '../router.ts';

export type RoleId = 'Administrator' | 'Operator' | 'ReadOnly';

export const ROLES: Readonly<Record<RoleId, readonly Privilege[]>> = {
  Administrator: ['Login', 'ConfigureManager', 'ConfigureUsers', 'ConfigureComponents', 'ConfigureSelf'],
  Operator: ['Login', 'ConfigureComponents', 'ConfigureSelf'],
  ReadOnly: ['Login', 'ConfigureSelf'],
};

export const MIN_PASSWORD = 8;
export const MAX_PASSWORD = 64;
const MAX_ACCOUNTS = 15;

export interface Account {
  id: string;
  name: string;
  password: string;
  role: RoleId;
  enabled: boolean;
  /** Nothing but the own password can be written until it was. */
  mustChange: boolean;
}

export class AccountBook {
  readonly #accounts = new Map<string, Account>();
  #nextId = 1;

  add(account: Omit<Account, 'id'>): Account | undefined {
    if (this.#accounts.size >= MAX_ACCOUNTS) return undefined;
    const made = { ...account, id: String(this.#nextId++) };
    this.#accounts.set(made.id, made);
    return made;
  }

  get(id: string): Account | undefined {
    return this.#accounts.get(id);
  }

  byName(name: string): Account | undefined {
    return this.list().find((a) => a.name === name);
  }

  list(): Account[] {
    return [...this.#accounts.values()];
  }

  remove(id: string): void {
    this.#accounts.delete(id);
  }

  /** The account of a name and its password; undefined when they do not belong together or it is disabled. */
  check(name: string, password: string): Account | undefined {
    const account = this.byName(name);
    if (account === undefined || !account.enabled) return undefined;
    const [a, b] = [Buffer.from(account.password), Buffer.from(password)];
    return a.length === b.length && timingSafeEqual(a, b) ? account : undefined;
  }
}
