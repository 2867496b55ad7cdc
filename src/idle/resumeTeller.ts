import type { IDisposable } from '@lumino/disposable';

import type { IdleModel } from './model';
import type { INoticeBoard } from './notices';
import type { Stopped } from '../api/generated';
import { stoppedNameOf, unseenOf, type Speech } from './words';

export interface IResumeTellerOptions {
  readonly model: IdleModel;
  readonly speech: Speech;
  readonly board: INoticeBoard;
  isOn(): boolean;
  /** Can nobody see this page now? */
  isHidden(): boolean;
  canReopen(stopped: Stopped): boolean;
  show(): void;
  reopen(stopped: readonly Stopped[]): void;
}

/**
 * Greets whoever comes back, once: when the page is loaded, or when something was shut down while nobody could see
 * it. What is shut down before somebody's eyes is told by `StopTeller`.
 */
export class ResumeTeller implements IDisposable {
  constructor(private readonly _options: IResumeTellerOptions) {
    this._options.model.stateChanged.connect(this._update, this);
    this._update();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._options.model.stateChanged.disconnect(this._update, this);
      this._close();
    }
  }

  private _update(): void {
    const { model, isHidden } = this._options;
    const { phase, unseen } = model.state;
    if (phase !== 'ready') {
      return;
    }
    const isNews = unseen.some(({ id }) => !this._known.has(id));
    const isFirst = !this._hasLooked;
    this._hasLooked = true;
    this._known = new Set(unseen.map(({ id }) => id));
    if (unseen.length === 0) {
      this._close(); // read here or in another tab
    } else if (isNews && (isFirst || isHidden())) {
      this._tell(unseen);
    }
  }

  private _tell(unseen: readonly Stopped[]): void {
    const { board, speech, isOn, show, reopen, canReopen } = this._options;
    const { trans } = speech;
    this._close();
    if (!isOn()) {
      return; // it stands in the panel
    }
    const reopenable = unseen.filter(canReopen);
    const act = (work: () => void) => (): void => {
      this._close();
      work();
    };
    this._noticeId = board.show({
      message: unseenOf(speech, unseen, stopped => stoppedNameOf(speech, stopped)),
      type: 'info',
      autoClose: false,
      actions: [
        { label: trans.__('Show'), kind: 'default', run: act(show) },
        ...(reopenable.length > 0
          ? [{ label: trans.__('Reopen all'), kind: 'accent', run: act(() => reopen(reopenable)) } as const]
          : [])
      ]
    });
  }

  private _close(): void {
    if (this._noticeId !== null) {
      this._options.board.dismiss(this._noticeId);
      this._noticeId = null;
    }
  }

  private _noticeId: string | null = null;
  private _known = new Set<string>();
  private _hasLooked = false;
  private _isDisposed = false;
}
