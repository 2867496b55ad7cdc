import {
  aDecision,
  aLease,
  aPolicy,
  aSetting,
  aTarget,
  at,
  aView,
  aWarned,
  NOW,
  speechInEnglish
} from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import type { IdleView, Target } from '../../api/generated';
import * as words from '../words';

const speech = speechInEnglish();
const now = new Date(NOW);
const clock = (seconds: number): string => speech.clock(at(seconds), now);

const WORKING = aTarget({
  state: 'working',
  reason: 'working',
  stops_at: null,
  evidence: [{ signal: 'running_since', value: at(-720), means: 'work' }]
});

describe('durations and times', () => {
  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3599, '59 min'],
    [3600, '1 h'],
    [4800, '1 h 20 min'],
    [200_000, '55 h'],
    [-5, '0 s']
  ])('says %s seconds', (seconds, said) => {
    expect(speech.duration(seconds)).toBe(said);
  });

  it.each([
    [90, '1 min 30 s'],
    [3600, '1 h'],
    [3661, '1 h 1 min 1 s']
  ])('says %s seconds exactly', (seconds, said) => {
    expect(speech.exactDuration(seconds)).toBe(said);
  });

  it.each([
    [299.2, '5:00'],
    [61, '1:01'],
    [3723, '1:02:03'],
    [-1, '0:00']
  ])('counts down %s seconds', (seconds, said) => {
    expect(speech.countdown(seconds)).toBe(said);
  });

  it('says the day when it is another one', () => {
    expect(clock(0)).toMatch(/^\d\d:\d\d$/);
    expect(clock(3 * 86_400)).toMatch(/^[A-Z][a-z]{2},? \d\d:\d\d$/);
    expect(clock(30 * 86_400)).toMatch(/Dec/);
  });

  it('mends a browser’s wrong clock, not a small difference', () => {
    const wrong = new words.Speech(speech.trans, 'en-GB', () => 3600_000);
    const nearly = new words.Speech(speech.trans, 'en-GB', () => 2_000);
    expect(wrong.clock(at(3600), now)).toBe(clock(0));
    expect(nearly.clock(at(0), now)).toBe(clock(0));
  });
});

describe('the headline', () => {
  const headline = (targets: Target[], change: Partial<IdleView> = {}): string =>
    words.headlineOf(speech, aView(targets, change), now);

  it('is honest about what is going on', () => {
    expect(headline([])).toBe('Nothing is running.');
    expect(headline([WORKING], { mode: 'off' })).toBe('Idle shutdown is off: nothing will be shut down.');
    expect(headline([aWarned()], { mode: 'observe' })).toBe('Only watching: nothing will be shut down.');
    expect(headline([WORKING, aTarget()])).toBe(
      'Working: train.ipynb (12 min). It isn’t stopped while it works.'
    );
    expect(headline([{ ...WORKING, stops_at: at(1200) }])).toBe(
      `Working: train.ipynb (12 min). It may work until ${clock(1200)}.`
    );
    expect(headline([WORKING, { ...WORKING, id: 'kernel:k2' }])).toContain('2 kernels and terminals');
    expect(headline([aTarget()])).toBe(
      `Idle for 10 min. Next: train.ipynb stops at ${clock(600)} if nobody uses it.`
    );
    expect(headline([aTarget({ stops_at: null, reason: 'no_limit' })])).toBe('Idle for 10 min.');
    expect(headline([WORKING, aWarned()])).toBe(
      `train.ipynb will be shut down at ${clock(60)} if nobody uses it.`
    );
  });

  it('finds what stops first, but not what is stopping already', () => {
    const targets = [
      aTarget({ id: 'kernel:a', stops_at: at(5), shutting_down: true }),
      aTarget({ id: 'kernel:b', stops_at: at(50) }),
      aTarget({ id: 'kernel:c', stops_at: at(20) })
    ];
    expect(words.nextOf(aView(targets))?.id).toBe('kernel:c');
    expect(words.nextOf(aView(targets, { mode: 'off' }))).toBeNull();
  });

  it('is short in the status bar', () => {
    expect(words.statusOf(speech, aView([aTarget()]), now)).toBe(`train.ipynb stops ${clock(600)}`);
    expect(words.statusOf(speech, aView([WORKING]), now)).toBe('Working');
    expect(words.statusOf(speech, aView([aTarget()], { mode: 'observe' }), now)).toBeNull();
  });
});

