import type { IDisposable } from '@lumino/disposable';

/** Says things to screen readers through live regions of our own. */
export class Announcer implements IDisposable {
  constructor(host: HTMLElement = document.body) {
    this._assertive = host.appendChild(makeRegion('alert', 'assertive'));
    this._polite = host.appendChild(makeRegion('status', 'polite'));
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Interrupt: something is about to be lost. */
  alert(sentence: string): void {
    this._assertive.textContent = sentence;
  }

  /** Tell when there is a pause. */
  tell(sentence: string): void {
    this._polite.textContent = sentence;
  }

  dispose(): void {
    this._isDisposed = true;
    this._assertive.remove();
    this._polite.remove();
  }

  private readonly _assertive: HTMLElement;
  private readonly _polite: HTMLElement;
  private _isDisposed = false;
}

function makeRegion(role: string, live: string): HTMLElement {
  const region = document.createElement('div');
  region.className = 'jp-Lcc-announcer';
  region.setAttribute('role', role);
  region.setAttribute('aria-live', live);
  return region;
}
