import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import { asLccError } from './api/errors';

/**
 * What is known of a part of the server: a state that is replaced as a whole, and read anew on demand.
 *
 * It never edits its own copy: a change goes to the server and is read back.
 */
export abstract class ReadModel<S extends { readonly pending: ReadonlySet<string> }> implements IDisposable {
  constructor(initial: S) {
    this._state = initial;
  }

  get state(): S {
    return this._state;
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  /**
   * Ask for everything anew. Calls while one is under way share one further request, so that the last answer is newer
   * than the last call. Never rejects: a failure is a state.
   */
  refresh(): Promise<void> {
    if (this._running === null) {
      this._running = this.read().finally(() => {
        this._running = null;
      });
      return this._running;
    }
    this._following ??= this._running.then(() => {
      this._following = null;
      return this.refresh();
    });
    return this._following;
  }

  /** Ask the server and set the state. Must not reject. */
  protected abstract read(): Promise<void>;

  /** The request for everything that is under way. */
  protected get running(): Promise<void> | null {
    return this._running;
  }

  /** Replace parts of the state. */
  protected set(change: Partial<S>): void {
    if (!this._isDisposed) {
      this._state = { ...this._state, ...change };
      this._stateChanged.emit();
    }
  }

  /** Send a change; meanwhile the key is pending. Rejects with `LccError`. */
  protected async request<T>(key: string, send: () => Promise<T>): Promise<T> {
    this._setPending([...this._state.pending, key]);
    try {
      return await send();
    } catch (reason) {
      throw asLccError(reason);
    } finally {
      this._setPending([...this._state.pending].filter(other => other !== key));
    }
  }

  private _setPending(keys: readonly string[]): void {
    if (!this._isDisposed) {
      this._state = { ...this._state, pending: new Set(keys) };
      this._stateChanged.emit();
    }
  }

  private _state: S;
  private _running: Promise<void> | null = null;
  private _following: Promise<void> | null = null;
  private _isDisposed = false;
  private readonly _stateChanged = new Signal<this, void>(this);
}
