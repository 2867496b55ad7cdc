import type { ChangeWish } from '../api/client';
import type { Package } from '../api/generated';
import { mergeSpecs, nameInSpec } from './specs';

type Manager = Package['manager'];

/** What somebody has gathered to be done to one environment, before it is looked at and done. */
export interface IBasket {
  readonly install: readonly string[];
  readonly pipInstall: readonly string[];
  readonly remove: readonly string[];
  readonly pipRemove: readonly string[];
  readonly upgrade: readonly string[];
}

export const EMPTY: IBasket = { install: [], pipInstall: [], remove: [], pipRemove: [], upgrade: [] };

/** One thing in the basket, to be shown. */
export interface IBasketItem {
  readonly what: 'install' | 'remove' | 'upgrade';
  readonly manager: Manager;
  readonly text: string;
}

export function addSpecs(basket: IBasket, specs: readonly string[], manager: Manager): IBasket {
  const names = new Set(specs.map(nameInSpec));
  const others = without(basket, name => names.has(name));
  return manager === 'pip'
    ? { ...others, pipInstall: mergeSpecs(others.pipInstall, specs) }
    : { ...others, install: mergeSpecs(others.install, specs) };
}

/** Remove a package, or don't if that was asked for before. */
export function toggleRemove(basket: IBasket, { name, manager }: Pick<Package, 'name' | 'manager'>): IBasket {
  const was = actionOn(basket, name) === 'remove';
  const others = without(basket, other => other === nameInSpec(name));
  if (was) {
    return others;
  }
  return manager === 'pip'
    ? { ...others, pipRemove: [...others.pipRemove, name] }
    : { ...others, remove: [...others.remove, name] };
}

/** Bring a package up to date, or don't if that was asked for before. */
export function toggleUpgrade(basket: IBasket, { name }: Pick<Package, 'name'>): IBasket {
  const was = actionOn(basket, name) === 'upgrade';
  const others = without(basket, other => other === nameInSpec(name));
  return was ? others : { ...others, upgrade: [...others.upgrade, name] };
}

/** Take one thing out again. */
export function takeOut(basket: IBasket, item: IBasketItem): IBasket {
  return without(basket, name => name === nameInSpec(item.text));
}

/** What is to be done to a package; null if nothing. */
export function actionOn(basket: IBasket, name: string): IBasketItem['what'] | null {
  const wanted = nameInSpec(name);
  return itemsOf(basket).find(({ text }) => nameInSpec(text) === wanted)?.what ?? null;
}

export function itemsOf(basket: IBasket): readonly IBasketItem[] {
  const items = (
    texts: readonly string[],
    what: IBasketItem['what'],
    manager: Manager
  ): readonly IBasketItem[] => texts.map(text => ({ what, manager, text }));
  return [
    ...items(basket.install, 'install', 'conda'),
    ...items(basket.pipInstall, 'install', 'pip'),
    ...items(basket.upgrade, 'upgrade', 'conda'),
    ...items(basket.remove, 'remove', 'conda'),
    ...items(basket.pipRemove, 'remove', 'pip')
  ];
}

/** The basket as the server takes it. */
export function wishOf(basket: IBasket): ChangeWish {
  const wish: ChangeWish = {
    install: [...basket.install],
    pip_install: [...basket.pipInstall],
    remove: [...basket.remove],
    pip_remove: [...basket.pipRemove],
    upgrade: [...basket.upgrade]
  };
  return Object.fromEntries(
    Object.entries(wish).filter(([, texts]) => Array.isArray(texts) && texts.length > 0)
  );
}

function without(basket: IBasket, isMeant: (name: string) => boolean): IBasket {
  const keep = (texts: readonly string[]): readonly string[] =>
    texts.filter(text => !isMeant(nameInSpec(text)));
  return {
    install: keep(basket.install),
    pipInstall: keep(basket.pipInstall),
    remove: keep(basket.remove),
    pipRemove: keep(basket.pipRemove),
    upgrade: keep(basket.upgrade)
  };
}
