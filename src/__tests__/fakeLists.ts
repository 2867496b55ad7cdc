import type {
  CheckedText,
  Job,
  ListDiff,
  ListState,
  ListStates,
  ListText,
  MergedList,
  Revision,
  SourceState
} from '../api/generated';
import { PackageListActions } from '../packageLists/actions';
import type { ILists } from '../packageLists/lists';
import { PackageListsModel, type PackageListsClient } from '../packageLists/model';
import { ListWorkbench } from '../packageLists/workbench';
import { at, speechInEnglish } from './fakes';
import { aJob, aPlan, aPlanItem, FakeWorkServer, makeWork } from './fakeWork';

export function aRevision(number = 1, change: Partial<Revision> = {}): Revision {
  return {
    number,
    id: `id${number}`,
    parent: number > 1 ? `id${number - 1}` : null,
    at: at(-3600),
    author: 'kim',
    message: `change ${number}`,
    list_sha256: null,
    lock_sha256: null,
    restored_from: null,
    removed: false,
    outside: false,
    ...change
  };
}

export function aListState(change: Partial<ListState> = {}): ListState {
  const name = change.name ?? 'team';
  return {
    name,
    source: 's1',
    environment: name,
    status: 'in_sync',
    required: false,
    mode: 'notify',
    revision: aRevision(3),
    synced_revision: 3,
    synced_at: at(-600),
    etag: '000003-id3',
    package_count: 152,
    set_hash: 'sha256:aaaaaaaaaaaa',
    wanted_hash: 'sha256:aaaaaaaaaaaa',
    locked: true,
    platforms: ['linux-64'],
    drift: aPlan(),
    changed: { items: [], known: true },
    refused: [],
    keep: [],
    running_kernels: [],
    job_id: null,
    from_copy: false,
    checked_at: at(-10),
    message: '',
    ...change
  };
}

export function aSource(change: Partial<SourceState> = {}): SourceState {
  return {
    id: 's1',
    kind: 'directory',
    place: '/shared/lists',
    configured: false,
    mode: 'notify',
    writable: true,
    safe: true,
    why_not_safe: null,
    hidden: [],
    problem: null,
    ...change
  };
}

export function aDiff(change: Partial<ListDiff> = {}): ListDiff {
  return {
    ...aPlan({ remove: [aPlanItem('zlib')], add: [aPlanItem('numpy')] }),
    name: 'team',
    environment: 'team',
    status: 'drifted',
    plan_hash: 'h1',
    etag: '000003-id3',
    revision: aRevision(3),
    platform: 'linux-64',
    changed: { items: [], known: true },
    refused: [],
    keep: [],
    to_solve: false,
    solved_here: false,
    from_copy: false,
    message: '',
    ...change
  };
}

export function aMerged(change: Partial<MergedList> = {}): MergedList {
  return {
    base: 'dependencies:\n  - numpy=1\n',
    mine: 'dependencies:\n  - numpy=2\n',
    theirs: 'dependencies:\n  - numpy=3\n',
    text: 'dependencies:\n  - numpy=3\n',
    conflicts: [{ section: 'conda', name: 'numpy', base: 'numpy=1', mine: 'numpy=2', theirs: 'numpy=3' }],
    etag: '000004-id4',
    revision: aRevision(4, { author: 'lee' }),
    ...change
  };
}

type Fakes<T> = {
  [name in keyof T]: T[name] extends (...args: infer A) => infer R ? jest.Mock<R, A> : never;
};

/** A fake of the server's package lists: the fields are what it answers next. */
export class FakeListServer {
  constructor(private readonly _work: FakeWorkServer) {}

  lists: ListState[] = [aListState()];
  sources: SourceState[] = [aSource()];
  mayAdd = true;
  diff: ListDiff = aDiff();
  text = 'dependencies:\n  - numpy=1\n';
  checked: CheckedText = { understood: null, problems: [] };
  merged: MergedList = aMerged();
  revisions: Revision[] = [aRevision(3), aRevision(2), aRevision(1)];

  readonly client: Fakes<PackageListsClient> = {
    packageLists: jest.fn(async () => this._states()),
    checkPackageLists: jest.fn(async () => this._states()),
    packageList: jest.fn(async name => this._text(name, 3)),
    putPackageList: jest.fn(async (name, _body, _etag) => this._begin('lists.publish', name)),
    publishPackageList: jest.fn(async (name, _body, _etag) => this._begin('lists.publish', name)),
    deletePackageList: jest.fn(async (_name, _etag) => undefined),
    diffPackageList: jest.fn(async _name => this.diff),
    planSync: jest.fn(async (name, keep) =>
      this.diff.to_solve
        ? this._begin('lists.solve', name)
        : { ...this.diff, remove: [], keep: [...(keep ?? [])] }
    ),
    syncPackageList: jest.fn(async (name, _wish) => this._begin('environment.sync', name)),
    pullPackageList: jest.fn(async name => aListState({ name })),
    mergePackageList: jest.fn(async (_name, _body) => this.merged),
    listHistory: jest.fn(async _name => ({ revisions: this.revisions })),
    listRevision: jest.fn(async (name, number) => this._text(name, number)),
    restorePackageList: jest.fn(async (name, _body, _etag) => this._begin('lists.restore', name)),
    validateList: jest.fn(async _text => this.checked),
    addListSource: jest.fn(async _body => aSource()),
    removeListSource: jest.fn(async _id => undefined)
  };

  private _states(): ListStates {
    return {
      lists: this.lists,
      sources: this.sources,
      may_add_sources: this.mayAdd,
      platform: 'linux-64',
      taken_at: at(0)
    };
  }

  private _text(name: string, number: number): ListText {
    return {
      name,
      source: 's1',
      text: this.text,
      understood: null,
      problem: null,
      revision: aRevision(number),
      etag: `00000${number}-id${number}`,
      lock_fits: true
    };
  }

  private _begin(kind: string, subject: string): Job {
    const key = kind === 'environment.sync' ? `env:${subject}` : `list:${subject}`;
    const job = aJob({ id: `l${this._work.jobs.length + 1}`, kind, subject, key });
    this._work.jobs = [job, ...this._work.jobs];
    return job;
  }
}

/** Package lists joined with fakes of all they stand on. */
export function makeLists(): ReturnType<typeof makeWork> & { lists: ILists; listServer: FakeListServer } {
  const made = makeWork();
  const listServer = new FakeListServer(made.server);
  const model = new PackageListsModel(listServer.client, made.work.jobs);
  const workbench = new ListWorkbench();
  const actions = new PackageListActions({
    model,
    workbench,
    disclosure: made.disclosure,
    speech: speechInEnglish(),
    board: made.board,
    openPanel: jest.fn()
  });
  return { ...made, listServer, lists: { model, actions, workbench } };
}
