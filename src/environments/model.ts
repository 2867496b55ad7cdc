import type { ChangeWish, CreateWish, LccClient } from '../api/client';
import { asLccError, type LccError } from '../api/errors';
import type {
  Environment,
  EnvironmentList,
  Export,
  Finding,
  Job,
  Names,
  Package,
  PackageCache,
  Plan,
  Version,
  VersionDiff
} from '../api/generated';
import { ReadModel } from '../readModel';

/** What the model asks the server; a test gives its own. */
export type EnvironmentsClient = Pick<
  LccClient,
  | 'environments'
  | 'planCreate'
  | 'createEnvironment'
  | 'deleteEnvironment'
  | 'restoreEnvironment'
  | 'purgeEnvironment'
  | 'renameEnvironment'
  | 'packages'
  | 'planChange'
  | 'changeEnvironment'
  | 'registerKernel'
  | 'unregisterKernel'
  | 'versions'
  | 'versionDiff'
  | 'planRollBack'
  | 'rollBack'
  | 'exportEnvironment'
  | 'diagnose'
  | 'fixEnvironment'
  | 'packageNames'
  | 'packageCache'
  | 'cleanPackageCache'
>;

/** Something that is asked for when somebody looks; `value` may be an older answer. */
export interface ILoaded<T> {
  readonly value: T | null;
  readonly loading: boolean;
  readonly error: LccError | null;
}

/** What is known of one environment beyond the list. What nobody has looked at is null. */
export interface IDetails {
  readonly packages: ILoaded<readonly Package[]> | null;
  readonly versions: ILoaded<readonly Version[]> | null;
  readonly findings: ILoaded<readonly Finding[]> | null;
  /** From a version to the present one, by the version's number. */
  readonly diffs: ReadonlyMap<number, ILoaded<VersionDiff>>;
}

/** Everything a view may show. A new object for each change. */
export interface IEnvironmentsState {
  /** `asleep`: nobody has looked yet, so nothing was asked. */
  readonly phase: 'asleep' | 'loading' | 'ready' | 'failed';
  readonly list: EnvironmentList | null;
  readonly error: LccError | null;
  readonly details: ReadonlyMap<string, IDetails>;
  readonly cache: ILoaded<PackageCache> | null;
  /** What has a request under way: names of environments, ids in the trash, `cache`. */
  readonly pending: ReadonlySet<string>;
}

export const NO_DETAILS: IDetails = { packages: null, versions: null, findings: null, diffs: new Map() };

/**
 * What is known of environments. It never edits its own copy: a change goes to the server, which answers with a job,
 * and what the job did is read back.
 */
export class EnvironmentsModel extends ReadModel<IEnvironmentsState> {
  constructor(
    private readonly _client: EnvironmentsClient,
    /** Told of each job a change began. */
    private readonly _begun: (job: Job) => void
  ) {
    super({
      phase: 'asleep',
      list: null,
      error: null,
      details: new Map(),
      cache: null,
      pending: new Set()
    });
  }

  find(name: string): Environment | null {
    return this.state.list?.environments.find(environment => environment.name === name) ?? null;
  }

  details(name: string): IDetails {
    return this.state.details.get(name) ?? NO_DETAILS;
  }

  /** Ask for the first time, if nobody has. */
  async wake(): Promise<void> {
    if (this.state.phase === 'asleep') {
      this.set({ phase: 'loading' });
      await this.refresh();
    } else if (this.running) {
      await this.running;
    }
  }

  /** Ask what is installed, if it isn't known; with `anew`, in any case. */
  async loadPackages(name: string, anew = false): Promise<void> {
    if (anew || this.details(name).packages === null) {
      await this._load(name, 'packages', async () => (await this._client.packages(name)).packages);
    }
  }

  async loadVersions(name: string, anew = false): Promise<void> {
    if (anew || this.details(name).versions === null) {
      await this._load(name, 'versions', async () => (await this._client.versions(name)).versions);
    }
  }

  /** Ask the doctor. */
  async diagnose(name: string): Promise<void> {
    await this._load(name, 'findings', async () => (await this._client.diagnose(name)).findings);
  }

  /** Ask what lies between a version and the present. */
  async loadDiff(name: string, version: number): Promise<void> {
    const put = (diff: ILoaded<VersionDiff>): void => {
      const details = this.details(name);
      this._setDetails(name, { ...details, diffs: new Map([...details.diffs, [version, diff]]) });
    };
    put({ value: null, loading: true, error: null });
    try {
      const value = await this._client.versionDiff(name, { from: version });
      put({ value, loading: false, error: null });
    } catch (reason) {
      put({ value: null, loading: false, error: asLccError(reason) });
    }
  }

  async loadCache(): Promise<void> {
    this.set({ cache: { value: this.state.cache?.value ?? null, loading: true, error: null } });
    try {
      this.set({ cache: { value: await this._client.packageCache(), loading: false, error: null } });
    } catch (reason) {
      this.set({ cache: { value: null, loading: false, error: asLccError(reason) } });
    }
  }

