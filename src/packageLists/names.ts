/** What keeps a text from being the name of a list. */
export type ListNameFault = 'empty' | 'characters' | 'too_long' | 'taken';

const MOST = 64;

/** Say why a list can't be called so, or null. The server has the last word. */
export function faultOfListName(name: string, taken: readonly string[]): ListNameFault | null {
  if (name === '') {
    return 'empty';
  }
  if (name.length > MOST) {
    return 'too_long';
  }
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/.test(name)) {
    return 'characters';
  }
  return taken.includes(name) ? 'taken' : null;
}

/** The kinds of place lists can be kept in. */
export const KINDS = ['directory', 's3', 'git'] as const;
export type Kind = (typeof KINDS)[number];

/** Write a place as the server reads it. */
export function placeOf(kind: Kind, typed: string): string {
  const text = typed.trim();
  switch (kind) {
    case 'directory':
      return text;
    case 's3':
      return text === '' || text.startsWith('s3://') ? text : `s3://${text.replace(/^\/+/, '')}`;
    case 'git':
      return text === '' || text.startsWith('git:') ? text : `git:${text}`;
  }
}

/** What a new list begins with. */
export const NEW_LIST = `channels:
  - conda-forge
dependencies:
  - python
  - ipykernel
`;
