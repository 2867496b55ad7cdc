import type { IDisposable } from '@lumino/disposable';

import type { Decision } from '../api/generated';
import type { IdleModel } from './model';
import type { INoticeBoard } from './notices';
import { happenedOf, type Speech } from './words';

const SHOWN_MS = 10_000;

/** What somebody has to see to; it stays until it is closed. */
const BAD: ReadonlySet<string> = new Set<Decision['change']>([
  'shutdown_failed',
  'put_off',
  'unsaved',
  'stop_failed'
]);

/** Tells in every open page what the monitor did, and why. What a person asked for isn't news to them. */
export class StopTeller implements IDisposable {
  constructor(
    private readonly _model: IdleModel,
    private readonly _speech: Speech,
    private readonly _board: INoticeBoard,
    private readonly _isOn: () => boolean
  ) {
    this._model.stateChanged.connect(this._update, this);
    this._update();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._model.stateChanged.disconnect(this._update, this);
  }

  private _update(): void {
    const { phase, happened } = this._model.state;
    if (phase !== 'ready') {
      return;
    }
    const news = happened.filter(decision => !this._told.has(keyOf(decision)));
    const isFirst = this._told.size === 0 && !this._hasLooked;
    this._hasLooked = true;
    this._told = new Set(happened.map(keyOf));
    if (isFirst || !this._isOn()) {
      return; // what was shut down before this page was opened stands in the panel
    }
    for (const decision of news) {
      const isNews = decision.actor === 'monitor' || decision.change === 'unsaved';
      if (isNews && decision.change !== 'slept') {
        const isBad = BAD.has(decision.change);
        this._board.show({
          message: happenedOf(this._speech, decision, this._model.now()),
          type: isBad ? 'error' : 'info',
          autoClose: isBad ? false : SHOWN_MS
        });
      }
    }
  }

  private _told = new Set<string>();
  private _hasLooked = false;
  private _isDisposed = false;
}

function keyOf({ at, target_id: id, change }: Decision): string {
  return `${at} ${id} ${change}`;
}
