import type { Environment, EnvironmentFile } from '../api/generated';

/** What a name may be; the server's `names.py` decides, this only tells early. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;
const MOST_NAME = 64;
const RESERVED: ReadonlySet<string> = new Set(['base', 'root', 'all', 'con', 'prn', 'aux', 'nul']);

/** The server takes files up to this size, in bytes. */
export const MOST_FILE = 10_000_000;

/** What is wrong with a name. */
export type NameFault = 'empty' | 'too_long' | 'begins_wrong' | 'characters' | 'reserved' | 'taken';

/** Find what is wrong with a new name; null if nothing is. */
export function faultOfName(
  name: string,
  environments: readonly Pick<Environment, 'name'>[]
): NameFault | null {
  if (name === '') {
    return 'empty';
  }
  if (name.length > MOST_NAME) {
    return 'too_long';
  }
  if (!NAME.test(name)) {
    return NAME.test(`a${name}`) ? 'begins_wrong' : 'characters';
  }
  if (RESERVED.has(name.toLowerCase())) {
    return 'reserved';
  }
  return environments.some(environment => environment.name === name) ? 'taken' : null;
}

/** Give the first of `wanted`, `wanted-2`, `wanted-3` … that nobody has. */
export function freeName(wanted: string, environments: readonly Pick<Environment, 'name'>[]): string {
  let name = wanted;
  for (let number = 2; environments.some(environment => environment.name === name); number++) {
    name = `${wanted}-${number}`;
  }
  return name;
}

/**
 * Read the specs in a text somebody typed or pasted: `numpy pandas>=2,<3, python 3.12` are three.
 */
export function splitSpecs(text: string): string[] {
  const specs: string[] = [];
  for (const line of text.split(/[\n\r;]+/)) {
    const close = line
      .replace(/(^|\s)#.*$/, '')
      .replace(/^\s*-\s+/, '')
      .replace(/\s*,\s*(?=[<>=!~])/g, ',')
      .replace(/\s*([<>=!~]+)\s*/g, '$1');
    let isFirst = true;
    // A comma stands between specs where a letter follows, within one (`>=2,<3`) otherwise.
    for (const piece of close.split(/\s+|,(?=\s*[A-Za-z_])/)) {
      const word = piece.replace(/,$/, '');
      const before = specs[specs.length - 1];
      if (!isFirst && before !== undefined && /^[0-9]/.test(word) && !/[<>=!~]/.test(before)) {
        specs[specs.length - 1] = `${before}=${word}`; // `python 3.12`
      } else if (word !== '') {
        specs.push(word);
        isFirst = false;
      }
    }
  }
  return specs;
}

/** The name a spec speaks of, in lower case, without channel, extras and versions. */
export function nameInSpec(spec: string): string {
  const bare = spec.includes('::') ? spec.slice(spec.indexOf('::') + 2) : spec;
  return (/^[A-Za-z0-9_.-]*/.exec(bare.trim())?.[0] ?? '').replace(/[-_.]+/g, '-').toLowerCase();
}

/** Put specs to others; a new one takes the place of an old one of the same package. */
export function mergeSpecs(specs: readonly string[], more: readonly string[]): readonly string[] {
  return more.reduce<readonly string[]>(
    (all, spec) => [...all.filter(other => nameInSpec(other) !== nameInSpec(spec)), spec],
    specs
  );
}

/** The name an environment.yml or a pixi.lock gives its environment, if it does. */
export function nameInFile({ text }: EnvironmentFile): string | null {
  return /^name:\s*["']?([A-Za-z0-9_][A-Za-z0-9_.+-]*)["']?\s*(?:#.*)?$/m.exec(text)?.[1] ?? null;
}

/** What kind of file it looks like; the server reads it and decides. */
export function kindOfFile({
  name,
  text
}: EnvironmentFile): 'yaml' | 'requirements' | 'explicit' | 'lock' | null {
  const head = text.slice(0, 20_000);
  if (/^@EXPLICIT\s*$/m.test(head)) {
    return 'explicit';
  }
  if (
    /\.lock$|conda-lock\.ya?ml$/.test(name) ||
    (/^version:/m.test(head) && /^(package|packages):/m.test(head))
  ) {
    return 'lock';
  }
  if (/^dependencies:/m.test(head)) {
    return 'yaml';
  }
  return /\.txt$/.test(name) ? 'requirements' : null;
}
