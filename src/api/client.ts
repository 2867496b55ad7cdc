import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { LccError } from './errors';
import type {
  About,
  AddSource,
  ChangeEnvironment,
  ChangePolicy,
  CheckedText,
  CreateEnvironment,
  CreateLease,
  DecisionList,
  Diagnosis,
  DismissStopped,
  Environment,
  EnvironmentList,
  Export,
  IdleView,
  Job,
  JobList,
  JobLog,
  Lease,
  ListDiff,
  ListHistory,
  ListState,
  ListStates,
  ListText,
  MergedList,
  MergeList,
  Names,
  operations,
  PackageCache,
  paths,
  Plan,
  Policy,
  Presence,
  ProblemBody,
  PublishList,
  PutList,
  RegisterKernel,
  RestoreList,
  SaveReport,
  SourceState,
  StoppedList,
  SyncList,
  VersionDiff,
  VersionList
} from './generated';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Answer<Name extends keyof operations> = operations[Name]['responses'] extends {
  200: { content: { 'application/json': infer Body } };
}
  ? Body
  : never;
type Query<Name extends keyof operations> = NonNullable<operations[Name]['parameters']['query']>;

/** What to make, without `dry_run`: a plan and the doing of it are two methods here. What is left out is the default. */
export type CreateWish = Partial<Omit<CreateEnvironment, 'dry_run'>>;

/** What to change, without `dry_run`. */
export type ChangeWish = Partial<Omit<ChangeEnvironment, 'dry_run'>>;

/** How to sync, without `dry_run`. */
export type SyncWish = Partial<Omit<SyncList, 'dry_run'>>;

/**
 * The one typed way to the server. Every method either gives what the contract says or throws `LccError`.
 */
