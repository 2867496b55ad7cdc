import { asLccError } from '../api/errors';
import type { INoticeBoard } from '../idle/notices';
import { errorOf, type Speech } from '../idle/words';
import type { JobsModel } from './model';
import { isOver } from './states';

/** What a person can do with long work. Nothing here rejects. */
export class JobActions {
  constructor(
    private readonly _model: JobsModel,
    private readonly _speech: Speech,
    private readonly _board: INoticeBoard
  ) {}

  cancel(jobId: string): Promise<void> {
    return this._try(() => this._model.cancel(jobId));
  }

  dismiss(jobId: string): Promise<void> {
    this._model.closeLog(jobId);
    return this._try(() => this._model.dismiss(jobId));
  }

  /** Put everything that is over away. */
  async dismissAll(): Promise<void> {
    const over = this._model.state.jobs.filter(isOver);
    await Promise.all(over.map(({ id }) => this.dismiss(id)));
  }

  private async _try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (reason) {
      this._board.show({
        message: errorOf(this._speech, asLccError(reason)),
        type: 'error',
        autoClose: 10_000
      });
    }
  }
}
