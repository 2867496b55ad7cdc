import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { LccError } from './errors';
import type {
  About,
  ChangePolicy,
  CreateLease,
  DecisionList,
  DismissStopped,
  IdleView,
  Lease,
  operations,
  paths,
  Policy,
  Presence,
  ProblemBody,
  SaveReport,
  StoppedList
} from './generated';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type DecisionQuery = NonNullable<operations['list_decisions']['parameters']['query']>;

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
  decisions(query: DecisionQuery): Promise<DecisionList> {
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

  private async _call<T>(
    method: Method,
    path: keyof paths,
    {
      pieces = {},
      query = {},
      body,
      quiet = false
    }: {
      pieces?: Record<string, string>;
      query?: Record<string, unknown>;
      body?: unknown;
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
