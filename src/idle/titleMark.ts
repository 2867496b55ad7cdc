import type { IDisposable } from '@lumino/disposable';

const MARK = '⚠ ';

/** Puts a mark before the title of the browser tab, also when JupyterLab changes the title meanwhile. */
export class TitleMark implements IDisposable {
  constructor(private readonly _document: Document = document) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  set(marked: boolean): void {
    if (marked === (this._observer !== null)) {
      return;
    }
    if (marked) {
      this._apply();
      const observer = new MutationObserver(() => this._apply());
      observer.observe(this._document.head, { childList: true, characterData: true, subtree: true });
      this._observer = observer;
    } else {
      this._observer?.disconnect();
      this._observer = null;
      if (this._document.title.startsWith(MARK)) {
        this._document.title = this._document.title.slice(MARK.length);
      }
    }
  }

  dispose(): void {
    this.set(false);
    this._isDisposed = true;
  }

  private _apply(): void {
    if (!this._document.title.startsWith(MARK)) {
      this._document.title = MARK + this._document.title;
    }
  }

  private _observer: MutationObserver | null = null;
  private _isDisposed = false;
}
