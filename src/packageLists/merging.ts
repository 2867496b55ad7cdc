import type { Conflicting } from '../api/generated';
import { blockOf, entryOf, indentOf, isBlank, scalar, scalarOf, variableOf, type IEntry } from './listLines';

/** Which side of a conflict was chosen. */
export type Side = 'mine' | 'theirs';

type Lines = readonly string[];

/**
 * Write the chosen side of one conflict into a text and leave all else as it is; null where the text is written in a
 * way only a person can change. What comes out is looked at by the server, like anything that is typed.
 */
export function withSide(text: string, conflict: Conflicting, side: Side): string | null {
  const lines = text.split(/\r?\n/);
  const changed = write(lines, conflict, conflict[side]);
  if (changed === null || changed.join('\n') === lines.join('\n')) {
    return changed && text;
  }
  return changed.join('\n');
}

function write(lines: Lines, { section, name }: Conflicting, wanted: string | null): Lines | null {
  switch (section) {
    case 'name':
      return withName(lines, wanted);
    case 'channels':
    case 'platforms':
      return withAll(lines, section, wanted === null ? [] : wanted.split(', '));
    case 'variables':
      return withVariable(lines, name, wanted);
    case 'conda':
    case 'pip':
      return withSpec(lines, section, name, wanted);
  }
}

