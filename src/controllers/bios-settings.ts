import { createHash } from 'node:crypto';
import type { SettingSchema } from '../api/firmware.ts';
import type { BiosAttribute, BiosValue } from '../bmc/capabilities.ts';

/** Names that are never shown, never set (metal3-compat §1.3). */
function isSecret(name: string): boolean {
  return name.includes('Password');
}

/** All settings as texts, which is how HostFirmwareSettings shows them. */
export function shownSettings(attributes: Readonly<Record<string, BiosValue>>): Record<string, string> {
  const shown = Object.entries(attributes).filter(([name, value]) => !isSecret(name) && value !== null);
  return Object.fromEntries(shown.map(([name, value]): [string, string] => [name, String(value)]).toSorted(byName));
}

/** Rules by setting, for a FirmwareSchema. */
export function settingSchemas(registry: readonly BiosAttribute[]): Record<string, SettingSchema> {
  const rules = registry.filter((a) => !isSecret(a.name)).map((a): [string, SettingSchema] => [a.name, ruleOf(a)]);
  return Object.fromEntries(rules.toSorted(byName));
}

function ruleOf(attribute: BiosAttribute): SettingSchema {
  const { type, allowableValues, lowerBound, upperBound, minLength, maxLength, readOnly, unique } = attribute;
  const whole = (n: number | undefined) => (n !== undefined && Number.isSafeInteger(n) ? n : undefined);
  const rule = {
    attribute_type: type,
    allowable_values: allowableValues === undefined ? undefined : [...allowableValues],
    lower_bound: whole(lowerBound),
    upper_bound: whole(upperBound),
    min_length: whole(minLength),
    max_length: whole(maxLength),
    read_only: readOnly,
    unique,
  };
  return Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined)) as SettingSchema;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** The same rules have the same name, so that machines of one kind share one object. */
export function schemaName(rules: Readonly<Record<string, SettingSchema>>): string {
  return `schema-${createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 8)}`;
}

/** What is wished for and is not so. */
export function changedSettings(
  wanted: Readonly<Record<string, number | string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(wanted).filter((name) => !Object.hasOwn(now, name) || now[name] !== String(wanted[name]));
}

/**
 * Why a wish cannot be granted, one sentence a setting; empty when all can (metal3-compat §1.4).
 * @param rules of the FirmwareSchema; empty when the BMC has none: then names are checked against the settings alone
 */
export function settingProblems(
  wanted: Readonly<Record<string, number | string>>,
  now: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, SettingSchema>>,
): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    if (isSecret(name)) return [`${name} is a password and cannot be set`];
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) return Object.hasOwn(now, name) ? [] : [`${name} is not a setting of this machine`];
    const problem = valueProblem(rule, value);
    return problem === undefined ? [] : [`${name} ${problem}`];
  });
}

function valueProblem(rule: SettingSchema, value: number | string): string | undefined {
  if (rule.read_only === true) return 'is read-only';
  const text = String(value);
  switch (rule.attribute_type) {
    case 'Enumeration': {
      const allowed = rule.allowable_values ?? [];
      return allowed.includes(text) ? undefined : `is "${text}", allowed are ${allowed.join(', ')}`;
    }
    case 'Integer': {
      if (!/^-?\d+$/.test(text)) return `is "${text}", a whole number is needed`;
      return bounded(Number(text), rule.lower_bound, rule.upper_bound, 'is');
    }
    case 'String':
      return bounded(text.length, rule.min_length, rule.max_length, 'has a length of');
    case 'Boolean':
      return text === 'true' || text === 'false' ? undefined : `is "${text}", true or false is needed`;
    case 'Password':
      return 'is a password and cannot be set';
    case undefined:
    default:
      return undefined;
  }
}

function bounded(value: number, low: number | undefined, high: number | undefined, what: string): string | undefined {
  if (low !== undefined && value < low) return `${what} ${value}, at least ${low} is needed`;
  if (high !== undefined && value > high) return `${what} ${value}, at most ${high} is allowed`;
  return undefined;
}
