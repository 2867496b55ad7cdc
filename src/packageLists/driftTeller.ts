import type { IListEvent, ListEvents } from '../api/events';
import type { INoticeBoard } from '../idle/notices';
import type { Speech } from '../idle/words';

const SHOWN_MS = 30_000;

export interface IDriftTellerOptions {
  readonly events: ListEvents;
  readonly speech: Speech;
  readonly board: INoticeBoard;
  /** Whether a person wants notifications. */
  isOn(): boolean;
  showSync(name: string): void;
}

/** Tell that an environment is not as its list says, with the way to see what a sync would do. Never syncs. */
export class DriftTeller {
  constructor(private readonly _options: IDriftTellerOptions) {
    _options.events.received.connect(this._onEvent, this);
  }

  private _onEvent(_: ListEvents, { kind, name }: IListEvent): void {
    const { board, speech, isOn, showSync } = this._options;
    const { trans } = speech;
    if (kind !== 'drifted' || name === null || !isOn()) {
      return;
    }
    const before = this._shown.get(name);
    if (before !== undefined) {
      board.dismiss(before);
    }
    const id = board.show({
      message: trans.__('The environment %1 is not as its package list says.', name),
      type: 'info',
      actions: [
        {
          label: trans.__('Preview sync'),
          kind: 'accent',
          run: () => {
            board.dismiss(id);
            showSync(name);
          }
        }
      ],
      autoClose: SHOWN_MS
    });
    this._shown.set(name, id);
  }

  private readonly _shown = new Map<string, string>();
}
