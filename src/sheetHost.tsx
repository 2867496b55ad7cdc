import { ReactWidget } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

/** Knows which sheet is open. */
export interface ISheetOwner {
  readonly changed: ISignal<unknown, void>;
  readonly sheet: object | null;
}

/** Where sheets lie: over the page, from the first one on. */
export abstract class SheetLayer extends ReactWidget {
  constructor(private readonly _owner: ISheetOwner) {
    super();
    this.addClass('jp-Lcc-sheetHost');
    _owner.changed.connect(this._onChanged, this);
  }

  /** Give the keyboard back to where it was when a sheet came. */
  private _onChanged(): void {
    const open = this._owner.sheet !== null;
    if (open === this._open) {
      return;
    }
    this._open = open;
    if (open) {
      this._before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
      if (!this.isAttached) {
        Widget.attach(this, document.body);
      }
    } else {
      const before = this._before;
      requestAnimationFrame(() => before?.isConnected && before.focus());
    }
  }

  private _open = false;
  private _before: HTMLElement | null = null;
}
