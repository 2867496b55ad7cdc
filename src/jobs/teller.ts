import type { Job } from '../api/generated';
import type { Announcer } from '../idle/announcer';
import type { INoticeAction, INoticeBoard } from '../idle/notices';
import type { Speech } from '../idle/words';
import type { JobsModel } from './model';
import { isLostRace, kernelOf } from './states';
import { doneOf, failureOf, titleOf } from './words';

const READ_MS = 8000;
const ACT_MS = 30_000;

export interface IJobTellerOptions {
  readonly jobs: JobsModel;
  readonly speech: Speech;
  readonly board: INoticeBoard;
  readonly announcer: Pick<Announcer, 'tell'>;
  /** Whether a person wants notifications. */
  isOn(): boolean;
  openNotebook(kernel: string): void;
  undoDelete(trashId: string): void;
  showLog(jobId: string): void;
  /** Show both sides of a list that two people published at once. */
  showBoth(jobId: string): void;
  /** Show what a sync would do by now. */
  showSync(list: string): void;
}

/** Tell how long work ended, with what a person will want to do next. */
export class JobTeller {
  constructor(private readonly _options: IJobTellerOptions) {
    _options.jobs.finished.connect(this._onFinished, this);
  }

  private _onFinished(_: JobsModel, job: Job): void {
    const { speech, board, announcer, isOn } = this._options;
    const { trans } = speech;
    if (job.state === 'cancelled') {
      announcer.tell(trans.__('Cancelled: %1', titleOf(speech, job)));
      return;
    }
    const succeeded = job.state === 'succeeded';
    const why = failureOf(speech, job);
    const message = succeeded
      ? doneOf(speech, job)
      : job.state === 'interrupted'
        ? trans.__('Interrupted: %1', titleOf(speech, job))
        : why === null
          ? trans.__('Failed: %1', titleOf(speech, job))
          : trans.__('Failed: %1. %2', titleOf(speech, job), firstLine(why));
    announcer.tell(message);
    if (!isOn()) {
      return;
    }
    let id = '';
    const closing = (run: () => void) => (): void => {
      board.dismiss(id);
      run();
    };
    const actions = this._actionsFor(job).map(action => ({ ...action, run: closing(action.run) }));
    id = board.show({
      message,
      type: succeeded ? 'success' : job.state === 'interrupted' ? 'warning' : 'error',
      actions,
      autoClose: succeeded ? (actions.length > 0 ? ACT_MS : READ_MS) : false
    });
  }

  private _actionsFor(job: Job): readonly INoticeAction[] {
    const { speech, openNotebook, undoDelete, showLog, showBoth, showSync } = this._options;
    const { trans } = speech;
    const kernel = kernelOf(job);
    const trashId = job.result?.['trash_id'];
    if (isLostRace(job)) {
      return [{ label: trans.__('Show both sides'), kind: 'accent', run: () => showBoth(job.id) }];
    }
    if (job.kind === 'environment.sync' && job.error?.code === 'conflict') {
      return [{ label: trans.__('Look again'), kind: 'accent', run: () => showSync(job.subject) }];
    }
    if (job.kind === 'lists.solve' && job.state === 'succeeded') {
      return [{ label: trans.__('Preview sync'), kind: 'accent', run: () => showSync(job.subject) }];
    }
    if (job.state !== 'succeeded') {
      return [{ label: trans.__('Show the log'), kind: 'default', run: () => showLog(job.id) }];
    }
    if (job.kind === 'environment.delete' && typeof trashId === 'string') {
      return [{ label: trans.__('Undo'), kind: 'accent', run: () => undoDelete(trashId) }];
    }
    if (kernel && OPENS.has(job.kind)) {
      return [
        {
          label: trans.__('Open notebook with this kernel'),
          kind: 'accent',
          run: () => openNotebook(kernel.spec_name)
        }
      ];
    }
    return [];
  }
}

/** After which a person will want to use the kernel. */
const OPENS: ReadonlySet<string> = new Set([
  'environment.create',
  'environment.clone',
  'environment.kernel',
  'environment.restore'
]);

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
