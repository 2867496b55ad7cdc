import { DisposableSet, type IDisposable } from '@lumino/disposable';
import { Debouncer, Poll } from '@lumino/polling';

import { IdleEvents } from '../api/events';
import type { IIdleEvent } from '../api/events';
import type { IdleModel } from './model';

/** Several events come at once when a check changes several targets. */
const DEBOUNCE_MS = 200;

/** What has just begun is known better at the server's next look; so ask again, but not for ever. */
const SETTLING_MS = 3000;
const SETTLING_TIMES = 4;

/** Events have no history, so a page that missed some asks again by itself. */
const POLL_MS = 60_000;
const BACKOFF_MAX_MS = 300_000;

/**
 * Keep a model fresh: by events, and slowly by polling as the safety net.
 */
export class Freshness implements IDisposable {
  constructor(
    private readonly _model: IdleModel,
    private readonly _events: IdleEvents
  ) {
    const poll = new Poll({
      auto: false,
      factory: async () => {
        await this._model.refresh();
        const { phase, error } = this._model.state;
        if (phase === 'failed' && error) {
          throw error; // so that the poll slows down
        }
      },
      frequency: { interval: POLL_MS, backoff: true, max: BACKOFF_MAX_MS },
      name: 'jupyter-lcc:idle',
      standby: 'when-hidden'
    });
    const debouncer = new Debouncer(() => this._model.refresh(), DEBOUNCE_MS);
    this._debouncer = debouncer;
    this._owned.add(poll);
    this._owned.add(debouncer);
    this._events.received.connect(this._onEvent, this);
    this._model.stateChanged.connect(this._onState, this);
    document.addEventListener('visibilitychange', this._onVisible);
    void poll.start();
    void poll.refresh();
  }

  get isDisposed(): boolean {
    return this._owned.isDisposed;
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this._onVisible);
    this._model.stateChanged.disconnect(this._onState, this);
    this._events.received.disconnect(this._onEvent, this);
    clearTimeout(this._settling);
    this._owned.dispose();
  }

  /** Look again a few times while a target that came lately can't be told yet. */
  private _onState(): void {
    const { view, pending } = this._model.state;
    const unsettled = (view?.targets ?? []).filter(
      ({ state }) => state === 'unknown' || state === 'starting'
    );
    const young = unsettled.filter(({ id }) => (this._looks.get(id) ?? 0) < SETTLING_TIMES);
    if (young.length === 0 || this._settling !== undefined || pending.size > 0) {
      return;
    }
    this._settling = setTimeout(() => {
      this._settling = undefined;
      young.forEach(({ id }) => this._looks.set(id, (this._looks.get(id) ?? 0) + 1));
      void this._model.refresh();
    }, SETTLING_MS);
  }

  private _onEvent(_: IdleEvents, event: IIdleEvent): void {
    if (event.kind === 'save') {
      return; // a request, not news
    }
    if (event.kind === 'warning') {
      void this._model.refresh();
    } else {
      this._debouncer.invoke().catch(() => undefined); // rejects when a newer call takes its place
    }
  }

  private readonly _onVisible = (): void => {
    if (document.visibilityState === 'visible') {
      void this._model.refresh();
    }
  };

  private readonly _debouncer: Debouncer;
  private readonly _looks = new Map<string, number>();
  private _settling: ReturnType<typeof setTimeout> | undefined;
  private readonly _owned = new DisposableSet();
}
