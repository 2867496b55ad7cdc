import { DisposableSet, type IDisposable } from '@lumino/disposable';
import { Poll, Throttler } from '@lumino/polling';

import type { ListEvents } from '../api/events';
import type { Job } from '../api/generated';
import type { JobsModel } from '../jobs/model';
import type { PackageListsModel } from './model';

const THROTTLE_MS = 500;

/** Events have no history, so a page that missed some asks by itself. The server answers from what it knows. */
const QUIET_MS = 30_000;
const BACKOFF_MAX_MS = 300_000;

/** Keep package lists fresh: by events, and by polling as the safety net. Asks nothing before somebody looked. */
export class ListFreshness implements IDisposable {
  constructor(
    private readonly _lists: PackageListsModel,
    private readonly _events: ListEvents,
    private readonly _jobs: JobsModel
  ) {
    this._ask = new Throttler(() => this._lookAgain(), { limit: THROTTLE_MS, edge: 'trailing' });
    this._poll = new Poll({
      auto: false,
      factory: async () => {
        await this._lookAgain();
        if (this._lists.state.error) {
          throw this._lists.state.error; // so that the poll slows down
        }
      },
      frequency: { interval: QUIET_MS, backoff: true, max: BACKOFF_MAX_MS },
      name: 'jupyter-lcc:package-lists',
      standby: 'when-hidden'
    });
    this._owned.add(this._poll);
    this._owned.add(this._ask);
    _events.received.connect(this._onEvent, this);
    _jobs.finished.connect(this._onFinished, this);
    void this._poll.start();
  }

  get isDisposed(): boolean {
    return this._owned.isDisposed;
  }

  dispose(): void {
    this._events.received.disconnect(this._onEvent, this);
    this._jobs.finished.disconnect(this._onFinished, this);
    this._owned.dispose();
  }

  private _onEvent(): void {
    this._ask.invoke().catch(() => undefined); // rejects when it is disposed of
  }

  /** Any change of an environment may make it another than its list. */
  private _onFinished(_: JobsModel, { key }: Job): void {
    if (key.startsWith('env:') || key.startsWith('list:')) {
      this._ask.invoke().catch(() => undefined);
    }
  }

  private async _lookAgain(): Promise<void> {
    if (this._lists.state.phase !== 'asleep') {
      await this._lists.refresh();
    }
  }

  private readonly _poll: Poll;
  private readonly _ask: Throttler;
  private readonly _owned = new DisposableSet();
}
