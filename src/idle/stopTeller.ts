import type { IDisposable } from '@lumino/disposable';

import type { Decision } from '../api/generated';
import type { IdleModel } from './model';
import type { INoticeBoard } from './notices';
import { stoppedBecause, type Speech } from './words';

const SHOWN_MS = 10_000;

/** Tells in every open page what the monitor shut down, and why. What a person asked for isn't news to them. */
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
    const { phase, stopped } = this._model.state;
    if (phase !== 'ready') {
      return;
    }
    const news = stopped.filter(decision => !this._told.has(keyOf(decision)));
    const isFirst = this._told.size === 0 && !this._hasLooked;
    this._hasLooked = true;
    this._told = new Set(stopped.map(keyOf));
    if (isFirst || !this._isOn()) {
      return; // what was shut down before this page was opened stands in the panel
    }
    for (const decision of news) {
      if (decision.actor === 'monitor') {
        this._board.show({
          message: stoppedBecause(this._speech, decision, this._model.now()),
          type: decision.change === 'shutdown_failed' ? 'error' : 'info',
          autoClose: decision.change === 'shutdown_failed' ? false : SHOWN_MS
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
