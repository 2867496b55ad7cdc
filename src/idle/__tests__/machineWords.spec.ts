import {
  aDecision,
  aMachine,
  aStopped,
  aTarget,
  at,
  aView,
  NOW,
  speechInEnglish
} from '../../__tests__/fakes';
import type { Holder, Target } from '../../api/generated';
import * as words from '../words';

const speech = speechInEnglish();
const now = new Date(NOW);
const clock = (seconds: number): string => speech.clock(at(seconds), now);

function aHolder(change: Partial<Holder> = {}): Holder {
  return {
    because: 'work',
    holds: true,
    target_id: 'kernel:k1',
    name: 'train.ipynb',
    evidence: null,
    until: null,
    ...change
  };
}

const said = (holder: Holder, target: Target | null = null): string => {
  const { who, why, until } = words.holderOf(speech, holder, target, now);
  return [who, why, until].filter(Boolean).join(' | ');
};

describe('who keeps this machine on', () => {
  it('is said with the evidence, and until when', () => {
    const gpu = { signal: 'gpu_percent', value: 93, means: 'work' } as const;
    expect(said(aHolder({ evidence: gpu }))).toBe('train.ipynb | it works (GPU: 93%) | until it ends');
    const note = { signal: 'lease_note', value: 'lunch', means: 'context' } as const;
    expect(said(aHolder({ because: 'lease', target_id: 'instance', evidence: note, until: at(3600) }))).toBe(
      `Everything | somebody keeps it: lunch | until ${clock(3600)}`
    );
  });

  it('says of what only asks by itself how often, each name once', () => {
    const poller = (value: string): Holder =>
      aHolder({
        because: 'chatter',
        holds: false,
        target_id: null,
        name: 'lab_ext',
        evidence: { signal: 'poller', value, means: 'chatter' }
      });
    const holders = [
      poller('lab_ext: GET /api/x every 7 s'),
      aHolder(),
      poller('lab_ext: GET /api/y every 9 s')
    ];
    expect(words.chatterOf(holders)).toEqual([{ holder: holders[0], more: 1 }]);
    expect(said(holders[0] as Holder)).toBe('lab_ext | asks by itself: GET /api/x every 7 s');
  });

  it('shows a reason it doesn’t know by its code', () => {
    expect(said(aHolder({ because: 'new_reason' as Holder['because'] }))).toBe('train.ipynb | new_reason');
  });
});

describe('the machine', () => {
  const instance = aTarget({
    id: 'instance',
    kind: 'instance',
    sessions: [],
    stops_at: at(7200),
    reason: 'targets_first'
  });

  it('says when it stops, and what stops before', () => {
    const idle = { ...instance, last_activity_at: at(-1200) };
    const two = [aTarget({ stops_at: at(600) }), aTarget({ id: 'kernel:k2', stops_at: at(900) })];
    expect(words.headlineOf(speech, aView(two, { instance: idle }), now)).toBe(
      `Idle for 20 min. Kernels and terminals stop from ${clock(600)}, the machine at ${clock(7200)}.`
    );
    expect(words.statusOf(speech, aView([], { instance: idle }), now)).toBe(`Machine stops ${clock(7200)}`);
  });

  it('is too late to keep once it was asked to stop', () => {
    const view = aView([], { instance, machine: aMachine({ stop_requested_at: at(-5) }) });
    expect(words.headlineOf(speech, view, now)).toBe(
      `This machine was asked to stop at ${clock(-5)}. It ends any moment now.`
    );
    expect(words.statusOf(speech, view, now)).toBe('Machine stops now');
  });

  it('says what is missing where it can’t be stopped', () => {
    const error = 'sagemaker:DeleteApp is not allowed.';
    const view = aView([], { instance, machine: aMachine({ stop_error: error, retry_at: at(240) }) });
    expect(words.stopErrorOf(speech, view, now)).toBe(
      `The machine could not be stopped, and is tried again at ${clock(240)}: ${error}`
    );
    expect(words.stopErrorOf(speech, aView(), now)).toBeNull();
    const none = aMachine({
      stop: { means: 'none', available: false, why_not: 'No platform is known.', why_not_sentence: null }
    });
    expect(words.machineFateOf(speech, aView([], { machine: none }))).toBe(
      'This machine can’t be stopped from here.'
    );
  });

  it('says what it costs, and when the price was read', () => {
    const cost = {
      usd_per_hour: 1.408,
      instance_type: 'ml.g5.xlarge',
      price_source: 'table',
      priced_on: '2026-11-01',
      hours_today: 3,
      usd_today: 4.2,
      saved_hours: 29,
      saved_usd: 41
    } as const;
    const { text, title } = words.costOf(speech, cost);
    expect(text).toBe('$1.41 an hour · $4.20 today · $41.00 saved in 30 days');
    expect(title).toContain('2026-11-01');
    expect(words.costOf(speech, { ...cost, saved_usd: 0 }).text).not.toContain('saved');
  });
});