describe('a target', () => {
  it('is called by its notebook, its terminal or its kernel', () => {
    expect(words.nameOf(speech, aTarget())).toBe('train.ipynb');
    expect(words.nameOf(speech, aTarget({ name: 'python3', sessions: [] }))).toBe('python3 (no notebook)');
    expect(words.nameOf(speech, aTarget({ kind: 'terminal', name: '1', sessions: [] }))).toBe('Terminal 1');
    const session = { path: 'a', name: 'a', type: 'notebook' };
    expect(words.othersOf(speech, aTarget({ sessions: [session, session, session] }))).toBe('and 2 more');
    expect(words.othersOf(speech, aTarget())).toBeNull();
  });

  it('counts its idle time on', () => {
    expect(words.stateOf(speech, aTarget({ idle_seconds: 50 }), 12)).toBe('Idle for 1 min');
    expect(words.stateOf(speech, aTarget({ idle_seconds: null }), 12)).toBe('Idle');
    expect(words.stateOf(speech, aTarget({ state: 'waiting', idle_seconds: 4 }), 0)).toBe(
      'Waiting for you for 4 s'
    );
  });

  it('has a fate', () => {
    const fate = (change: Partial<Target>, mode: IdleView['mode'] = 'enforce'): string =>
      words.fateOf(speech, aTarget(change), mode, now);
    expect(fate({})).toBe(`stops ${clock(600)}`);
    expect(fate({}, 'observe')).toBe(`would stop ${clock(600)}`);
    expect(fate({}, 'off')).toBe('not shut down: idle shutdown is off');
    expect(fate({ lease: aLease({ note: 'lunch' }) })).toBe(`kept until ${clock(3600)} – lunch`);
    expect(fate({ lease: aLease() })).toBe(`kept until ${clock(3600)}`);
    expect(fate({ verdict: 'warn', stops_at: at(65) })).toBe(`stops ${clock(65)}, in 1:05`);
    expect(fate({ shutting_down: true })).toBe('shutting down…');
    expect(fate({ stops_at: null, reason: 'no_limit' })).toBe('never stopped: no limit');
    expect(fate({ stops_at: null, reason: 'working', state: 'working' })).toBe('not stopped while it works');
  });

  it('was stopped for a reason', () => {
    const told = (change: Parameters<typeof aDecision>[0]): string =>
      words.happenedOf(speech, aDecision({ at: at(0), ...change }), now);
    expect(told({})).toBe(`train.ipynb was shut down at ${clock(0)}: nobody used it for 1 h.`);
    expect(told({ reason: 'asked', limit_seconds: null })).toContain('somebody asked for it');
    expect(told({ reason: 'busy_too_long', limit_seconds: 7200 })).toContain('longer than the 2 h');
    expect(told({ change: 'shutdown_failed' })).toBe(`train.ipynb could not be shut down at ${clock(0)}.`);
  });
});

describe('why', () => {
  it('says the limit with its source', () => {
    expect(words.limitOf(speech, aTarget({ limit_source: 'user' }))).toBe('Limit: 20 min (set by you).');
    expect(words.limitOf(speech, aTarget({ limit_seconds: null, limit_source: 'admin' }))).toBe(
      'Limit: none (set by the administrator).'
    );
    expect(words.limitOf(speech, aTarget({ limit_seconds: null, limit_source: null }))).toBe(
      'No limit applies now.'
    );
  });

  it('says a value as what it is', () => {
    const value = (signal: string, given: string | number | boolean | null): string =>
      words.valueOf(speech, { signal, value: given, means: 'context' }, now);
    expect(value('running_since', at(0))).toBe(clock(0));
    expect(value('cpu_percent', 12.34)).toBe('12%');
    expect(value('execution_state', 'busy')).toBe('busy');
    expect(value('x', null)).toBe('–');
    expect(value('x', true)).toBe('yes');
  });

  it('shows a signal it does not know by its code', () => {
    expect(words.signalOf(speech, 'of_a_newer_server')).toBe('of_a_newer_server');
  });

  it('does not say that something is shut down where nothing is', () => {
    expect(words.reasonOf(speech, aWarned(), 'observe')).toContain('only watches');
  });
});

describe('problems', () => {
  it('are said by their code, an unknown one in the server’s words', () => {
    expect(words.errorOf(speech, new LccError('too_late', 'x'))).toBe(
      'Too late: it is already being shut down.'
    );
    expect(words.errorOf(speech, new LccError('newer', 'The server’s words.'))).toBe('The server’s words.');
    expect(words.problemOf(speech, { code: 'newer_failed', message: 'Words.' })).toBe('Words.');
  });

  it('say the bounds', () => {
    const { min, max } = aSetting(60, { max: 7200 });
    expect(words.boundsOf(speech, min, max, false)).toBe('From 1 min to 2 h is allowed.');
    expect(words.boundsOf(speech, min, null, true)).toBe('At least 1 min, or never.');
    expect(words.boundsOf(speech, aPolicy().warn_seconds.min, null, false)).toBe('At least 10 s.');
  });
});

describe('what is left', () => {
  it.each([
    [299, '5 min'],
    [119, '2 min'],
    [55, '1 min'],
    [41, '50 s'],
    [-3, '0 s']
  ])('is said in steps: %s seconds', (seconds, said) => {
    expect(words.leftInSteps(speech, at(seconds), now)).toBe(said);
  });
});
