/**
 * Finds keys that occur twice in one object of a JSON text; JSON.parse keeps the last silently.
 * @param text must be valid JSON
 * @returns paths like `spec.online`, at most 20
 */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  const stack: Frame[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
  let key: string | undefined;
  for (let match = token.exec(text); match !== null && found.length < 20; match = token.exec(text)) {
    const [lexeme] = match;
    const top = stack.at(-1);
    if (lexeme === '{' || lexeme === '[') {
      stack.push({ object: lexeme === '{', keys: new Set(), path: pathOf(top, key), index: 0, expectKey: true });
      key = undefined;
    } else if (lexeme === '}' || lexeme === ']') stack.pop();
    else if (top === undefined) continue;
    else if (lexeme === ',') {
      top.expectKey = true;
      top.index++;
    } else if (lexeme !== ':' && top.object && top.expectKey) {
      key = JSON.parse(lexeme) as string;
      top.expectKey = false;
      if (top.keys.has(key)) found.push(pathOf(top, key));
      top.keys.add(key);
    }
  }
  return found;
}

interface Frame {
  object: boolean;
  keys: Set<string>;
  path: string;
  index: number;
  expectKey: boolean;
}

function pathOf(top: Frame | undefined, key: string | undefined): string {
  if (top === undefined) return '';
  if (!top.object) return `${top.path}[${top.index}]`;
  return top.path === '' ? (key ?? '') : `${top.path}.${key}`;
}