  /** Complete a package's name. Rejects with `LccError`. */
  names(query: string, channels: readonly string[] | null, limit = 20): Promise<Names> {
    const given = channels === null ? {} : { channels: channels.join(',') };
    return this._ask(() => this._client.packageNames({ query, limit, ...given }));
  }

  planCreate(wish: CreateWish): Promise<Plan> {
    return this._ask(() => this._client.planCreate(wish));
  }

  planChange(name: string, wish: ChangeWish): Promise<Plan> {
    return this._ask(() => this._client.planChange(name, wish));
  }

  planRollBack(name: string, version: number): Promise<Plan> {
    return this._ask(() => this._client.planRollBack(name, version));
  }

  export(name: string, format: 'yaml' | 'explicit' | 'lock', all = false): Promise<Export> {
    return this._ask(() => this._client.exportEnvironment(name, { format, all }));
  }

  create(wish: CreateWish): Promise<Job> {
    return this._begin(wish.name ?? '', () => this._client.createEnvironment(wish));
  }

  change(name: string, wish: ChangeWish): Promise<Job> {
    return this._begin(name, () => this._client.changeEnvironment(name, wish));
  }

  rollBack(name: string, version: number): Promise<Job> {
    return this._begin(name, () => this._client.rollBack(name, version));
  }

  rename(name: string, newName: string): Promise<Job> {
    return this._begin(name, () => this._client.renameEnvironment(name, newName));
  }

  delete(name: string): Promise<Job> {
    return this._begin(name, () => this._client.deleteEnvironment(name));
  }

  restore(trashId: string): Promise<Job> {
    return this._begin(trashId, () => this._client.restoreEnvironment(trashId));
  }

  purge(trashId: string): Promise<Job> {
    return this._begin(trashId, () => this._client.purgeEnvironment(trashId));
  }

  registerKernel(name: string, displayName: string | null): Promise<Job> {
    return this._begin(name, () => this._client.registerKernel(name, { display_name: displayName }));
  }

  fix(name: string, fix: string): Promise<Job> {
    return this._begin(name, () => this._client.fixEnvironment(name, fix));
  }

  cleanCache(): Promise<Job> {
    return this._begin('cache', () => this._client.cleanPackageCache());
  }

  /** Take the kernelspec of ours away; this needs no job. Rejects with `LccError`. */
  async unregisterKernel(name: string): Promise<void> {
    await this.request(name, () => this._client.unregisterKernel(name));
    await this.refresh();
  }

  /** A job is over: whatever somebody looks at of its environment may be different. */
  async jobIsOver(job: Job): Promise<void> {
    this._stale.add(job.subject);
    if (this.state.phase !== 'asleep') {
      // What was installed was downloaded before.
      await Promise.all([this.refresh(), this.state.cache !== null && this.loadCache()]);
    }
  }

  protected async read(): Promise<void> {
    let list: EnvironmentList;
    try {
      list = await this._client.environments();
    } catch (reason) {
      this.set({ phase: 'failed', error: asLccError(reason) });
      return;
    }
    const before = new Map(this.state.list?.environments.map(each => [each.name, each.changed_at]));
    const names = new Set(list.environments.map(({ name }) => name));
    const details = new Map([...this.state.details].filter(([name]) => names.has(name)));
    this.set({ phase: 'ready', list, error: null, details });
    const changed = list.environments.filter(
      ({ name, changed_at }) =>
        details.has(name) && (this._stale.has(name) || before.get(name) !== changed_at)
    );
    this._stale.clear();
    const { cache } = this.state;
    await Promise.all([
      ...changed.map(({ name }) => this._reload(name)),
      // It was being measured when it was asked for.
      ...(cache?.value?.size_bytes === null && !cache.loading ? [this.loadCache()] : [])
    ]);
  }

  /** Ask again for what somebody has looked at. */
  private async _reload(name: string): Promise<void> {
    const details = this.details(name);
    this._setDetails(name, { ...details, diffs: new Map() });
    await Promise.all([
      details.packages && this.loadPackages(name, true),
      details.versions && this.loadVersions(name, true),
      details.findings && this.diagnose(name)
    ]);
  }

  private async _load<Part extends 'packages' | 'versions' | 'findings'>(
    name: string,
    part: Part,
    request: () => Promise<NonNullable<IDetails[Part]>['value']>
  ): Promise<void> {
    const put = (loaded: ILoaded<unknown>): void =>
      this._setDetails(name, { ...this.details(name), [part]: loaded });
    const old = this.details(name)[part]?.value ?? null;
    put({ value: old, loading: true, error: null });
    try {
      put({ value: await request(), loading: false, error: null });
    } catch (reason) {
      put({ value: old, loading: false, error: asLccError(reason) });
    }
  }

  private async _ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (reason) {
      throw asLccError(reason);
    }
  }

  private async _begin(key: string, request: () => Promise<Job>): Promise<Job> {
    const job = await this.request(key, request);
    this._begun(job);
    void this.refresh();
    return job;
  }

  private _setDetails(name: string, details: IDetails): void {
    this.set({ details: new Map([...this.state.details, [name, details]]) });
  }

  /** Environments a job was done to since the list was read last. */
  private readonly _stale = new Set<string>();
}