export class LccClient {
  constructor(private readonly _settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  /** Is the server side there, and is it the same version? */
  about(): Promise<About> {
    return this._call('GET', '/lcc/about', { quiet: true });
  }

  /** Everything the panel shows. */
  idle(): Promise<IdleView> {
    return this._call('GET', '/lcc/idle', { quiet: true });
  }

  /** Lines of the decision log, newest first. */
  decisions(query: Query<'list_decisions'>): Promise<DecisionList> {
    return this._call('GET', '/lcc/idle/decisions', { quiet: true, query });
  }

  /** Keep a target for a time. */
  keep(body: CreateLease): Promise<Lease> {
    return this._call('POST', '/lcc/idle/leases', { body });
  }

  /** Give a lease back. */
  endLease(leaseId: Lease['id']): Promise<void> {
    return this._call('DELETE', '/lcc/idle/leases/{lease_id}', { pieces: { lease_id: leaseId } });
  }

  /** A person just used these. */
  presence(body: Presence): Promise<void> {
    return this._call('POST', '/lcc/idle/presence', { body });
  }

  /** A person's own "stop now". */
  shutDown(targetId: string): Promise<void> {
    return this._call('POST', '/lcc/idle/targets/{target_id}/shutdown', { pieces: { target_id: targetId } });
  }

  /** What was shut down since somebody last read about it, the newest first. */
  stopped(): Promise<StoppedList> {
    return this._call('GET', '/lcc/idle/stopped', { quiet: true });
  }

  /** A person has read about these. */
  dismissStopped(body: DismissStopped): Promise<void> {
    return this._call('POST', '/lcc/idle/stopped/dismiss', { body });
  }

  /** What became of an open document of a target that is about to be shut down. */
  reportSave(body: SaveReport): Promise<void> {
    return this._call('POST', '/lcc/idle/saves', { body });
  }

  /** Choose limits within the bounds. */
  changePolicy(body: ChangePolicy): Promise<Policy> {
    return this._call('PUT', '/lcc/idle/policy', { body });
  }

  /** Everything the section of environments shows. */
  environments(): Promise<EnvironmentList> {
    return this._call('GET', '/lcc/environments', { quiet: true });
  }

  /** What making an environment would bring. */
  planCreate(wish: CreateWish): Promise<Plan> {
    return this._call('POST', '/lcc/environments', { body: { ...wish, dry_run: true } });
  }

  /** Make an environment. */
  createEnvironment(wish: CreateWish): Promise<Job> {
    return this._call('POST', '/lcc/environments', { body: { ...wish, dry_run: false } });
  }

  /** Put an environment into the trash. */
  deleteEnvironment(name: string): Promise<Job> {
    return this._call('DELETE', '/lcc/environments/{name}', { pieces: { name } });
  }

  /** Take an environment out of the trash, by its id there. */
  restoreEnvironment(trashId: string): Promise<Job> {
    return this._call('POST', '/lcc/environments/{name}/restore', { pieces: { name: trashId } });
  }

  /** Delete what is in the trash for good; `all` empties it. */
  purgeEnvironment(trashId: string): Promise<Job> {
    return this._call('DELETE', '/lcc/environment-trash/{trash_id}', { pieces: { trash_id: trashId } });
  }

  /** Give an environment another name. */
  renameEnvironment(name: string, newName: string): Promise<Job> {
    return this._call('POST', '/lcc/environments/{name}/rename', {
      pieces: { name },
      body: { name: newName }
    });
  }

  /** What is installed. */
  packages(name: string): Promise<Answer<'list_packages'>> {
    return this._call('GET', '/lcc/environments/{name}/packages', { pieces: { name }, quiet: true });
  }

  /** What a change would do. */
  planChange(name: string, wish: ChangeWish): Promise<Plan> {
    return this._call('POST', '/lcc/environments/{name}/changes', {
      pieces: { name },
      body: { ...wish, dry_run: true }
    });
  }

  /** Install, upgrade and remove. */
  changeEnvironment(name: string, wish: ChangeWish): Promise<Job> {
    return this._call('POST', '/lcc/environments/{name}/changes', {
      pieces: { name },
      body: { ...wish, dry_run: false }
    });
  }

  /** Register an environment as a kernel. */
  registerKernel(name: string, body: RegisterKernel): Promise<Job> {
    return this._call('PUT', '/lcc/environments/{name}/kernel', { pieces: { name }, body });
  }

  /** Take the kernelspec of ours away. */
  unregisterKernel(name: string): Promise<Environment> {
    return this._call('DELETE', '/lcc/environments/{name}/kernel', { pieces: { name } });
  }

  /** The states an environment was in, the newest first. */
  versions(name: string): Promise<VersionList> {
    return this._call('GET', '/lcc/environments/{name}/versions', { pieces: { name }, quiet: true });
  }

  /** What lies between two versions. */
  versionDiff(name: string, query: Query<'diff_versions'>): Promise<VersionDiff> {
    return this._call('GET', '/lcc/environments/{name}/versions/diff', {
      pieces: { name },
      query,
      quiet: true
    });
  }

  /** What rolling back to a version would do. */
  planRollBack(name: string, version: number): Promise<Plan> {
    return this._call('POST', '/lcc/environments/{name}/rollback', {
      pieces: { name },
      body: { version, dry_run: true }
    });
  }

  /** Bring an environment back to a version. */
  rollBack(name: string, version: number): Promise<Job> {
    return this._call('POST', '/lcc/environments/{name}/rollback', {
      pieces: { name },
      body: { version, dry_run: false }
    });
  }

  /** An environment as a file. */
  exportEnvironment(name: string, query: Query<'export_environment'>): Promise<Export> {
    return this._call('GET', '/lcc/environments/{name}/export', { pieces: { name }, query, quiet: true });
  }

  /** What is wrong with an environment. */
  diagnose(name: string): Promise<Diagnosis> {
    return this._call('GET', '/lcc/environments/{name}/doctor', { pieces: { name }, quiet: true });
  }

  /** Do what a finding named as its fix. */
  fixEnvironment(name: string, fix: string): Promise<Job> {
    return this._call('POST', '/lcc/environments/{name}/doctor', { pieces: { name }, body: { fix } });
  }

  /** Names of packages, for completion. */
  packageNames(query: Query<'find_package_names'>): Promise<Names> {
    return this._call('GET', '/lcc/package-names', { query, quiet: true });
  }

  /** How much room downloaded packages take. */
  packageCache(): Promise<PackageCache> {
    return this._call('GET', '/lcc/package-cache', { quiet: true });
  }

  /** Remove downloaded packages nobody uses. */
  cleanPackageCache(): Promise<Job> {
    return this._call('DELETE', '/lcc/package-cache');
  }

  /** Everything the section of package lists shows. */
  packageLists(): Promise<ListStates> {
    return this._call('GET', '/lcc/package-lists', { quiet: true });
  }

  /** Ask all sources now. */
  checkPackageLists(): Promise<ListStates> {
    return this._call('POST', '/lcc/package-list-checks');
  }

  /** A list as its source holds it now. */
  packageList(name: string): Promise<ListText> {
    return this._call('GET', '/lcc/package-lists/{name}', { pieces: { name }, quiet: true });
  }

  /** Publish a text over what `etag` names; null: the list is new. */
  putPackageList(name: string, body: PutList, etag: string | null): Promise<Job> {
    return this._call('PUT', '/lcc/package-lists/{name}', { pieces: { name }, body, etag });
  }

  /** Publish what an environment holds, likewise. */
  publishPackageList(name: string, body: PublishList, etag: string | null): Promise<Job> {
    return this._call('POST', '/lcc/package-lists/{name}/publish', { pieces: { name }, body, etag });
  }

  /** Remove a list from its source. */
  deletePackageList(name: string, etag: string | null): Promise<void> {
    return this._call('DELETE', '/lcc/package-lists/{name}', { pieces: { name }, etag });
  }

  /** What a sync would do. */
  diffPackageList(name: string): Promise<ListDiff> {
    return this._call('GET', '/lcc/package-lists/{name}/diff', { pieces: { name }, quiet: true });
  }

  /** What a sync would do if these packages stayed; a job where that has to be solved first. */
  planSync(name: string, keep: readonly string[] | null): Promise<ListDiff | Job> {
    return this._call('POST', '/lcc/package-lists/{name}/sync', {
      pieces: { name },
      body: { keep, dry_run: true }
    });
  }

  /** Make the environment equal to the list. */
  syncPackageList(name: string, wish: SyncWish): Promise<Job> {
    return this._call('POST', '/lcc/package-lists/{name}/sync', {
      pieces: { name },
      body: { ...wish, dry_run: false }
    });
  }

  /** Read a list from its source now. */
  pullPackageList(name: string): Promise<ListState> {
    return this._call('POST', '/lcc/package-lists/{name}/pull', { pieces: { name } });
  }

  /** Join a text with what somebody else published in the meantime. */
  mergePackageList(name: string, body: MergeList): Promise<MergedList> {
    return this._call('POST', '/lcc/package-lists/{name}/merge', { pieces: { name }, body });
  }

  /** Who published what, and why, the newest first. */
  listHistory(name: string): Promise<ListHistory> {
    return this._call('GET', '/lcc/package-lists/{name}/history', { pieces: { name }, quiet: true });
  }

  /** An old revision of a list. */
  listRevision(name: string, number: number): Promise<ListText> {
    return this._call('GET', '/lcc/package-lists/{name}/revisions/{number}', {
      pieces: { name, number: String(number) },
      quiet: true
    });
  }

  /** Bring an old revision back, as a new one over what `etag` names; null: over whatever is there. */
  restorePackageList(name: string, body: RestoreList, etag: string | null): Promise<Job> {
    return this._call('POST', '/lcc/package-lists/{name}/restore', { pieces: { name }, body, etag });
  }

  /** All that is wrong with a text. */
  validateList(text: string): Promise<CheckedText> {
    return this._call('POST', '/lcc/package-list-validations', { body: { text } });
  }

  /** Add a source of one's own. */
  addListSource(body: AddSource): Promise<SourceState> {
    return this._call('POST', '/lcc/package-list-sources', { body });
  }

  /** Remove a source of one's own. */
  removeListSource(sourceId: string): Promise<void> {
    return this._call('DELETE', '/lcc/package-list-sources/{source_id}', { pieces: { source_id: sourceId } });
  }

  /** The jobs that run, wait, or ended and were not dismissed, the newest first. */
  jobs(): Promise<JobList> {
    return this._call('GET', '/lcc/jobs', { quiet: true });
  }

  /** What a job said, from a byte on. */
  jobLog(jobId: Job['id'], offset: number): Promise<JobLog> {
    return this._call('GET', '/lcc/jobs/{job_id}/log', {
      pieces: { job_id: jobId },
      query: { offset },
      quiet: true
    });
  }

  /** Ask to cancel a job. */
  cancelJob(jobId: Job['id']): Promise<Job> {
    return this._call('DELETE', '/lcc/jobs/{job_id}', { pieces: { job_id: jobId } });
  }

  /** A person has read how a job ended. */
  dismissJob(jobId: Job['id']): Promise<void> {
    return this._call('POST', '/lcc/jobs/{job_id}/dismiss', { pieces: { job_id: jobId } });
  }

  private async _call<T>(
    method: Method,
    path: keyof paths,
    {
      pieces = {},
      query = {},
      body,
      etag = null,
      quiet = false
    }: {
      pieces?: Record<string, string>;
      query?: Record<string, unknown>;
      body?: unknown;
      /** What is changed, as `If-Match` names it. */
      etag?: string | null;
      quiet?: boolean;
    } = {}
  ): Promise<T> {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(pieces[name] ?? ''));
    const asked = Object.entries({ ...query, ...(quiet ? { no_track_activity: 1 } : {}) })
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const url = URLExt.join(this._settings.baseUrl, filled) + (asked.length ? `?${asked.join('&')}` : '');
    // With JupyterLab's default, `no-store`, it adds a bare number to the query, which the server refuses as it
    // refuses every name it doesn't know.
    const init: RequestInit = { method, cache: 'no-cache' };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
    }
    if (etag !== null) {
      init.headers = { 'If-Match': `"${etag}"` };
    }
    let response: Response;
    let text: string;
    try {
      response = await ServerConnection.makeRequest(url, init, this._settings);
      text = await response.text();
    } catch (reason) {
      throw new LccError('unreachable', reason instanceof Error ? reason.message : String(reason));
    }
    if (!response.ok) {
      throw problemOf(path, response, text);
    }
    if (text.trim() === '') {
      return undefined as T;
    }
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new LccError('unreadable_answer', text.slice(0, 200), {}, response.status);
    }
  }
}

/**
 * Read a problem body; what else answers with an error status (a proxy, a server without us) gets a code too.
 */
function problemOf(path: keyof paths, response: Response, text: string): LccError {
  const problem = parseProblem(text);
  if (path === '/lcc/about' && response.status === 404) {
    return new LccError('server_extension_missing', problem?.message ?? response.statusText, {}, 404);
  }
  if (problem) {
    return new LccError(problem.code, problem.message, problem.detail, response.status);
  }
  const code = [502, 503, 504].includes(response.status) ? 'unreachable' : 'unreadable_answer';
  return new LccError(code, `${response.status} ${response.statusText}`.trim(), {}, response.status);
}

function parseProblem(text: string): ProblemBody | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof body !== 'object' || body === null) {
    return null;
  }
  const { code, message, detail } = body as Partial<Record<keyof ProblemBody, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string') {
    return null;
  }
  const given = typeof detail === 'object' && detail !== null ? detail : {};
  return { code, message, detail: given as ProblemBody['detail'] };
}
