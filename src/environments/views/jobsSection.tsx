import * as React from 'react';

import { useSignal } from '../../idle/views/useSignal';
import type { Speech } from '../../idle/words';
import { Jobs } from '../../jobs/views/jobs';
import type { IWork } from '../work';

interface IJobsSectionProps {
  work: IWork;
  speech: Speech;
  now(): Date;
}

/** The section of jobs. */
export function JobsSection({ work, speech, now }: IJobsSectionProps): JSX.Element {
  const { jobs, jobActions, environmentActions } = work;
  useSignal(jobs.stateChanged);
  React.useEffect(() => void jobs.wake(), [jobs]);
  return (
    <Jobs
      state={jobs.state}
      speech={speech}
      now={now()}
      onCancel={id => void jobActions.cancel(id)}
      onDismiss={id => void jobActions.dismiss(id)}
      onDismissAll={() => void jobActions.dismissAll()}
      onLog={id => (jobs.state.logs.has(id) ? jobs.closeLog(id) : jobs.openLog(id))}
      onOpenNotebook={kernel => void environmentActions.openNotebook(kernel)}
      onRetry={() => void jobs.refresh()}
    />
  );
}
