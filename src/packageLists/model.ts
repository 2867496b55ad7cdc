import type { LccClient, SyncWish } from '../api/client';
import { asLccError, type LccError } from '../api/errors';
import type {
  AddSource,
  CheckedText,
  Job,
  ListDiff,
  ListHistory,
  ListState,
  ListStates,
  ListText,
  MergedList,
  MergeList,
  PublishList,
  PutList,
  SourceState
} from '../api/generated';
import type { JobsModel } from '../jobs/model';
import { ReadModel } from '../readModel';

/** What the model asks the server; a test gives its own. */
export type PackageListsClient = Pick<
  LccClient,
  | 'packageLists'
  | 'checkPackageLists'
  | 'packageList'
  | 'putPackageList'
  | 'publishPackageList'
  | 'deletePackageList'
  | 'diffPackageList'
  | 'planSync'
  | 'syncPackageList'
  | 'pullPackageList'
  | 'mergePackageList'
  | 'listHistory'
  | 'listRevision'
  | 'restorePackageList'
  | 'validateList'
  | 'addListSource'
  | 'removeListSource'
>;

/** Everything a view may show. A new object for each change. */
export interface IPackageListsState {
  /** `asleep`: nobody has looked yet, so nothing was asked. */
  readonly phase: 'asleep' | 'loading' | 'ready' | 'failed';
  readonly states: ListStates | null;
  readonly error: LccError | null;
  /** What has a request under way: `list:NAME`, `source:ID`, `check`, `add`. */
  readonly pending: ReadonlySet<string>;
}

/** What is known of package lists. */
export class PackageListsModel extends ReadModel<IPackageListsState> {
  constructor(
    private readonly _client: PackageListsClient,
    /** Told of each job a change began. */
    private readonly _jobs: Pick<JobsModel, 'adopt' | 'end'>
  ) {
    super({ phase: 'asleep', states: null, error: null, pending: new Set() });
  }

  find(name: string): ListState | null {
    return this.state.states?.lists.find(list => list.name === name) ?? null;
  }

  source(id: string): SourceState | null {
    return this.state.states?.sources.find(source => source.id === id) ?? null;
  }

  /** Ask for the first time, if nobody has. */
  async wake(): Promise<void> {
    if (this.state.phase === 'asleep') {
      this.set({ phase: 'loading' });
      await this.refresh();
    } else {
      await this.running;
    }
  }

  /** Let the server ask all sources. Rejects with `LccError`. */
  check(): Promise<void> {
    return this.request('check', async () => {
      this._take(await this._client.checkPackageLists());
    });
  }

  /** What a sync would do; `keep` null: with the packages that stayed last time. Rejects with `LccError`. */
  diff(name: string, keep: readonly string[] | null): Promise<ListDiff> {
    return ask(async () => {
      const answer = keep === null ? null : await this._client.planSync(name, keep);
      return answer !== null && isDiff(answer) ? answer : this._client.diffPackageList(name);
    });
  }

  /** Choose versions for this machine, where the diff is `to_solve`; null: somebody has. Rejects with `LccError`. */
  async solve(name: string): Promise<Job | null> {
    const answer = await ask(() => this._client.planSync(name, null));
    if (isDiff(answer)) {
      return null;
    }
    this._jobs.adopt(answer);
    return this._jobs.end(answer);
  }

  text(name: string): Promise<ListText> {
    return ask(() => this._client.packageList(name));
  }

  history(name: string): Promise<ListHistory> {
    return ask(() => this._client.listHistory(name));
  }

  revision(name: string, number: number): Promise<ListText> {
    return ask(() => this._client.listRevision(name, number));
  }

  validate(text: string): Promise<CheckedText> {
    return ask(() => this._client.validateList(text));
  }

  merge(name: string, mine: MergeList): Promise<MergedList> {
    return ask(() => this._client.mergePackageList(name, mine));
  }

  sync(name: string, wish: SyncWish): Promise<Job> {
    return this._begin(name, () => this._client.syncPackageList(name, wish));
  }

  /** Publish a text over what `etag` names; null: the list is new. */
  put(name: string, body: PutList, etag: string | null): Promise<Job> {
    return this._begin(name, () => this._client.putPackageList(name, body, etag));
  }

  /** Publish what an environment holds. */
  publish(name: string, body: PublishList, etag: string | null): Promise<Job> {
    return this._begin(name, () => this._client.publishPackageList(name, body, etag));
  }

  restore(name: string, revision: number, etag: string | null): Promise<Job> {
    return this._begin(name, () => this._client.restorePackageList(name, { revision, message: '' }, etag));
  }

  /** Read a list from its source now. */
  async pull(name: string): Promise<void> {
    await this.request(`list:${name}`, () => this._client.pullPackageList(name));
    await this.refresh();
  }

  /** Remove a list from its source, as it is now known here. */
  async remove(name: string): Promise<void> {
    await this.request(`list:${name}`, () =>
      this._client.deletePackageList(name, this.find(name)?.etag ?? null)
    );
    await this.refresh();
  }

  async addSource(body: AddSource): Promise<void> {
    await this.request('add', () => this._client.addListSource(body));
    await this.refresh();
  }

  async removeSource(id: string): Promise<void> {
    await this.request(`source:${id}`, () => this._client.removeListSource(id));
    await this.refresh();
  }

  protected async read(): Promise<void> {
    try {
      this._take(await this._client.packageLists());
    } catch (reason) {
      this.set({ phase: 'failed', error: asLccError(reason) });
    }
  }

  private _take(states: ListStates): void {
    this.set({ phase: 'ready', states, error: null });
  }

  private async _begin(name: string, send: () => Promise<Job>): Promise<Job> {
    const job = await this.request(`list:${name}`, send);
    this._jobs.adopt(job);
    void this.refresh();
    return job;
  }
}

function isDiff(answer: ListDiff | Job): answer is ListDiff {
  return 'plan_hash' in answer;
}

async function ask<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (reason) {
    throw asLccError(reason);
  }
}
