import { redactText } from '../core/log.ts';

/** Colours and cursor control that firmware writes in the middle of words; backspace and carriage return are looked at apart. */
const CONTROL =
  /\u001b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Za-z0-9]|[A-Za-z=>])|[\u0000-\u0007\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
const CLEARED = /\u001b(?:c|\[2J)/g;
/** A line that fills the 80 or 100 columns of a firmware's terminal goes on in the next. */
const WRAPPED = /^(.{80}|.{100})\n(?!\[ingot )/gm;
/** Lines at the start that may be the rest of a secret whose name was cut off: the longest URL has fewer. */
const UNSAFE_LINES = 4;
/** Where something is missing. A machine that prints it itself loses a word. */
const GAP = '\ue000';
const EMPTY_LINES = /\n{3,}/g;
const EMPTY_BEFORE_NOTE = /\n+(?=\[ingot )/g;

/**
 * A line of our own in a console's raw text.
 * @param time ISO 8601
 * @param gap may something of what the machine printed be missing here?
 */
export function noteText(time: string, text: string, gap: boolean): string {
  return `\n[ingot ${time}: ${text}]\n${gap ? GAP : ''}`;
}

/**
 * What a console printed, as a person reads it and without secrets. The kernel's command line and the URLs of iPXE hold
 * one-time tokens and signatures, and firmware breaks them at the edge of its screen: lines are joined before secrets are
 * looked for.
 * @param raw as it came
 * @param cut is the start missing?
 */
export function consoleText(raw: string, cut: boolean): string {
  const plain = raw.replaceAll(CLEARED, '\n').replaceAll(CONTROL, '').split('\n').map(asShown).join('\n');
  const [first = '', ...afterGaps] = plain.slice(cut ? afterLines(plain, UNSAFE_LINES) : 0).split(GAP);
  const whole = first.replaceAll(WRAPPED, '$1') + afterGaps.map(afterGap).join('');
  return redactText(whole).replaceAll(EMPTY_BEFORE_NOTE, '\n').replaceAll(EMPTY_LINES, '\n\n').replace(/^\n+/, '');
}

/**
 * Text after a gap begins somewhere in a line: with the rest of a secret, maybe, which goes, and maybe at the edge of the
 * screen, so that the next line goes on in this one. Where that makes no difference, two lines stay two.
 */
function afterGap(text: string): string {
  const end = text.indexOf('\n') + 1;
  const line = text.slice(0, Math.max(0, end - 1));
  const rest = text.slice(end).replaceAll(WRAPPED, '$1');
  const two =
    rest.startsWith('[ingot ') || (/\s/.test(line) && redactText(line + rest) === redactText(line) + redactText(rest));
  return `${line}${two || rest === '' ? text.slice(line.length, end) : ''}${rest}`.replace(/^\S+/, '…');
}

/** Is something printed since the last line ended? */
export function endsInLine(raw: string): boolean {
  const shown = raw.replaceAll(GAP, '').replaceAll(CLEARED, '\n').replaceAll(CONTROL, '');
  return shown.slice(shown.lastIndexOf('\n') + 1).replaceAll(/[\b\r]/g, '') !== '';
}

/** What is left on the screen of a line that was partly written over, like a countdown or a percentage. */
function asShown(line: string): string {
  if (!/[\b\r]/.test(line)) return line;
  const cells: string[] = [];
  let at = 0;
  for (const character of line) {
    if (character === '\b') at = Math.max(0, at - 1);
    else if (character === '\r') at = 0;
    else cells[at++] = character;
  }
  return cells.join('').trimEnd();
}

/** Offset just after the `count`-th line. */
function afterLines(text: string, count: number): number {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const next = text.indexOf('\n', at);
    if (next === -1) return text.length;
    at = next + 1;
  }
  return at;
}
