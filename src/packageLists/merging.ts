import type { Conflicting } from '../api/generated';

/** Which side of a conflict was chosen. */
export type Side = 'mine' | 'theirs';

/** The keys of `environment.yml` under which a section's entries stand. */
const KEYS: Readonly<Partial<Record<Conflicting['section'], RegExp>>> = {
  conda: /^dependencies:\s*(#.*)?$/,
  pip: /^\s*-\s*pip:\s*(#.*)?$/
};

/**
 * Put the chosen side of one conflict into a text that has the other; null where that has to be done by hand: a
 * person's text may say it in a way only they know, and channels count in their order.
 */
export function withSide(text: string, conflict: Conflicting, side: Side): string | null {
  const wanted = conflict[side];
  const other = conflict[side === 'mine' ? 'theirs' : 'mine'];
  const key = KEYS[conflict.section];
  if (key === undefined) {
    return null;
  }
  const lines = text.split('\n');
  const at = other === null ? -1 : lines.findIndex(line => entryOf(line) === normal(other));
  const there = wanted === null ? -1 : lines.findIndex(line => entryOf(line) === normal(wanted));
  if (there >= 0 || (wanted === null && at < 0)) {
    return text;
  }
  if (at >= 0) {
    const indent = /^\s*/.exec(lines[at] ?? '')?.[0] ?? '';
    lines.splice(at, 1, ...(wanted === null ? [] : [`${indent}- ${quoted(wanted)}`]));
    return lines.join('\n');
  }
  const head = lines.findIndex(line => key.test(line));
  if (other !== null || wanted === null || head < 0) {
    return null;
  }
  const first = lines.slice(head + 1).find(line => /^\s*-\s/.test(line));
  const indent = /^\s*/.exec(first ?? '  ')?.[0] ?? '';
  lines.splice(head + 1, 0, `${indent}- ${quoted(wanted)}`);
  return lines.join('\n');
}

/** The spec that a line of a list holds; null for other lines. */
function entryOf(line: string): string | null {
  const found = /^\s*-\s+(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(?:\s#.*)?$/.exec(line);
  const text = found && (found[1] ?? found[2] ?? found[3]);
  return text ? normal(text) : null;
}

function normal(spec: string): string {
  return spec.replace(/\s+/g, '');
}

function quoted(spec: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.=<>!~,*+-]*$/.test(spec) ? spec : JSON.stringify(spec);
}
