import { aMerged } from '../../__tests__/fakeLists';
import type { Conflicting } from '../../api/generated';
import { bothOf } from '../both';
import { withSide } from '../merging';
import { faultOfListName, placeOf } from '../names';

const TEXT = `# what we use
name: team
channels:
  - conda-forge
  # ours come last
  - https://packages.example/conda/
  - nodefaults
platforms: [linux-64]
dependencies:
  - numpy=3 # as kim says
  - "pandas >=2"
  - conda-forge::rich=14
  - pip:
    - Rich_Text==14
    - tomli==2; python_version < "3.11"
variables:
  PORT: "8888" # not 80
`;

function conflict(change: Partial<Conflicting>): Conflicting {
  return { section: 'conda', name: 'numpy', base: null, mine: null, theirs: null, ...change };
}

/** The lines that a side takes away from TEXT, and those that it brings. */
function difference(change: Partial<Conflicting>, text = TEXT): { gone: string[]; new: string[] } | null {
  const after = withSide(text, conflict(change), 'mine');
  const [was, now] = [text, after ?? ''].map(each => each.split('\n'));
  return (
    after === null
      ? null
      : { gone: was?.filter(line => !now?.includes(line)), new: now?.filter(line => !was?.includes(line)) }
  ) as { gone: string[]; new: string[] } | null;
}

