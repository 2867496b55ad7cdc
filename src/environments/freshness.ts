import { DisposableSet, type IDisposable } from '@lumino/disposable';
import { Poll, Throttler } from '@lumino/polling';

import type { Kernel } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';

import type { News, WorkEvents } from '../api/events';
import type { Job } from '../api/generated';
import type { JobsModel } from '../jobs/model';
import type { EnvironmentsModel } from './model';

/** Events come four times a second at most; no more is asked. */
const THROTTLE_MS = 250;

/** Events have no history, so a page that missed some asks by itself: soon while something is done, slowly otherwise. */
const BUSY_MS = 3000;
const QUIET_MS = 30_000;
const BACKOFF_MAX_MS = 300_000;

/** Keep jobs and environments fresh: by events, and by polling as the safety net. Asks nothing before it has to. */
export class WorkFreshness implements IDisposable {
  constructor(
    private readonly _jobs: JobsModel,
    private readonly _environments: EnvironmentsModel,
    private readonly _events: WorkEvents,
    /** JupyterLab's own news of kernels that start and end; each may run in an environment. */
    private readonly _kernels: ISignal<unknown, Kernel.IModel[]>
  ) {
    this._askJobs = new Throttler(() => this._jobs.refresh(), { limit: THROTTLE_MS, edge: 'trailing' });
    this._askEnvironments = new Throttler(() => this._lookAgain(), {
      limit: 2 * THROTTLE_MS,
      edge: 'trailing'
    });
    const fresh = async (): Promise<void> => {
      if (this._jobs.state.phase !== 'asleep') {
        await this._jobs.refresh();
      }
      if (this._environments.state.phase !== 'asleep') {
        await this._environments.refresh();
      }
      const error = this._jobs.state.error ?? this._environments.state.error;
      if (error) {
        throw error; // so that the poll slows down
      }
    };
    this._poll = new Poll({
      auto: false,
      factory: fresh,
      frequency: { interval: QUIET_MS, backoff: true, max: BACKOFF_MAX_MS },
      name: 'jupyter-lcc:work',
      standby: 'when-hidden'
    });
    this._owned.add(this._poll);
    this._owned.add(this._askJobs);
    this._owned.add(this._askEnvironments);
    _events.received.connect(this._onNews, this);
    _kernels.connect(this._onKernels, this);
    _jobs.stateChanged.connect(this._onJobs, this);
    _jobs.finished.connect(this._onFinished, this);
    void this._poll.start();
  }

  get isDisposed(): boolean {
    return this._owned.isDisposed;
  }

  dispose(): void {
    clearTimeout(this._timer);
    this._events.received.disconnect(this._onNews, this);
    this._kernels.disconnect(this._onKernels, this);
    this._jobs.stateChanged.disconnect(this._onJobs, this);
    this._jobs.finished.disconnect(this._onFinished, this);
    this._owned.dispose();
  }

  private _onNews(_: WorkEvents, news: News): void {
    const throttler = news === 'jobs' ? this._askJobs : this._askEnvironments;
    throttler.invoke().catch(() => undefined); // rejects when it is disposed of
  }

  private _onKernels(_: unknown, kernels: Kernel.IModel[]): void {
    const running = kernels
      .map(({ id, name }) => `${id} ${name}`)
      .sort()
      .join();
    if (running !== this._running) {
      this._running = running;
      this._onNews(this._events, 'environments');
    }
  }

  private async _lookAgain(): Promise<void> {
    const { phase, cache } = this._environments.state;
    if (phase !== 'asleep') {
      // What was measured may be the cache.
      await Promise.all([this._environments.refresh(), cache !== null && this._environments.loadCache()]);
    }
  }

  private _onFinished(_: JobsModel, job: Job): void {
    void this._environments.jobIsOver(job);
  }

  /** While something is done, ask also where no event comes. */
  private _onJobs(): void {
    if (this._timer === undefined && this._jobs.active.length > 0) {
      this._timer = setTimeout(() => {
        this._timer = undefined;
        void this._jobs.refresh();
      }, BUSY_MS);
    }
  }

  private readonly _poll: Poll;
  private readonly _askJobs: Throttler;
  private readonly _askEnvironments: Throttler;
  private _running = '';
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private readonly _owned = new DisposableSet();
}