function withName(lines: Lines, wanted: string | null): Lines | null {
  const at = lines.findIndex(line => line.startsWith('name:'));
  if (at < 0) {
    const first = lines.findIndex(line => /^[^\s#-]/.test(line));
    return wanted === null ? lines : spliced(lines, Math.max(first, 0), 0, `name: ${scalar(wanted)}`);
  }
  const line = lines[at] ?? '';
  const entry = scalarOf(line, 'name');
  return entry && spliced(lines, at, 1, ...(wanted === null ? [] : [changed(line, entry, wanted)]));
}

/** Channels and platforms are one side's as a whole: which channel comes first decides what is installed. */
function withAll(lines: Lines, key: 'channels' | 'platforms', wanted: Lines): Lines | null {
  const block = blockOf(lines, key);
  if (block === null) {
    const at = blockOf(lines, 'dependencies')?.head;
    const added = wanted.length === 0 ? [] : [`${key}:`, ...wanted.map(each => `  - ${scalar(each)}`)];
    return at === undefined ? null : spliced(lines, at, 0, ...added);
  }
  const below = lines.slice(block.head + 1, block.end);
  const isInline = /^\[[^\]]*\]$/.test(block.inline);
  if (
    (block.inline !== '' && !isInline) ||
    below.some(line => !isBlank(line) && (isInline || !entryOf(line)))
  ) {
    return null;
  }
  // Each with what is said of it in the lines before.
  const there = new Map<string, string[]>();
  let said: string[] = [];
  for (const line of below) {
    said.push(line);
    const entry = entryOf(line);
    if (entry) {
      there.set(channel(entry.value), said);
      said = [];
    }
  }
  const lead = below.map(entryOf).find(entry => entry !== null)?.lead ?? '  - ';
  const kept = wanted.map(each => there.get(channel(each)) ?? [`${lead}${scalar(each)}`]);
  // It is no channel, and means something to conda.
  const without =
    there.get('nodefaults') ?? (/\bnodefaults\b/.test(block.inline) ? [`${lead}nodefaults`] : []);
  const all = [...kept.flat(), ...without, ...said];
  const head = isInline ? [`${key}:`] : lines.slice(block.head, block.head + 1);
  const length = block.end - block.head;
  return spliced(lines, block.head, length, ...(kept.length + without.length > 0 ? [...head, ...all] : said));
}

function withVariable(lines: Lines, name: string, wanted: string | null): Lines | null {
  const block = blockOf(lines, 'variables');
  // Always in quotes: a variable is a text, also where it looks like a number.
  const written = (lead: string): string[] => (wanted === null ? [] : [`${lead}${JSON.stringify(wanted)}`]);
  if (block === null) {
    const end = lines.length - (lines[lines.length - 1] === '' ? 1 : 0);
    return wanted === null ? lines : spliced(lines, end, 0, 'variables:', ...written(`  ${name}: `));
  }
  if (block.inline !== '') {
    return null;
  }
  const below = lines.slice(block.head + 1, block.end);
  const at = below.findIndex(line => new RegExp(`^\\s+["']?${name}["']?\\s*:`).test(line));
  if (at < 0) {
    const first = below.find(line => !isBlank(line)) ?? '  ';
    return spliced(lines, block.end, 0, ...written(`${' '.repeat(indentOf(first))}${name}: `));
  }
  const entry = variableOf(below[at] ?? '', name);
  if (entry === null) {
    return null;
  }
  if (wanted === null && below.filter(line => !isBlank(line)).length === 1) {
    return spliced(lines, block.head, block.end - block.head);
  }
  return spliced(lines, block.head + 1 + at, 1, ...written(entry.lead).map(line => line + entry.rest));
}

function withSpec(lines: Lines, section: 'conda' | 'pip', name: string, wanted: string | null): Lines | null {
  const block = blockOf(lines, 'dependencies');
  if (block === null || !['', '[]'].includes(block.inline.replace(/\s/g, ''))) {
    return null;
  }
  const { head, end } = block;
  const below = Array.from({ length: end - head - 1 }, (_, index) => head + 1 + index);
  const line = (at: number): string => lines[at] ?? '';
  const pip = below.find(at => /^\s*-\s+pip:/.test(line(at)));
  const pipEnd = pip === undefined ? end : (below.find(at => at > pip && isOver(line(at), line(pip))) ?? end);
  if (pip !== undefined && section === 'pip' && !/^\s*-\s+pip:\s*(#.*)?$/.test(line(pip))) {
    return null;
  }
  const isPip = (at: number): boolean => pip !== undefined && at > pip && at < pipEnd;
  const mine = below.filter(at => at !== pip && !isBlank(line(at)) && isPip(at) === (section === 'pip'));
  const entries = new Map(mine.map(at => [at, entryOf(line(at))]));
  if ([...entries.values()].includes(null)) {
    return null;
  }
  const key = section === 'conda' ? condaKey : pipKey;
  const at = mine.find(each => key(entries.get(each)?.value ?? '') === key(name));
  if (at !== undefined) {
    if (wanted === null && section === 'pip' && mine.length === 1 && pip !== undefined) {
      return spliced(lines, pip, pipEnd - pip); // nothing is left of it
    }
    const entry = entries.get(at);
    return spliced(lines, at, 1, ...(wanted === null || !entry ? [] : [changed(line(at), entry, wanted)]));
  }
  if (wanted === null) {
    return lines;
  }
  const opened = block.inline === '' ? lines : spliced(lines, head, 1, 'dependencies:');
  const last = mine[mine.length - 1];
  if (last !== undefined) {
    return spliced(opened, last + 1, 0, `${entries.get(last)?.lead ?? '  - '}${scalar(wanted)}`);
  }
  const lead = below.map(each => entryOf(line(each))).find(entry => entry !== null)?.lead ?? '  - ';
  if (section === 'conda') {
    return spliced(opened, head + 1, 0, `${pip === undefined ? lead : leadOf(line(pip))}${scalar(wanted)}`);
  }
  const nested = (from: string): string => `${' '.repeat(indentOf(from) + 4)}- ${scalar(wanted)}`;
  return pip === undefined
    ? spliced(opened, end, 0, `${lead}pip:`, nested(lead))
    : spliced(opened, pip + 1, 0, nested(line(pip)));
}

function spliced(lines: Lines, at: number, length: number, ...added: Lines): Lines {
  return [...lines.slice(0, at), ...added, ...lines.slice(at + length)];
}

/** A line with another value; what says the same in other spaces stays as it is written. */
function changed(line: string, { lead, value, rest }: IEntry, wanted: string): string {
  const bare = (text: string): string => text.replace(/\s+/g, '');
  return bare(value) === bare(wanted) ? line : `${lead}${scalar(wanted)}${rest}`;
}

/** Whether what stands below `- pip:` has ended with this line. */
function isOver(line: string, pip: string): boolean {
  return !isBlank(line) && indentOf(line) <= indentOf(pip);
}

function leadOf(line: string): string {
  return /^\s*-\s+/.exec(line)?.[0] ?? '  - ';
}

/** A channel's address is the same with and without a `/` at its end. */
function channel(text: string): string {
  return text.replace(/\/+$/, '');
}

/** What a spec is found by: the package's name. */
function condaKey(spec: string): string {
  return (/^(?:.*::)?\s*([^\s=<>!~[;@]+)/.exec(spec)?.[1] ?? spec).toLowerCase();
}

/** pip's is written in many ways, and may stand once for each marker. */
function pipKey(spec: string): string {
  const [before = '', ...marker] = spec.split(';');
  const name = /^[A-Za-z0-9._-]+/.exec(before.trim())?.[0] ?? before.trim();
  return [
    name.toLowerCase().replace(/[-_.]+/g, '-'),
    ...marker.map(each => each.replace(/[\s'"]/g, ''))
  ].join(';');
}
