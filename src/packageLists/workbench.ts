import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { MergedList } from '../api/generated';

/** What is shown on the sheet over the page. */
export type ListSheet =
  | { readonly kind: 'sync'; readonly name: string }
  /** `name` null: a new list. */
  | { readonly kind: 'edit'; readonly name: string | null }
  | { readonly kind: 'publish'; readonly name: string | null; readonly environment: string | null }
  /** Two people changed the list at once. */
  | { readonly kind: 'merge'; readonly name: string; readonly both: MergedList; readonly message: string }
  | { readonly kind: 'history'; readonly name: string }
  | { readonly kind: 'source' };

/** Which sheet of package lists lies on top. */
export class ListWorkbench implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get sheet(): ListSheet | null {
    return this._sheet;
  }

  show(sheet: ListSheet | null): void {
    this._sheet = sheet;
    this._changed.emit();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private _sheet: ListSheet | null = null;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
