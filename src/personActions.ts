import { Dialog, showDialog } from '@jupyterlab/apputils';

import { asLccError, type LccError } from './api/errors';
import type { INoticeBoard } from './idle/notices';
import type { Speech } from './idle/words';

/** How long what went wrong stays to be read. */
export const SHOWN_MS = 12_000;

/** What a person asks for: asked back where that can't be undone, and told where it went wrong. Nothing here rejects. */
export abstract class PersonActions {
  protected constructor(
    private readonly _speech: Speech,
    private readonly _board: INoticeBoard,
    private readonly _wordsOf: (speech: Speech, error: LccError) => string
  ) {}

  protected async confirm(title: string, body: string, yes: string): Promise<boolean> {
    const { trans } = this._speech;
    const answer = await showDialog({
      title,
      body,
      buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: yes })]
    });
    return answer.button.accept;
  }

  protected tell(message: string): void {
    this._board.show({ message, type: 'error', autoClose: SHOWN_MS });
  }

  /** Do it; false: it went wrong, and that was told. */
  protected async attempt(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (reason) {
      this.tell(this._wordsOf(this._speech, asLccError(reason)));
      return false;
    }
  }
}
