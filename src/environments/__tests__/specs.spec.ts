import { actionOn, addSpecs, EMPTY, itemsOf, takeOut, toggleRemove, toggleUpgrade, wishOf } from '../basket';
import { faultOfName, freeName, kindOfFile, mergeSpecs, nameInFile, nameInSpec, splitSpecs } from '../specs';

describe('specs', () => {
  it.each([
    ['numpy pandas', ['numpy', 'pandas']],
    ['numpy, pandas', ['numpy', 'pandas']],
    ['numpy,pandas', ['numpy', 'pandas']],
    ['numpy>=1.2,<2 pandas', ['numpy>=1.2,<2', 'pandas']],
    ['numpy >= 1.2, < 2', ['numpy>=1.2,<2']],
    ['python 3.12 numpy', ['python=3.12', 'numpy']],
    ['  - numpy\n  - pandas # of course\n\n# nothing', ['numpy', 'pandas']],
    ['conda-forge::numpy=1.26=py*', ['conda-forge::numpy=1.26=py*']],
    ['requests[security]>=2', ['requests[security]>=2']],
    ['', []]
  ])('reads %j as %j', (text, specs) => {
    expect(splitSpecs(text)).toEqual(specs);
  });

  it.each([
    ['numpy>=1', 'numpy'],
    ['conda-forge::Numpy=1', 'numpy'],
    ['ruamel_yaml', 'ruamel-yaml'],
    ['ruamel.yaml[x]', 'ruamel-yaml']
  ])('finds in %j the package %s', (spec, name) => {
    expect(nameInSpec(spec)).toBe(name);
  });

  it('lets a new spec take the place of an old one', () => {
    expect(mergeSpecs(['python', 'numpy'], ['python=3.12', 'scipy'])).toEqual([
      'numpy',
      'python=3.12',
      'scipy'
    ]);
  });
});

describe('names', () => {
  const others = [{ name: 'geo' }, { name: 'geo-2' }];

  it.each([
    ['', 'empty'],
    ['a'.repeat(65), 'too_long'],
    ['-c', 'begins_wrong'],
    ['.hidden', 'begins_wrong'],
    ['../x', 'characters'],
    ['a b', 'characters'],
    ['한글', 'characters'],
    ['Base', 'reserved'],
    ['geo', 'taken'],
    ['geo-3', null],
    ['_x+1.2', null]
  ])('finds in %j: %s', (name, fault) => {
    expect(faultOfName(name, others)).toBe(fault);
  });

  it('finds a free one', () => {
    expect(freeName('geo', others)).toBe('geo-3');
    expect(freeName('new', others)).toBe('new');
  });
});

describe('files', () => {
  it.each([
    ['environment.yml', 'name: geo\ndependencies:\n  - gdal\n', 'yaml', 'geo'],
    ['requirements.txt', 'numpy\n', 'requirements', null],
    ['list.txt', '# made by conda\n@EXPLICIT\nhttps://x/a.conda\n', 'explicit', null],
    ['conda-lock.yml', 'version: 1\npackage:\n', 'lock', null],
    ['pixi.lock', 'version: 6\n', 'lock', null],
    ['what.ever', 'numpy', null, null]
  ])('tells %s', (name, text, kind, named) => {
    expect(kindOfFile({ name, text })).toBe(kind);
    expect(nameInFile({ name, text })).toBe(named);
  });
});

describe('the basket', () => {
  it('does one thing to a package', () => {
    let basket = addSpecs(EMPTY, ['numpy>=2', 'scipy'], 'conda');
    basket = toggleRemove(basket, { name: 'scipy', manager: 'conda' });
    basket = toggleUpgrade(basket, { name: 'pandas' });
    basket = addSpecs(basket, ['rich'], 'pip');
    expect(wishOf(basket)).toEqual({
      install: ['numpy>=2'],
      pip_install: ['rich'],
      remove: ['scipy'],
      upgrade: ['pandas']
    });
    expect(actionOn(basket, 'NumPy')).toBe('install');
    expect(actionOn(basket, 'zlib')).toBeNull();
  });

  it('takes back what is asked for twice', () => {
    const removed = toggleRemove(EMPTY, { name: 'rich', manager: 'pip' });
    expect(wishOf(removed)).toEqual({ pip_remove: ['rich'] });
    expect(toggleRemove(removed, { name: 'rich', manager: 'pip' })).toEqual(EMPTY);
    expect(toggleUpgrade(toggleUpgrade(EMPTY, { name: 'a' }), { name: 'a' })).toEqual(EMPTY);
  });

  it('lets a thing be taken out', () => {
    const basket = addSpecs(EMPTY, ['numpy>=2'], 'conda');
    const item = itemsOf(basket)[0];
    expect(item && takeOut(basket, item)).toEqual(EMPTY);
  });
});
