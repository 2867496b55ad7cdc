import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

/** The parts of the panel that open and close. */
export type Part =
  | 'machine'
  | 'targets'
  | 'stopped'
  | 'limits'
  | 'holders'
  | 'environments'
  | 'trash'
  | 'packageLists'
  | 'listSources'
  | 'jobs'
  | `env:${string}`
  | `list:${string}`
  | `lost:${string}`
  | `why:${string}`;

const OPEN_AT_FIRST: readonly Part[] = [
  'machine',
  'targets',
  'environments',
  'packageLists',
  'jobs',
  'stopped'
];

/** Which parts of the panel are open; commands open parts from outside. */
export class Disclosure implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  isOpen(part: Part): boolean {
    return this._open.has(part);
  }

  set(part: Part, open: boolean): void {
    if (open !== this._open.has(part)) {
      if (open) {
        this._open.add(part);
      } else {
        this._open.delete(part);
      }
      this._changed.emit();
    }
  }

  toggle(part: Part): void {
    this.set(part, !this.isOpen(part));
  }

  /** Ask for the keyboard to be put on the row of a target, `environment:NAME`, `list:NAME` or `job:ID`, once it is there. */
  point(targetId: string): void {
    this._pointed = targetId;
    this._changed.emit();
  }

  /** The target that was asked for, or null. */
  get pointed(): string | null {
    return this._pointed;
  }

  /** The keyboard is there. */
  takePointed(): void {
    this._pointed = null;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private _isDisposed = false;
  private _pointed: string | null = null;
  private readonly _open = new Set<Part>(OPEN_AT_FIRST);
  private readonly _changed = new Signal<this, void>(this);
}
