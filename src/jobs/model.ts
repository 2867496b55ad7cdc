import { Signal, type ISignal } from '@lumino/signaling';

import type { LccClient } from '../api/client';
import { asLccError, type LccError } from '../api/errors';
import type { Job } from '../api/generated';
import { ReadModel } from '../readModel';
import { isOver } from './states';

/** What the model asks the server; a test gives its own. */
export type JobsClient = Pick<LccClient, 'jobs' | 'jobLog' | 'cancelJob' | 'dismissJob'>;

/** How much of a log is kept; of a longer one, the end. In characters. */
export const MOST_LOG = 200_000;

/** How often what an open log says is asked for while its job runs. */
export const LOG_MS = 1000;

/** What a job has said so far. */
export interface ILog {
  readonly text: string;
  /** Whether its beginning was left out. */
  readonly cut: boolean;
  readonly complete: boolean;
  readonly error: LccError | null;
}

/** Everything a view may show. A new object for each change. */
export interface IJobsState {
  /** `asleep`: nobody has asked yet. */
  readonly phase: 'asleep' | 'loading' | 'ready' | 'failed';
  readonly jobs: readonly Job[];
  readonly error: LccError | null;
  /** The open logs, by job. */
  readonly logs: ReadonlyMap<string, ILog>;
  /** The ids of jobs with a request under way. */
  readonly pending: ReadonlySet<string>;
}

const NO_LOG: ILog = { text: '', cut: false, complete: false, error: null };

/**
 * What is known of long work. Nothing is asked before somebody looks or something happens.
 */
export class JobsModel extends ReadModel<IJobsState> {
  constructor(
    private readonly _client: JobsClient,
    private readonly _wait: (ms: number) => Promise<void> = ms =>
      new Promise(resolve => setTimeout(resolve, ms))
  ) {
    super({
      phase: 'asleep',
      jobs: [],
      error: null,
      logs: new Map(),
      pending: new Set()
    });
  }

  /** A job that was seen before it was over is over now. */
  get finished(): ISignal<this, Job> {
    return this._finished;
  }

  /** The jobs that run or wait. */
  get active(): readonly Job[] {
    return this.state.jobs.filter(job => !isOver(job));
  }

  find(jobId: string): Job | null {
    return this.state.jobs.find(({ id }) => id === jobId) ?? null;
  }

  /** Ask for the first time, if nobody has. */
  async wake(): Promise<void> {
    if (this.state.phase === 'asleep') {
      this.set({ phase: 'loading' });
      await this.refresh();
    }
  }

  /** A job that was just begun by this page; so its end is told even if it comes at once. */
  adopt(job: Job): void {
    this._seen.add(job.id);
    if (this.find(job.id) === null) {
      this.set({ jobs: [job, ...this.state.jobs] });
    }
    void this.refresh();
  }

  /** Wait until a job that was adopted is over; one that is listed no more ended in some way. */
  async end(job: Job): Promise<Job> {
    let last = job;
    while (!isOver(last)) {
      await new Promise<void>(resolve => {
        const look = (): void => {
          this.stateChanged.disconnect(look);
          resolve();
        };
        this.stateChanged.connect(look);
      });
      last = this.find(job.id) ?? { ...last, state: 'interrupted' };
    }
    return last;
  }

  /** Ask to cancel. Rejects with `LccError`. */
  cancel(jobId: string): Promise<void> {
    return this._changeAndRead(jobId, async () => {
      await this._client.cancelJob(jobId);
    });
  }

  /** Put a finished job away. Rejects with `LccError`. */
  dismiss(jobId: string): Promise<void> {
    return this._changeAndRead(jobId, () => this._client.dismissJob(jobId));
  }

  /** Read what a job says, on and on until it is over or the log is closed. */
  openLog(jobId: string): void {
    if (!this.state.logs.has(jobId)) {
      this._setLog(jobId, NO_LOG);
      void this._follow(jobId);
    }
  }

  closeLog(jobId: string): void {
    if (this.state.logs.has(jobId)) {
      const logs = new Map(this.state.logs);
      logs.delete(jobId);
      this.set({ logs });
    }
  }

  private async _follow(jobId: string): Promise<void> {
    let offset = 0;
    const mine = {};
    this._followers.set(jobId, mine);
    const isOpen = (): boolean =>
      !this.isDisposed && this.state.logs.has(jobId) && this._followers.get(jobId) === mine;
    while (isOpen()) {
      try {
        const { text, next_offset, complete } = await this._client.jobLog(jobId, offset);
        if (!isOpen()) {
          return;
        }
        offset = next_offset;
        const { text: before, cut } = this.state.logs.get(jobId) ?? NO_LOG;
        const all = before + text;
        this._setLog(jobId, {
          text: all.slice(-MOST_LOG),
          cut: cut || all.length > MOST_LOG,
          complete,
          error: null
        });
        if (complete) {
          return;
        }
        if (text !== '' && text.length >= MOST_LOG) {
          continue;
        }
      } catch (reason) {
        if (!isOpen()) {
          return;
        }
        const error = asLccError(reason);
        this._setLog(jobId, { ...(this.state.logs.get(jobId) ?? NO_LOG), error });
        if (error.code === 'not_found') {
          return;
        }
      }
      await this._wait(LOG_MS);
    }
  }

  protected async read(): Promise<void> {
    try {
      const { jobs } = await this._client.jobs();
      const logs = new Map([...this.state.logs].filter(([id]) => jobs.some(job => job.id === id)));
      this.set({ phase: 'ready', jobs, error: null, logs });
      for (const job of jobs) {
        if (!isOver(job)) {
          this._seen.add(job.id);
        } else if (this._seen.delete(job.id)) {
          this._finished.emit(job);
        }
      }
    } catch (reason) {
      this.set({ phase: 'failed', error: asLccError(reason) });
    }
  }

  private _changeAndRead(jobId: string, request: () => Promise<void>): Promise<void> {
    return this.request(jobId, async () => {
      try {
        await request();
      } finally {
        await this.refresh();
      }
    });
  }

  private _setLog(jobId: string, log: ILog): void {
    this.set({ logs: new Map([...this.state.logs, [jobId, log]]) });
  }

  /** The jobs that were seen before they were over. */
  private readonly _seen = new Set<string>();
  /** Who reads which log; a log that was closed and opened again is read by a new one. */
  private readonly _followers = new Map<string, object>();
  private readonly _finished = new Signal<this, Job>(this);
}
