import { shortId } from './pick.ts';

export type Value = string | number | boolean | null | undefined;
export type Row = Record<string, Value>;

/** What a subcommand did or found: facts, rows of a table, or both. */
export interface Result {
  facts?: Row;
  rows?: readonly Row[];
  /** What an empty table is called: "no log entries". */
  none?: string;
  /** For people, below the rest; not in JSON. */
  note?: string;
}

/** Everything to be said on standard output, newline at the end. */
export function render(result: Result, json: boolean): string {
  if (json)
    return `${JSON.stringify({ result: 'ok', ...result.facts, ...(result.rows === undefined ? {} : { items: result.rows }) })}\n`;
  return [
    ...facts(result.facts ?? {}),
    ...table(result.rows ?? []),
    ...emptiness(result),
    ...(result.note === undefined ? [] : ['', result.note]),
  ]
    .map((l) => `${l}\n`)
    .join('');
}

function emptiness(result: Result): string[] {
  return result.rows?.length === 0 ? [result.none ?? 'nothing'] : [];
}

function facts(row: Row): string[] {
  const shown = Object.entries(row).filter(([, value]) => value !== '' && value !== undefined);
  const width = Math.max(0, ...shown.map(([key]) => label(key).length));
  return shown.map(([key, value]) => `${label(key).padEnd(width)}  ${cell(value)}`);
}

function table(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((c) =>
    rows.some((row) => row[c] !== undefined && row[c] !== ''),
  );
  if (columns.length === 0) return [];
  const lines = [
    columns.map((c) => label(c).toUpperCase()),
    ...rows.map((row) => columns.map((c) => (c === 'id' ? shortId(cell(row[c])) : cell(row[c])))),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** A GUID of IPMI, 32 digits, as a UUID is written, so that it can be compared with one. */
export function dashed(guid: string | undefined): string | undefined {
  return guid?.replace(/^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i, '$1-$2-$3-$4-$5');
}

/** A key as people write it: `addressSource` is address source, `memoryMiB` memory MiB. */
function label(key: string): string {
  const words = key.replaceAll(/([a-z])([A-Z][a-z])/g, '$1 $2').split(' ');
  return words.map((word) => (/^[A-Z][a-z]+$/.test(word) ? word.toLowerCase() : word)).join(' ');
}

/** What a BMC says must not move the cursor of a terminal. */
function cell(value: Value): string {
  return String(value ?? '').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