describe('work beside the kernel', () => {
  it('is said to be in the background when the cell has returned', () => {
    const idle = { signal: 'execution_state', value: 'idle', means: 'idle' } as const;
    const cpu = { signal: 'cpu_percent', value: 99, means: 'work' } as const;
    const target = aTarget({ state: 'working', evidence: [idle, cpu] });
    expect(words.stateOf(speech, target, 0)).toBe('Working in the background');
    const busy = { ...idle, value: 'busy', means: 'work' } as const;
    expect(words.stateOf(speech, aTarget({ state: 'working', evidence: [busy, cpu] }), 0)).toBe('Working');
  });

  it('names the device, and says when the numbers are all of it', () => {
    const gpu = {
      index: 0,
      name: 'NVIDIA A10G',
      utilisation_percent: 93,
      memory_bytes: 4.1e9,
      whole_device: true
    };
    expect(words.gpuOf(speech, gpu).text).toBe('A10G 93% · 4.1 GB · whole device');
    expect(words.gpuOf(speech, { ...gpu, whole_device: false, utilisation_percent: null }).text).toBe(
      'A10G · 4.1 GB'
    );
  });

  it('names the rule a limit comes from', () => {
    const target = aTarget({ limit_seconds: 2700, limit_source: 'admin', limit_rule: 'gpu machines' });
    expect(words.limitOf(speech, target)).toBe('Limit: 45 min (rule “gpu machines”).');
  });
});

describe('what was shut down', () => {
  it('is said with when, why and by which limit', () => {
    expect(words.stoppedBecause(speech, aStopped({ limit_source: 'user' }), now)).toBe(
      `Stopped ${clock(-3600)}: idle for 1 h (limit 1 h, set by you).`
    );
    expect(words.stoppedBecause(speech, aStopped({ reason: 'asked' }), now)).toBe(
      `Stopped ${clock(-3600)}: somebody asked for it.`
    );
  });

  it('says what was lost, and that it may not be all', () => {
    const variables = [
      { name: 'df', type: 'DataFrame', size_bytes: 2.1e9, summary: '1000 x 12' },
      { name: 'model', type: 'Net', size_bytes: null, summary: null }
    ];
    const manifest = { variables, complete: false, why_not: 'It took too long.', why_not_sentence: null };
    expect(words.lossOf(speech, aStopped({ manifest }))).toBe(
      'Lost from memory: 2 variables, 2.1 GB (not all of them)'
    );
    expect(words.lossOf(speech, aStopped({ manifest: { ...manifest, variables: [] } }))).toBe(
      'It took too long.'
    );
    expect(words.lossOf(speech, aStopped())).toBeNull();
    expect(variables.map(variable => words.sizeOf(speech, variable))).toEqual(['2.1 GB · 1000 x 12', '–']);
  });

  it.each([
    ['put_off', 'disk full', /put off once at .* \(disk full\)/],
    ['stop_requested', null, /^The machine was asked to stop at .*: nobody used it\.$/],
    ['stop_failed', 'no permission', /could not be stopped at .*: no permission$/]
  ] as const)('tells of %s afterwards', (change, error, told) => {
    expect(words.happenedOf(speech, aDecision({ change, error }), now)).toMatch(told);
  });
});
