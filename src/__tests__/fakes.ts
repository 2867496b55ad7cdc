import { nullTranslator } from '@jupyterlab/translation';

import type {
  About,
  Decision,
  DurationSetting,
  IdleView,
  Lease,
  Machine,
  Policy,
  Stopped,
  Target
} from '../api/generated';
import type { IdleClient } from '../idle/model';
import type { INotice, INoticeBoard } from '../idle/notices';
import { Speech } from '../idle/words';

export const NOW = Date.parse('2026-11-20T17:30:00Z');

/** A time so many seconds from NOW, as on the wire. */
export function at(seconds: number): string {
  return new Date(NOW + seconds * 1000).toISOString();
}

export function speechInEnglish(): Speech {
  return new Speech(nullTranslator.load('jupyter_lcc'), 'en-GB');
}

export function aTarget(change: Partial<Target> = {}): Target {
  return {
    id: 'kernel:k1',
    kind: 'kernel',
    name: 'train.ipynb',
    state: 'idle',
    last_activity_at: at(-600),
    idle_seconds: 600,
    verdict: 'keep',
    reason: 'recently_active',
    stops_at: at(600),
    warned_at: null,
    evidence: [],
    limit_seconds: 1200,
    limit_source: 'default',
    limit_rule: null,
    shutting_down: false,
    pid: null,
    cpu_percent: null,
    memory_bytes: null,
    processes: null,
    io_bytes_per_second: null,
    gpu: [],
    lease: null,
    state_since_at: null,
    kernel_name: 'python3',
    sessions: [{ path: 'train.ipynb', name: 'train.ipynb', type: 'notebook' }],
    connections: 1,
    ...change
  };
}

export function aWarned(change: Partial<Target> = {}): Target {
  return aTarget({ verdict: 'warn', reason: 'idle', warned_at: at(-1), stops_at: at(60), ...change });
}

export function aLease(change: Partial<Lease> = {}): Lease {
  return {
    id: 'l1',
    target_id: 'kernel:k1',
    granted_seconds: 3600,
    granted_at: at(0),
    expires_at: at(3600),
    note: null,
    pid: null,
    clipped_by: null,
    ...change
  };
}

export function aDecision(change: Partial<Decision> = {}): Decision {
  return {
    at: at(-60),
    change: 'shut_down',
    target_id: 'kernel:k1',
    kind: 'kernel',
    name: 'train.ipynb',
    state: 'idle',
    verdict: 'shut_down',
    reason: 'idle',
    mode: 'enforce',
    actor: 'monitor',
    last_activity_at: null,
    stops_at: null,
    warned_at: null,
    limit_seconds: 3600,
    limit_source: 'default',
    limit_rule: null,
    evidence: [],
    lease: null,
    error: null,
    policy: {},
    ...change
  };
}

export function aStopped(change: Partial<Stopped> = {}): Stopped {
  return {
    id: 's1',
    target_id: 'kernel:k1',
    kind: 'kernel',
    name: 'train.ipynb',
    stopped_at: at(-3600),
    reason: 'idle',
    idle_seconds: 3600,
    limit_seconds: 3600,
    limit_source: 'default',
    limit_rule: null,
    kernel_name: 'python3',
    documents: [
      {
        path: 'work/train.ipynb',
        type: 'notebook',
        result: 'saved',
        message: null,
        message_sentence: null,
        output_path: null
      }
    ],
    manifest: null,
    ...change
  };
}

export function aSetting(value: number, change: Partial<DurationSetting> = {}): DurationSetting {
  return { value, source: 'default', min: 60, max: null, locked: false, rule: null, ...change };
}

export function aPolicy(change: Partial<Policy> = {}): Policy {
  return {
    mode: { value: 'enforce', source: 'default', locked: true, rule: null },
    kernel_timeout_seconds: aSetting(3600),
    terminal_timeout_seconds: aSetting(3600),
    instance_timeout_seconds: aSetting(7200),
    waiting_timeout_seconds: aSetting(14400),
    warn_seconds: aSetting(300, { min: 10 }),
    check_interval_seconds: aSetting(30, { locked: true }),
    max_lease_seconds: aSetting(28800, { locked: true }),
    max_busy_seconds: aSetting(0, { locked: true }),
    ...change
  };
}

export function aMachine(change: Partial<Machine> = {}): Machine {
  return {
    stop: { means: 'none', available: false, why_not: null, why_not_sentence: null },
    stop_requested_at: null,
    stop_error: null,
    stop_error_sentence: null,
    retry_at: null,
    cost: null,
    ...change
  };
}

export function aView(targets: Target[] = [], change: Partial<IdleView> = {}): IdleView {
  return {
    taken_at: at(0),
    mode: 'enforce',
    instance: aTarget({
      id: 'instance',
      kind: 'instance',
      name: 'instance',
      reason: 'not_stopped_here',
      stops_at: null,
      sessions: []
    }),
    targets,
    policy: aPolicy(),
    monitor: { last_check_at: at(0), next_check_at: at(30), healthy: true, problems: [] },
    machine: aMachine(),
    keeps_on: [],
    stopped_unseen: 0,
    ...change
  };
}

export const ABOUT: About = {
  version: '0.1.0',
  api_version: 1,
  conflicts: [],
  platform: {
    kind: 'plain',
    persistent_root: null,
    can_stop_instance: false,
    instance_type: null,
    region: null
  },
  features: {}
};

type Fakes = {
  [name in keyof IdleClient]: jest.Mock<ReturnType<IdleClient[name]>, Parameters<IdleClient[name]>>;
};

/** A fake of the server: `view`, `log` and `unseen` are what it answers next. */
export class FakeServer {
  view: IdleView = aView();
  log: Decision[] = [];
  unseen: Stopped[] = [];

  readonly client: Fakes = {
    about: jest.fn(async () => ABOUT),
    idle: jest.fn(async () => this.view),
    decisions: jest.fn(async _query => ({ decisions: this.log })),
    keep: jest.fn(async body => aLease({ target_id: body.target_id, granted_seconds: body.seconds })),
    endLease: jest.fn(async _id => undefined),
    shutDown: jest.fn(async _id => undefined),
    changePolicy: jest.fn(async _body => this.view.policy),
    stopped: jest.fn(async () => ({ stopped: this.unseen })),
    dismissStopped: jest.fn(async _body => undefined)
  };
}

/** A fake of JupyterLab's notifications: what is shown, by id. */
export class FakeBoard implements INoticeBoard {
  readonly shown = new Map<string, INotice>();
  count = 0;

  show(notice: INotice): string {
    const id = String(++this.count);
    this.shown.set(id, notice);
    return id;
  }

  update(id: string, notice: INotice): void {
    if (this.shown.has(id)) {
      this.shown.set(id, notice);
    }
  }

  dismiss(id: string): void {
    this.shown.delete(id);
  }

  has(id: string): boolean {
    return this.shown.has(id);
  }

  get messages(): string[] {
    return [...this.shown.values()].map(({ message }) => message);
  }

  press(label: string): void {
    const actions = [...this.shown.values()].flatMap(notice => notice.actions ?? []);
    const action = actions.find(each => each.label === label);
    if (!action) {
      throw new Error(`no button ${label} among ${actions.map(each => each.label).join()}`);
    }
    action.run();
  }
}

/** Let every promise that can be settled settle. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    await Promise.resolve();
  }
}
