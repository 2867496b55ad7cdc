import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { ChangeWish, CreateWish } from '../api/client';
import { EMPTY, type IBasket } from './basket';

/** The parts of an open environment. */
export const TABS = ['packages', 'versions', 'health'] as const;
export type Tab = (typeof TABS)[number];

/** A change of an environment somebody wants to see before it is done. */
export type Proposal =
  | { readonly kind: 'change'; readonly name: string; readonly wish: ChangeWish }
  | { readonly kind: 'rollback'; readonly name: string; readonly version: number };

/** What is shown on the sheet over the page. */
export type Sheet =
  | { readonly kind: 'create'; readonly wish: CreateWish }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'export'; readonly name: string };

/** What somebody has begun and not yet asked the server for: tabs, baskets, the sheet that lies on top. */
export class Workbench implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  tabOf(name: string): Tab {
    return this._tabs.get(name) ?? 'packages';
  }

  setTab(name: string, tab: Tab): void {
    this._tabs.set(name, tab);
    this._changed.emit();
  }

  basketOf(name: string): IBasket {
    return this._baskets.get(name) ?? EMPTY;
  }

  setBasket(name: string, basket: IBasket): void {
    this._baskets.set(name, basket);
    this._changed.emit();
  }

  get sheet(): Sheet | null {
    return this._sheet;
  }

  show(sheet: Sheet | null): void {
    this._sheet = sheet;
    this._changed.emit();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private readonly _tabs = new Map<string, Tab>();
  private readonly _baskets = new Map<string, IBasket>();
  private _sheet: Sheet | null = null;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