describe('withSide', () => {
  it('puts one side where the other stands, and back', () => {
    const each = conflict({ mine: 'numpy=2', theirs: 'numpy=3' });
    const mine = withSide(TEXT, each, 'mine') ?? '';
    expect(difference(each)).toEqual({
      gone: ['  - numpy=3 # as kim says'],
      new: ['  - numpy=2 # as kim says']
    });
    expect(withSide(mine, each, 'theirs')).toBe(TEXT);
  });

  it.each([
    // in quotes, with spaces, with its channel
    [{ name: 'pandas', mine: 'pandas <2' }, ['  - "pandas >=2"'], ['  - "pandas <2"']],
    [{ name: 'pandas', mine: 'pandas>=2' }, [], []],
    [{ name: 'rich', mine: 'rich=13' }, ['  - conda-forge::rich=14'], ['  - rich=13']],
    // what one removed, what one added
    [{ name: 'pandas' }, ['  - "pandas >=2"'], []],
    [{ name: 'zlib', mine: 'zlib' }, [], ['  - zlib']],
    [{ name: 'zlib' }, [], []],
    // pip's names have many ways, and markers
    [
      { section: 'pip' as const, name: 'rich-text', mine: 'rich-text==13' },
      ['    - Rich_Text==14'],
      ['    - rich-text==13']
    ],
    [
      {
        section: 'pip' as const,
        name: "tomli; python_version < '3.11'",
        mine: "tomli==3; python_version < '3.11'"
      },
      ['    - tomli==2; python_version < "3.11"'],
      [`    - "tomli==3; python_version < '3.11'"`]
    ],
    [{ section: 'pip' as const, name: 'httpx', mine: 'httpx==1' }, [], ['    - httpx==1']],
    // the same name elsewhere is another thing
    [{ section: 'pip' as const, name: 'pandas' }, [], []],
    [{ name: 'rich_text' }, [], []],
    [{ section: 'name' as const, name: '', mine: 'all' }, ['name: team'], ['name: all']],
    [{ section: 'name' as const, name: '', mine: '3' }, ['name: team'], ['name: "3"']],
    [{ section: 'name' as const, name: '' }, ['name: team'], []],
    [
      { section: 'variables' as const, name: 'PORT', mine: '80' },
      ['  PORT: "8888" # not 80'],
      ['  PORT: "80" # not 80']
    ],
    [{ section: 'variables' as const, name: 'HOST', mine: 'a "b"' }, [], ['  HOST: "a \\"b\\""']],
    [{ section: 'variables' as const, name: 'PORT' }, ['variables:', '  PORT: "8888" # not 80'], []],
    [
      { section: 'platforms' as const, name: '', mine: 'linux-64, osx-arm64' },
      ['platforms: [linux-64]'],
      ['platforms:', '  - linux-64', '  - osx-arm64']
    ],
    [{ section: 'platforms' as const, name: '' }, ['platforms: [linux-64]'], []]
  ])('writes %j', (change, gone, added) => {
    expect(difference(change)).toEqual({ gone, new: added });
  });

  it('puts channels into the order of a side, each with what is said of it', () => {
    const mine = 'https://packages.example/conda, other, conda-forge';
    const after = withSide(TEXT, conflict({ section: 'channels', name: '', mine }), 'mine');
    expect(after).toContain(
      [
        'channels:',
        '  # ours come last',
        '  - https://packages.example/conda/',
        '  - other',
        '  - conda-forge',
        '  - nodefaults',
        'platforms: [linux-64]'
      ].join('\n')
    );
  });

  it.each([
    [{ section: 'channels' as const, name: '', mine: 'a' }, ['channels:', '  - a', 'dependencies: []']],
    [{ section: 'pip' as const, name: 'x', mine: 'x' }, ['dependencies:', '  - pip:', '      - x']],
    [{ name: 'x', mine: 'x' }, ['dependencies:', '  - x']],
    [{ section: 'variables' as const, name: 'A', mine: '1' }, ['dependencies: []', 'variables:', '  A: "1"']],
    [{ section: 'name' as const, name: '', mine: 'all' }, ['name: all', 'dependencies: []']]
  ])('begins what is not there yet: %j', (change, lines) => {
    expect(withSide('dependencies: []\n', conflict(change), 'mine')).toBe(`${lines.join('\n')}\n`);
  });

  it('takes the end of what is left empty', () => {
    const text = 'dependencies:\n  - pip:\n      - x\n  - a\n';
    expect(withSide(text, conflict({ section: 'pip', name: 'x' }), 'mine')).toBe('dependencies:\n  - a\n');
  });

  it.each([
    ['dependencies: [numpy=3]\n', { mine: 'numpy=2' }],
    ['dependencies:\n  - &it numpy=3\n', { mine: 'numpy=2' }],
    ['dependencies:\n  - pip: [x]\n', { section: 'pip' as const, name: 'x', mine: 'x==1' }],
    ['channels: &all\n  - a\n', { section: 'channels' as const, name: '', mine: 'b' }],
    ['variables: {A: b}\n', { section: 'variables' as const, name: 'A', mine: 'c' }],
    ['variables:\n  A: |\n    b\n', { section: 'variables' as const, name: 'A', mine: 'c' }],
    ['name: >\n  a\n', { section: 'name' as const, name: '', mine: 'c' }]
  ])('leaves to a person what is written in another way: %j', (text, change) => {
    expect(withSide(text, conflict(change), 'mine')).toBeNull();
  });
});

describe('bothOf', () => {
  it('reads both sides, and nothing else', () => {
    const both = aMerged();
    expect(bothOf({ ...both, field: 'team' })).toMatchObject({ mine: both.mine, conflicts: both.conflicts });
    expect(bothOf({ etag: 'x', revision: {} })).toBeNull();
  });
});

describe('names', () => {
  it.each([
    ['team-base', null],
    ['', 'empty'],
    ['a/b', 'characters'],
    ['-x', 'characters'],
    ['a'.repeat(65), 'too_long'],
    ['there', 'taken']
  ])('of a list: %s', (name, fault) => {
    expect(faultOfListName(name, ['there'])).toBe(fault);
  });

  it('of places are written as the server reads them', () => {
    expect(placeOf('directory', ' /shared ')).toBe('/shared');
    expect(placeOf('s3', 'bucket/prefix')).toBe('s3://bucket/prefix');
    expect(placeOf('s3', 's3://bucket')).toBe('s3://bucket');
    expect(placeOf('git', '/home/jo/lists')).toBe('git:/home/jo/lists');
    expect(placeOf('git', '  ')).toBe('');
  });
});
