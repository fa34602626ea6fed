import { isObject } from '../api/validation/schema.ts';

/** One step of a path: a field, an index, all items, or items whose field has a value. */
type Step =
  | { kind: 'field'; name: string }
  | { kind: 'index'; index: number }
  | { kind: 'all' }
  | { kind: 'filter'; field: string; value: string };

const STEP =
  /^(?:\.([A-Za-z_][\w-]*(?:\\\.[\w-]+)*)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\])/;

/**
 * Compiles the part of JSONPath that printer columns use: `.a.b`, `[0]`, `[*]`, `['key']`, `[?(@.type=="Ready")]`.
 * @throws Error on anything else
 */
export function compilePath(path: string): (value: unknown) => unknown[] {
  const steps: Step[] = [];
  let rest = path.replaceAll(/^\{|\}$/g, '');
  while (rest !== '') {
    const match = STEP.exec(rest);
    if (match === null) throw new Error(`JSONPath not supported: ${path}`);
    steps.push(stepOf(match));
    rest = rest.slice(match[0].length);
  }
  return (value) => steps.reduce<unknown[]>((values, step) => values.flatMap((v) => follow(v, step)), [value]);
}

function stepOf(match: RegExpExecArray): Step {
  const [, field, index, all, quoted, filterField, filterValue] = match;
  const name = field?.replaceAll('\\.', '.') ?? quoted;
  if (name !== undefined) return { kind: 'field', name };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (all !== undefined) return { kind: 'all' };
  return { kind: 'filter', field: filterField ?? '', value: filterValue ?? '' };
}

function follow(value: unknown, step: Step): unknown[] {
  if (step.kind === 'field') {
    return isObject(value) && Object.hasOwn(value, step.name) && value[step.name] !== undefined
      ? [value[step.name]]
      : [];
  }
  const items: unknown[] = Array.isArray(value) ? value : [];
  if (step.kind === 'all') return items;
  if (step.kind === 'index') return step.index < items.length ? [items[step.index]] : [];
  return items.filter((item) => isObject(item) && String(item[step.field]) === step.value);
}
