import type { JobActions } from '../jobs/actions';
import type { JobsModel } from '../jobs/model';
import type { EnvironmentActions } from './actions';
import type { EnvironmentsModel } from './model';
import type { Workbench } from './workbench';

/** The parts of environments and jobs that the panel and the commands share. */
export interface IWork {
  readonly jobs: JobsModel;
  readonly jobActions: JobActions;
  readonly environments: EnvironmentsModel;
  readonly environmentActions: EnvironmentActions;
  readonly workbench: Workbench;
}
