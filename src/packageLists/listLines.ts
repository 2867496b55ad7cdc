/** The lines of an `environment.yml` as people and we write it. What is written otherwise is told, never guessed. */

/** A key at the beginning of a line, and the lines below that are its. */
export interface IBlock {
  /** The line of the key. */
  readonly head: number;
  /** The first line that is no longer its. */
  readonly end: number;
  /** What stands behind the key in the same line, without a comment. */
  readonly inline: string;
}

/** An entry of a list: `lead` is what stands before its value, `rest` what comes behind it. */
export interface IEntry {
  readonly lead: string;
  readonly value: string;
  readonly rest: string;
}

/** In quotes, or without; and a comment. */
const VALUE = `("(?:[^"\\\\]|\\\\.)*"|'(?:[^']|'')*'|[^\\s#"'&*!|>{[](?:[^#]|[^\\s]#)*?)(\\s+#.*|\\s*)`;
const ENTRY = new RegExp(`^(\\s*-\\s+)${VALUE}$`);

/** Words and numbers that YAML doesn't take for a text. */
const NO_TEXT = /^(?:true|false|yes|no|on|off|y|n|null|[-+.0-9_:e]+|=|<<)$/i;

export function blockOf(lines: readonly string[], key: string): IBlock | null {
  const head = lines.findIndex(line => line.startsWith(`${key}:`));
  if (head < 0) {
    return null;
  }
  const next = lines.findIndex((line, index) => index > head && /^[^\s#-]/.test(line));
  let end = next < 0 ? lines.length : next;
  // What is said before the next key is said of that.
  while (end > head + 1 && /^(#.*|\s*)$/.test(lines[end - 1] ?? '')) {
    end -= 1;
  }
  const inline = (lines[head] ?? '').slice(key.length + 1).replace(/(^|\s)#.*$/, '');
  return { head, end, inline: inline.trim() };
}

/** Read a line as an entry of a list; null where it is none, or none in one line. */
export function entryOf(line: string): IEntry | null {
  return parts(ENTRY, line);
}

/** Read a line as a name's value below `variables`. */
export function variableOf(line: string, name: string): IEntry | null {
  return parts(new RegExp(`^(\\s+(?:${name}|"${name}"|'${name}')\\s*:\\s+)${VALUE}$`), line);
}

/** Read a key's value in its own line. */
export function scalarOf(line: string, key: string): IEntry | null {
  return parts(new RegExp(`^(${key}:\\s+)${VALUE}$`), line);
}

export function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

export function isBlank(line: string): boolean {
  return /^\s*(#.*)?$/.test(line);
}

/** Write a text as a value. */
export function scalar(text: string): string {
  const plain = /^[A-Za-z0-9_./][A-Za-z0-9_./+=<>!~,*:@%-]*$/.test(text) && !text.endsWith(':');
  return plain && !NO_TEXT.test(text) ? text : JSON.stringify(text);
}

function parts(pattern: RegExp, line: string): IEntry | null {
  const [, lead, value, rest] = pattern.exec(line) ?? [];
  return lead === undefined || value === undefined
    ? null
    : { lead, value: unquoted(value), rest: rest ?? '' };
}

function unquoted(text: string): string {
  if (text.startsWith("'")) {
    return text.slice(1, -1).replace(/''/g, "'");
  }
  if (!text.startsWith('"')) {
    return text;
  }
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1); // YAML has more escapes than JSON; none is in a name
  }
}
