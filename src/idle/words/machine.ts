import type { IdleView, Target } from '../../api/generated';
import { secondsUntil, type Speech } from './speech';
import { nameOf } from './targets';

/** The target that is shut down next if nobody uses it, or null. */
export function nextOf(view: IdleView): (Target & { stops_at: string }) | null {
  if (view.mode === 'off') {
    return null;
  }
  let next: (Target & { stops_at: string }) | null = null;
  for (const target of view.targets) {
    if (target.stops_at === null || target.shutting_down) {
      continue;
    }
    if (next === null || Date.parse(target.stops_at) < Date.parse(next.stops_at)) {
      next = { ...target, stops_at: target.stops_at };
    }
  }
  return next;
}

/** The one honest sentence on the machine. */
export function headlineOf(speech: Speech, view: IdleView, now: Date): string {
  const { trans } = speech;
  if (view.mode === 'off') {
    return trans.__('Idle shutdown is off: nothing will be shut down.');
  }
  if (view.mode === 'observe') {
    return trans.__('Only watching: nothing will be shut down.');
  }
  if (view.targets.length === 0) {
    return trans.__('Nothing is running.');
  }
  const warned = view.targets.filter(target => target.verdict === 'warn');
  const first = warned[0];
  if (first?.stops_at && warned.length === 1) {
    return trans.__(
      '%1 will be shut down at %2 if nobody uses it.',
      nameOf(speech, first),
      speech.clock(first.stops_at, now)
    );
  }
  if (warned.length > 1) {
    return trans._n(
      '%1 kernel or terminal will be shut down soon if nobody uses it.',
      '%1 kernels and terminals will be shut down soon if nobody uses them.',
      warned.length
    );
  }
  const working = view.targets.filter(target => target.state === 'working');
  if (working.length > 0) {
    return workOf(speech, working, now);
  }
  const next = nextOf(view);
  if (next) {
    return trans.__(
      'Next: %1 stops at %2 if nobody uses it.',
      nameOf(speech, next),
      speech.clock(next.stops_at, now)
    );
  }
  return trans.__('Nothing is due to be shut down.');
}

function workOf(speech: Speech, working: Target[], now: Date): string {
  const { trans } = speech;
  const [first] = working;
  if (working.length > 1 || !first) {
    return trans._n(
      'Working: %1 kernel or terminal. It isn’t stopped while it works.',
      'Working: %1 kernels and terminals. None of them is stopped while it works.',
      working.length
    );
  }
  const name = nameOf(speech, first);
  if (first.stops_at !== null) {
    return trans.__('Working: %1. It may work until %2.', name, speech.clock(first.stops_at, now));
  }
  const since = first.evidence.find(({ signal }) => signal === 'running_since')?.value;
  if (typeof since !== 'string') {
    return trans.__('Working: %1. It isn’t stopped while it works.', name);
  }
  return trans.__(
    'Working: %1 has been running for %2. It isn’t stopped while it works.',
    name,
    speech.duration(-secondsUntil(since, now))
  );
}

/** What comes next, below a headline that speaks of something else; null if there is nothing to add. */
export function afterwardsOf(speech: Speech, view: IdleView, now: Date): string | null {
  const { trans } = speech;
  const next = nextOf(view);
  if (!next) {
    return null;
  }
  const name = nameOf(speech, next);
  const at = speech.clock(next.stops_at, now);
  if (view.mode === 'observe') {
    return trans.__('%1 would stop at %2.', name, at);
  }
  const works = view.targets.some(target => target.state === 'working');
  const warned = view.targets.some(target => target.verdict === 'warn');
  return works && !warned && next.state !== 'working'
    ? trans.__('Next: %1 stops at %2 if nobody uses it.', name, at)
    : null;
}

/** The short text of the status bar; null if there is nothing to say. */
export function statusOf(speech: Speech, view: IdleView, now: Date): string | null {
  const { trans } = speech;
  const next = view.mode === 'enforce' ? nextOf(view) : null;
  if (next) {
    return trans.__('%1 stops %2', nameOf(speech, next), speech.clock(next.stops_at, now));
  }
  return view.targets.some(target => target.state === 'working') ? trans.__('Working') : null;
}
