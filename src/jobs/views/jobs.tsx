import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Job } from '../../api/generated';
import { errorOf, type Speech } from '../../idle/words';
import type { IJobsState, ILog } from '../model';
import { fractionOf, isOver, kernelOf } from '../states';
import { failureOf, stateOf, titleOf } from '../words';
import { Log } from './log';
import { ProgressBar } from './progress';

export interface IJobHandlers {
  onCancel(jobId: string): void;
  onDismiss(jobId: string): void;
  onLog(jobId: string): void;
  onOpenNotebook(kernel: string): void;
}

interface IJobsProps extends IJobHandlers {
  state: IJobsState;
  speech: Speech;
  now: Date;
  onDismissAll(): void;
  onRetry(): void;
}

/** Long work: what runs, what waits and how the rest ended. */
export function Jobs(props: IJobsProps): JSX.Element {
  const { state, speech, onDismissAll, onRetry } = props;
  const { trans } = speech;
  const over = state.jobs.filter(isOver).length;
  return (
    <>
      {state.error && (
        <div className="jp-Lcc-problems" role="status">
          <p>{errorOf(speech, state.error)}</p>
          <button className="jp-Lcc-button" onClick={onRetry}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {state.jobs.length === 0 && !state.error && (
        <p className="jp-Lcc-empty">
          {state.phase === 'ready'
            ? trans.__(
                'Nothing is being done. What takes longer, such as making an environment, is shown here.'
              )
            : trans.__('Asking the server…')}
        </p>
      )}
      <ul className="jp-Lcc-list" aria-label={trans.__('Jobs')}>
        {state.jobs.map(job => (
          <JobRow
            {...props}
            key={job.id}
            job={job}
            log={state.logs.get(job.id) ?? null}
            pending={state.pending.has(job.id)}
          />
        ))}
      </ul>
      {over > 1 && (
        <button className="jp-Lcc-link" onClick={onDismissAll}>
          {trans.__('Dismiss all that is over')}
        </button>
      )}
    </>
  );
}

interface IJobRowProps extends IJobHandlers {
  job: Job;
  log: ILog | null;
  pending: boolean;
  speech: Speech;
  now: Date;
}

function JobRow(props: IJobRowProps): JSX.Element {
  const { job, log, pending, speech, now, onCancel, onDismiss, onLog, onOpenNotebook } = props;
  const { trans } = speech;
  const title = titleOf(speech, job);
  const state = stateOf(speech, job);
  const failure = failureOf(speech, job);
  const logId = `jp-Lcc-log-${job.id}`;
  const over = isOver(job);
  const kernel = job.state === 'succeeded' ? kernelOf(job) : null;
  const Caret = log ? caretDownIcon : caretRightIcon;
  return (
    <li className={`jp-Lcc-row jp-Lcc-job jp-mod-${job.state}`} data-target={`job:${job.id}`}>
      <div className="jp-Lcc-rowTop">
        <span className="jp-Lcc-nameText" title={title}>
          {title}
        </span>
        <span className="jp-Lcc-hint jp-Lcc-until">
          {speech.clock(job.finished_at ?? job.started_at ?? job.created_at, now)}
        </span>
      </div>
      {!over && <ProgressBar fraction={fractionOf(job)} label={title} text={state} />}
      <p className="jp-Lcc-jobState">{state}</p>
      {failure !== null && <pre className="jp-Lcc-failure">{failure}</pre>}
      <div className="jp-Lcc-jobButtons">
        <button
          className="jp-Lcc-link jp-Lcc-lossToggle"
          aria-expanded={log !== null}
          aria-controls={log ? logId : undefined}
          aria-label={trans.__('Log of %1', title)}
          onClick={() => onLog(job.id)}
        >
          <Caret.react tag="span" className="jp-Lcc-caret" />
          {trans.__('Log')}
        </button>
        <span className="jp-Lcc-buttons">
          {kernel && (
            <button className="jp-Lcc-button jp-mod-accept" onClick={() => onOpenNotebook(kernel.spec_name)}>
              {trans.__('Open notebook')}
            </button>
          )}
          {over ? (
            <button
              className="jp-Lcc-button"
              disabled={pending}
              aria-label={trans.__('Dismiss %1', title)}
              onClick={() => onDismiss(job.id)}
            >
              {trans.__('Dismiss')}
            </button>
          ) : (
            <button
              className="jp-Lcc-button"
              disabled={pending || job.cancelling}
              aria-label={trans.__('Cancel %1', title)}
              onClick={() => onCancel(job.id)}
            >
              {trans.__('Cancel')}
            </button>
          )}
        </span>
      </div>
      {log && <Log id={logId} log={log} label={trans.__('Log of %1', title)} speech={speech} />}
    </li>
  );
}
