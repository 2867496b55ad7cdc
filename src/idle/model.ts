import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { LccClient } from '../api/client';
import { asLccError, LccError } from '../api/errors';
import type { About, ChangePolicy, Decision, IdleView, Lease, Target } from '../api/generated';
import { sameVersion } from './versions';

/** The version of the wire contract this panel speaks. */
export const API_VERSION = 1;

/** How many lines of the decision log are searched for shutdowns, and how many of those are shown. */
const LOG_LINES = 200;
const SHOWN_STOPS = 5;

/** What the model asks the server; a test gives its own. */
export type IdleClient = Pick<
  LccClient,
  'about' | 'idle' | 'decisions' | 'keep' | 'endLease' | 'shutDown' | 'changePolicy'
>;

/**
 * Where we stand with the server.
 *
 * - `loading`: no answer yet;
 * - `ready`: `view` is what the server said last;
 * - `incompatible`: the server speaks another version of the contract;
 * - `failed`: `error` says why; `view` may hold an older answer.
 */
export type Phase = 'loading' | 'ready' | 'incompatible' | 'failed';

/** Everything a view may show. A new object for each change. */
export interface IIdleState {
  readonly phase: Phase;
  readonly about: About | null;
  readonly view: IdleView | null;
  readonly stopped: readonly Decision[];
  readonly error: LccError | null;
  /** The ids of targets and leases with a request under way. */
  readonly pending: ReadonlySet<string>;
}

/**
 * What is known of idle shutdown. It never edits its own copy: every change goes to the server and is read back.
 */
export class IdleModel implements IDisposable {
  constructor(
    private readonly _client: IdleClient,
    private readonly _version: string,
    private readonly _now: () => number = () => Date.now()
  ) {}

  get state(): IIdleState {
    return this._state;
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Server's clock minus ours, in milliseconds. */
  get skewMs(): number {
    return this._skewMs;
  }

  /** Now, on the server's clock. */
  now(): Date {
    return new Date(this._now() + this._skewMs);
  }

  /** The version the server runs, if it isn't ours; null while it is or isn't known. */
  get otherVersion(): string | null {
    const about = this._state.about;
    return about && !sameVersion(about.version, this._version) ? about.version : null;
  }

  /** A target of the last answer, also the machine. */
  find(targetId: string): Target | null {
    const view = this._state.view;
    if (view?.instance.id === targetId) {
      return view.instance;
    }
    return view?.targets.find(({ id }) => id === targetId) ?? null;
  }

  /**
   * Ask for everything anew. Calls while one is under way share one further request, so that the last answer
   * is newer than the last call. Never rejects: a failure is a state.
   */
  refresh(): Promise<void> {
    if (this._running === null) {
      this._running = this._refresh().finally(() => {
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

  /** Keep a target (or, with `instance`, everything). Rejects with `LccError`. */
  keep(targetId: string, seconds: number, note: string | null = null): Promise<Lease> {
    return this._change(targetId, () =>
      this._client.keep({ target_id: targetId, seconds: Math.max(1, Math.round(seconds)), note, pid: null })
    );
  }

  /** Give a lease back. Rejects with `LccError`. */
  endLease(leaseId: string): Promise<void> {
    return this._change(leaseId, () => this._client.endLease(leaseId));
  }

  /** Shut a kernel or terminal down now. Rejects with `LccError`. */
  shutDown(targetId: string): Promise<void> {
    return this._change(targetId, () => this._client.shutDown(targetId));
  }

  /** Choose limits. Rejects with `LccError`, whose detail says the bounds. */
  async setPolicy(wanted: ChangePolicy): Promise<void> {
    await this._change('policy', () => this._client.changePolicy(wanted));
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private async _refresh(): Promise<void> {
    try {
      const about =
        this._state.phase === 'ready' && this._state.about ? this._state.about : await this._client.about();
      if (about.api_version !== API_VERSION) {
        this._set({ phase: 'incompatible', about, view: null, error: null });
        return;
      }
      const [view, log] = await Promise.all([this._client.idle(), this._readLog()]);
      this._skewMs = Date.parse(view.taken_at) - this._now();
      this._set({ phase: 'ready', about, view, stopped: stopsOf(log), error: null });
    } catch (reason) {
      this._set({ phase: 'failed', error: asLccError(reason) });
    }
  }

  private async _readLog(): Promise<readonly Decision[]> {
    try {
      const { decisions } = await this._client.decisions({ limit: LOG_LINES });
      return decisions;
    } catch {
      // The log is told of in the view's monitor; without it all else still works.
      return this._state.stopped;
    }
  }

  private async _change<T>(key: string, request: () => Promise<T>): Promise<T> {
    this._set({ pending: new Set([...this._state.pending, key]) });
    try {
      return await request();
    } catch (reason) {
      throw asLccError(reason);
    } finally {
      this._set({ pending: new Set([...this._state.pending].filter(other => other !== key)) });
      await this.refresh();
    }
  }

  private _set(change: Partial<IIdleState>): void {
    if (this._isDisposed) {
      return;
    }
    this._state = { ...this._state, ...change };
    this._stateChanged.emit();
  }

  private _state: IIdleState = {
    phase: 'loading',
    about: null,
    view: null,
    stopped: [],
    error: null,
    pending: new Set()
  };
  private _skewMs = 0;
  private _running: Promise<void> | null = null;
  private _following: Promise<void> | null = null;
  private _isDisposed = false;
  private readonly _stateChanged = new Signal<this, void>(this);
}

function stopsOf(log: readonly Decision[]): readonly Decision[] {
  return log
    .filter(({ change }) => change === 'shut_down' || change === 'shutdown_failed')
    .slice(0, SHOWN_STOPS);
}
