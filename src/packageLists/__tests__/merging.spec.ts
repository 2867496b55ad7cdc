import { aMerged } from '../../__tests__/fakeLists';
import type { Conflicting } from '../../api/generated';
import { bothOf } from '../both';
import { withSide } from '../merging';
import { faultOfListName, placeOf } from '../names';

const TEXT = [
  'channels:',
  '  - conda-forge',
  'dependencies:',
  '  - numpy=3 # as kim says',
  '  - "pandas >=2"',
  '  - pip:',
  '    - rich==14',
  ''
].join('\n');

function conflict(change: Partial<Conflicting>): Conflicting {
  return { section: 'conda', name: 'numpy', base: null, mine: null, theirs: null, ...change };
}

describe('withSide', () => {
  it('puts one side where the other stands, and back', () => {
    const each = conflict({ mine: 'numpy=2', theirs: 'numpy=3' });
    const mine = withSide(TEXT, each, 'mine');
    expect(mine).toContain('\n  - numpy=2\n');
    expect(mine).not.toContain('numpy=3');
    expect(withSide(mine ?? '', each, 'theirs')).toContain('\n  - numpy=3\n');
  });

  it('reads what is in quotes or written with spaces', () => {
    const each = conflict({ name: 'pandas', mine: 'pandas <2', theirs: 'pandas>=2' });
    expect(withSide(TEXT, each, 'mine')).toContain('  - "pandas <2"\n');
  });

  it('takes away what one side removed, and adds what the other removed', () => {
    const gone = withSide(TEXT, conflict({ mine: null, theirs: 'numpy=3' }), 'mine');
    expect(gone).not.toContain('numpy');
    const pip = conflict({ section: 'pip', name: 'httpx', mine: 'httpx==1', theirs: null });
    expect(withSide(TEXT, pip, 'mine')).toContain('  - pip:\n    - httpx==1\n    - rich==14');
  });

  it('leaves a text alone that has the side already', () => {
    expect(withSide(TEXT, conflict({ mine: 'numpy=2', theirs: 'numpy=3' }), 'theirs')).toBe(TEXT);
  });

  it('leaves to a person what counts in its order, or can’t be found', () => {
    const channels = conflict({ section: 'channels', name: '', mine: 'a, b', theirs: 'conda-forge' });
    expect(withSide(TEXT, channels, 'mine')).toBeNull();
    expect(withSide(TEXT, conflict({ mine: 'numpy=2', theirs: 'numpy=9' }), 'mine')).toBeNull();
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
