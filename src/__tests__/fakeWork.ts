import { CommandRegistry } from '@lumino/commands';

import type {
  Environment,
  EnvironmentList,
  Finding,
  Job,
  JobLog,
  Package,
  Plan,
  Trashed,
  Version
} from '../api/generated';
import { EnvironmentActions } from '../environments/actions';
import { KernelList } from '../environments/kernels';
import { EnvironmentsModel, type EnvironmentsClient } from '../environments/model';
import type { IWork } from '../environments/work';
import { Workbench } from '../environments/workbench';
import { Disclosure } from '../idle/disclosure';
import { JobActions } from '../jobs/actions';
import { JobsModel, type JobsClient } from '../jobs/model';
import { at, FakeBoard, speechInEnglish } from './fakes';

export function anEnvironment(change: Partial<Environment> = {}): Environment {
  const name = change.name ?? 'analysis';
  return {
    name,
    prefix: `/home/jo/.conda/envs/${name}`,
    persistent: true,
    advice: null,
    managed: true,
    made_by: 'jupyter_lcc',
    status: 'ready',
    python: '3.11.7',
    package_count: 3,
    pip_count: 0,
    size_bytes: 200_000_000,
    own_bytes: 50_000_000,
    kernel: { spec_name: `lcc-${name}`, display_name: `Python 3.11 (${name})`, ours: true },
    running_kernels: [],
    channels: ['conda-forge'],
    changed_at: at(-600),
    job_id: null,
    ...change
  };
}

export function aPackage(name: string, change: Partial<Package> = {}): Package {
  return {
    name,
    version: '1.0',
    build: 'py_0',
    channel: 'https://conda.anaconda.org/conda-forge/noarch',
    manager: 'conda',
    requested: false,
    size_bytes: 1000,
    editable: null,
    ...change
  };
}

export function aJob(change: Partial<Job> = {}): Job {
  return {
    id: 'j1',
    kind: 'environment.create',
    key: 'env:analysis',
    subject: 'analysis',
    state: 'running',
    created_at: at(-10),
    started_at: at(-9),
    finished_at: null,
    progress: null,
    cancelling: false,
    error: null,
    result: null,
    ...change
  };
}

export function aPlan(change: Partial<Plan> = {}): Plan {
  return {
    add: [],
    remove: [],
    change: [],
    download_bytes: 0,
    running_kernels: [],
    post_link: [],
    notes: [],
    ...change
  };
}

export function aPlanItem(name: string): Plan['add'][number] {
  return {
    name,
    version: '1.0',
    build: null,
    channel: 'conda-forge',
    manager: 'conda',
    size_bytes: null,
    download_bytes: 2_000_000
  };
}

export function aTrashed(change: Partial<Trashed> = {}): Trashed {
  return { id: 't1', name: 'old', deleted_at: at(-60), purged_at: at(86_400), size_bytes: 1000, ...change };
}

export function aVersion(number: number, change: Partial<Version> = {}): Version {
  return {
    number,
    at: at(-60 * number),
    command: 'install numpy',
    package_count: 3,
    added: 1,
    removed: 0,
    changed: 0,
    current: false,
    restorable: true,
    ...change
  };
}

export function aList(
  environments: Environment[] = [anEnvironment()],
  change: Partial<EnvironmentList> = {}
): EnvironmentList {
  return {
    environments,
    trash: [],
    folder: '/home/jo/.conda/envs',
    channels: { defaults: ['conda-forge'], allowed: null, offline: false, problems: [] },
    quota: { used_bytes: 200_000_000, limit_bytes: null, free_bytes: 9_000_000_000 },
    taken_at: at(0),
    ...change
  };
}

type Fakes<T> = {
  [name in keyof T]: T[name] extends (...args: infer A) => infer R ? jest.Mock<R, A> : never;
};

/** A fake of the server's environments and jobs: the fields are what it answers next. */
export class FakeWorkServer {
  list: EnvironmentList = aList();
  packages: Package[] = [aPackage('numpy', { requested: true }), aPackage('python'), aPackage('zlib')];
  versions: Version[] = [aVersion(2, { current: true }), aVersion(1)];
  findings: Finding[] = [];
  plan: Plan = aPlan({ add: [aPlanItem('numpy')], download_bytes: 2_000_000 });
  jobs: Job[] = [];
  log: JobLog = { text: '', next_offset: 0, complete: false };

