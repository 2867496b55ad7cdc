import type { Event } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { Decision } from './generated';

/** The schema of the server's events on idle shutdown (jupyter_lcc/web/event_schemas). */
export const IDLE_EVENT = 'https://schema.jupyter.org/jupyter_lcc/idle/v1';

const KINDS = ['changed', 'warning', 'shut_down', 'shutdown_failed', 'policy', 'save'] as const;

/**
 * One event: which kind of news there is. What is new is asked for by REST, so nothing else is read here.
 */
export interface IIdleEvent {
  readonly kind: (typeof KINDS)[number];
  readonly targetId: Decision['target_id'] | null;
}

/**
 * Some of our events out of JupyterLab's own event stream; `read` gives null for all others.
 */
class OurEvents<T> implements IDisposable {
  constructor(
    private readonly _events: Pick<Event.IManager, 'stream'>,
    private readonly _read: (emission: Event.Emission) => T | null
  ) {
    this._events.stream.connect(this._onEmission, this);
  }

  get received(): ISignal<this, T> {
    return this._received;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._events.stream.disconnect(this._onEmission, this);
      Signal.clearData(this);
    }
  }

  private _onEmission(_: unknown, emission: Event.Emission): void {
    const event = this._read(emission);
    if (event !== null) {
      this._received.emit(event);
    }
  }

  private _isDisposed = false;
  private readonly _received = new Signal<this, T>(this);
}

/** What happened to kernels, terminals and the machine. */
export class IdleEvents extends OurEvents<IIdleEvent> {
  constructor(events: Pick<Event.IManager, 'stream'>) {
    super(events, readEvent);
  }
}

/**
 * Read one emission; null for another schema's and for kinds a newer server may send.
 */
export function readEvent(emission: Event.Emission): IIdleEvent | null {
  const kind = KINDS.find(known => known === emission['kind']);
  if (emission.schema_id !== IDLE_EVENT || kind === undefined) {
    return null;
  }
  const targetId = emission['target_id'];
  return { kind, targetId: typeof targetId === 'string' ? targetId : null };
}

/** The schemas of the server's events on long work and on environments. */
export const JOB_EVENT = 'https://schema.jupyter.org/jupyter_lcc/job/v1';
export const ENVIRONMENTS_EVENT = 'https://schema.jupyter.org/jupyter_lcc/environments/v1';

/** What there is news of. */
export type News = 'jobs' | 'environments';

/** News of jobs and environments. What is new is asked for by REST. */
export class WorkEvents extends OurEvents<News> {
  constructor(events: Pick<Event.IManager, 'stream'>) {
    super(events, readNews);
  }
}

function readNews(emission: Event.Emission): News | null {
  switch (emission.schema_id) {
    case JOB_EVENT:
      return 'jobs';
    case ENVIRONMENTS_EVENT:
      return 'environments';
    default:
      return null;
  }
}

/** The schema of the server's events on package lists. */
export const PACKAGE_LISTS_EVENT = 'https://schema.jupyter.org/jupyter_lcc/package-lists/v1';

const LIST_KINDS = ['changed', 'drifted', 'synced', 'published', 'removed', 'sources'] as const;

/** News of package lists: which kind, and of which list; null is of any. */
export interface IListEvent {
  readonly kind: (typeof LIST_KINDS)[number];
  readonly name: string | null;
}

/** What happened to package lists and to how environments stand to them. */
export class ListEvents extends OurEvents<IListEvent> {
  constructor(events: Pick<Event.IManager, 'stream'>) {
    super(events, readListEvent);
  }
}

function readListEvent(emission: Event.Emission): IListEvent | null {
  const kind = LIST_KINDS.find(known => known === emission['kind']);
  if (emission.schema_id !== PACKAGE_LISTS_EVENT || kind === undefined) {
    return null;
  }
  const { name } = emission;
  return { kind, name: typeof name === 'string' ? name : null };
}
