import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { LccClient } from '../api/client';
import { asLccError, LccError } from '../api/errors';
import type { About, ChangePolicy, Decision, IdleView, Lease, Stopped, Target } from '../api/generated';
import { sameVersion } from './versions';

/** The version of the wire contract this panel speaks. */
export const API_VERSION = 1;

/** How many lines of the decision log are searched for what a person wants to know of, and how many are shown. */
const LOG_LINES = 200;
const SHOWN_LINES = 5;

/** What a person wants to know of afterwards. */
const TOLD: ReadonlySet<string> = new Set<Decision['change']>([
  'shut_down',
  'shutdown_failed',
  'put_off',
  'unsaved',
  'stop_requested',
  'stop_failed',
  'slept'
]);

const NO_MACHINE: IdleView['machine'] = {
  stop: { means: 'none', available: false, why_not: null, why_not_sentence: null },
  stop_requested_at: null,
  stop_error: null,
  stop_error_sentence: null,
  retry_at: null,
  cost: null
};

/** What the model asks the server; a test gives its own. */
export type IdleClient = Pick<
  LccClient,
  | 'about'
  | 'idle'
  | 'decisions'
  | 'keep'
  | 'endLease'
  | 'shutDown'
  | 'changePolicy'
  | 'stopped'
  | 'dismissStopped'
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
  /** What happened lately, from the decision log, the newest first. */
  readonly happened: readonly Decision[];
  /** The shutdowns nobody has read about yet, the newest first. */
  readonly unseen: readonly Stopped[];
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

  /** A person has read about all that was shut down. Rejects with `LccError`. */
  async dismiss(ids: readonly string[]): Promise<void> {
    await this._change('unseen', () => this._client.dismissStopped({ ids: [...ids] }));
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
      const [view, log] = await Promise.all([this._client.idle().then(complete), this._readLog()]);
      const unseen = view.stopped_unseen > 0 ? await this._readUnseen() : [];
      this._skewMs = Date.parse(view.taken_at) - this._now();
      this._set({ phase: 'ready', about, view, happened: toldOf(log), unseen, error: null });
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
      return this._state.happened;
    }
  }

  private async _readUnseen(): Promise<readonly Stopped[]> {
    try {
      return (await this._client.stopped()).stopped;
    } catch {
      return this._state.unseen;
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
    happened: [],
    unseen: [],
    error: null,
    pending: new Set()
  };
  private _skewMs = 0;
  private _running: Promise<void> | null = null;
  private _following: Promise<void> | null = null;
  private _isDisposed = false;
  private readonly _stateChanged = new Signal<this, void>(this);
}

function toldOf(log: readonly Decision[]): readonly Decision[] {
  return log.filter(({ change }) => TOLD.has(change)).slice(0, SHOWN_LINES);
}

/** Fill in what a server that wasn't restarted since an upgrade doesn't tell yet. */
function complete(
  view: Partial<IdleView> & Omit<IdleView, 'machine' | 'keeps_on' | 'stopped_unseen'>
): IdleView {
  return {
    ...view,
    machine: view.machine ?? NO_MACHINE,
    keeps_on: view.keeps_on ?? [],
    stopped_unseen: view.stopped_unseen ?? 0
  };
}