  readonly environmentsClient: Fakes<EnvironmentsClient> = {
    environments: jest.fn(async () => this.list),
    planCreate: jest.fn(async _wish => this.plan),
    createEnvironment: jest.fn(async wish => this._begin('environment.create', wish.name ?? '')),
    deleteEnvironment: jest.fn(async name => this._begin('environment.delete', name)),
    restoreEnvironment: jest.fn(async id => this._begin('environment.restore', id)),
    purgeEnvironment: jest.fn(async id => this._begin('environment.purge', id)),
    renameEnvironment: jest.fn(async (name, _newName) => this._begin('environment.rename', name)),
    packages: jest.fn(async _name => ({ packages: this.packages })),
    planChange: jest.fn(async (_name, _wish) => this.plan),
    changeEnvironment: jest.fn(async (name, _wish) => this._begin('environment.change', name)),
    registerKernel: jest.fn(async (name, _body) => this._begin('environment.kernel', name)),
    unregisterKernel: jest.fn(async name => anEnvironment({ name, kernel: null })),
    versions: jest.fn(async _name => ({ versions: this.versions })),
    versionDiff: jest.fn(async (_name, _query) => ({ add: [aPlanItem('numpy')], remove: [], change: [] })),
    planRollBack: jest.fn(async (_name, _version) => this.plan),
    rollBack: jest.fn(async (name, _version) => this._begin('environment.rollback', name)),
    exportEnvironment: jest.fn(async (name, _query) => ({
      file_name: `${name}.yml`,
      text: `name: ${name}\n`,
      notes: []
    })),
    diagnose: jest.fn(async _name => ({ findings: this.findings })),
    fixEnvironment: jest.fn(async (name, _fix) => this._begin('environment.fix', name)),
    packageNames: jest.fn(async _query => ({ names: ['numpy', 'numba'], complete: true, why: null })),
    packageCache: jest.fn(async () => ({ path: '/c', size_bytes: 2000, reclaimable_bytes: 1000 })),
    cleanPackageCache: jest.fn(async () => this._begin('package-cache.clean', ''))
  };

  readonly jobsClient: Fakes<JobsClient> = {
    jobs: jest.fn(async () => ({ jobs: this.jobs })),
    jobLog: jest.fn(async (_id, _offset) => this.log),
    cancelJob: jest.fn(async id => aJob({ id, cancelling: true })),
    dismissJob: jest.fn(async _id => undefined)
  };

  private _begin(kind: string, subject: string): Job {
    const job = aJob({ id: `j${this.jobs.length + 1}`, kind, subject, key: `env:${subject}` });
    this.jobs = [job, ...this.jobs];
    return job;
  }
}

/** Everything joined, with a fake server and a fake of JupyterLab's kernels. */
export function makeWork(server = new FakeWorkServer()): {
  server: FakeWorkServer;
  work: IWork;
  board: FakeBoard;
  disclosure: Disclosure;
  commands: CommandRegistry;
  specs: { specs: { default: string; kernelspecs: Record<string, never> }; refreshSpecs: jest.Mock };
  saved: jest.Mock;
} {
  const speech = speechInEnglish();
  const board = new FakeBoard();
  const disclosure = new Disclosure();
  const commands = new CommandRegistry();
  const specs = { specs: { default: '', kernelspecs: {} }, refreshSpecs: jest.fn(async () => undefined) };
  const saved = jest.fn();
  const jobs = new JobsModel(server.jobsClient, async () => undefined);
  const environments = new EnvironmentsModel(server.environmentsClient, job => jobs.adopt(job));
  const workbench = new Workbench();
  const environmentActions = new EnvironmentActions({
    environments,
    workbench,
    disclosure,
    kernels: new KernelList(environments, specs),
    speech,
    board,
    commands,
    openPanel: jest.fn(),
    save: saved
  });
  const work = {
    jobs,
    jobActions: new JobActions(jobs, speech, board),
    environments,
    environmentActions,
    workbench
  };
  return { server, work, board, disclosure, commands, specs, saved };
}
