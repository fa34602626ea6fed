import { createHash } from 'node:crypto';
import type { SettingSchema } from '../api/firmware.ts';
import type { BiosAttribute, BiosValue } from '../bmc/capabilities.ts';

/** Names that are never shown, never set (metal3-compat §1.3). */
function isSecret(name: string): boolean {
  return name.includes('Password');
}

/** All settings but passwords as texts, which is how HostFirmwareSettings shows them. */
export function shownSettings(
  attributes: Readonly<Record<string, BiosValue>>,
  registry: readonly BiosAttribute[],
): Record<string, string> {
  const passwords = new Set(registry.filter((a) => a.type === 'Password').map((a) => a.name));
  const shown = Object.entries(attributes).filter(([n, v]) => !isSecret(n) && !passwords.has(n) && v !== null);
  return Object.fromEntries(shown.map(([name, value]): [string, string] => [name, String(value)]).toSorted(byName));
}

/**
 * Rules by setting, for a FirmwareSchema: of the settings that the machine has, a setting that no registry tells of having
 * none.
 */
export function settingSchemas(
  settings: Readonly<Record<string, string>>,
  registry: readonly BiosAttribute[],
): Record<string, SettingSchema> {
  const known = new Map(registry.map((attribute) => [attribute.name, attribute]));
  const rules = Object.keys(settings).map((name): [string, SettingSchema] => {
    const attribute = known.get(name);
    return [name, attribute === undefined ? {} : ruleOf(attribute)];
  });
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

/**
 * What is wished for and is not so. Numbers are the same however they are written: a text that always differs would be
 * applied again and again.
 */
export function changedSettings(
  wanted: Readonly<Record<string, number | string>>,
  now: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, SettingSchema>>,
): string[] {
  return Object.keys(wanted).filter((name) => {
    if (!Object.hasOwn(now, name)) return true;
    const [text, held] = [String(wanted[name]), now[name] ?? ''];
    const isNumber = rules[name]?.attribute_type === 'Integer' && /^-?\d+$/.test(text) && /^-?\d+$/.test(held);
    return isNumber ? Number(text) !== Number(held) : text !== held;
  });
}

/**
 * Why a wish cannot be granted, one sentence a setting in Metal3's words; empty when all can (metal3-compat §1.4). Settings
 * that are as wished for are judged too.
 */
export function settingProblems(
  wanted: Readonly<Record<string, number | string>>,
  now: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, SettingSchema>>,
): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    if (isSecret(name)) return [`cannot set Password field ${name}`];
    if (!Object.hasOwn(now, name)) return [`setting ${name} is not in the Status field`];
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    const problem = rule === undefined ? 'it is not in the associated schema' : valueProblem(rule, value);
    return problem === undefined ? [] : [`Setting ${name} is invalid, ${problem}`];
  });
}

function valueProblem(rule: SettingSchema, value: number | string): string | undefined {
  if (rule.read_only === true) return 'it is ReadOnly';
  const text = String(value);
  switch (rule.attribute_type) {
    case 'Enumeration': {
      const allowed = rule.allowable_values ?? [];
      return allowed.includes(text)
        ? undefined
        : `unknown enumeration value - ${text}; known are ${allowed.join(', ')}`;
    }
    case 'Integer': {
      if (!/^-?\d+$/.test(text)) return `String ${text} entered while integer expected`;
      return beyond(`integer ${text}`, Number(text), [rule.lower_bound, rule.upper_bound], 'value');
    }
    case 'String':
      return beyond(`string ${text} length`, text.length, [rule.min_length, rule.max_length], 'length');
    case 'Boolean':
      return text === 'true' || text === 'false' ? undefined : `${text} is not a boolean`;
    case 'Password':
      return 'passwords are immutable';
    case undefined:
    default:
      return undefined;
  }
}

function beyond(
  what: string,
  value: number,
  [low, high]: [number | undefined, number | undefined],
  of: string,
): string | undefined {
  if (low !== undefined && value < low) return `${what} is below minimum ${of} ${low}`;
  if (high !== undefined && value > high) return `${what} is above maximum ${of} ${high}`;
  return undefined;
}
