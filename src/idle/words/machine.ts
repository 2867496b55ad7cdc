import type { Cost, IdleView, Machine, Target } from '../../api/generated';
import { sentenceOf } from './sentences';
import { secondsUntil, type Speech } from './speech';
import { gpuPercentOf, nameOf } from './targets';

/** A target with the time it is shut down at. */
export type Due = Target & { stops_at: string };

/** Below this it isn't said for how long nobody used the machine. */
const IDLE_WORTH_SAYING_SECONDS = 60;

/** The target that is shut down next if nobody uses it, the machine last; or null. */
export function nextOf(view: IdleView): Due | null {
  return dueOf(view)[0] ?? null;
}

/** What is shut down if nobody uses it: the first kernel, terminal or job, then the machine. */
export function dueOf(view: IdleView): Due[] {
  if (view.mode === 'off') {
    return [];
  }
  const due = view.targets
    .filter(isDue)
    .sort((a, b) => Date.parse(a.stops_at) - Date.parse(b.stops_at))
    .slice(0, 1);
  return isDue(view.instance) ? [...due, view.instance] : due;
}

/** The one honest sentence on the machine. */
export function headlineOf(speech: Speech, view: IdleView, now: Date): string {
  const { trans } = speech;
  const { instance, machine } = view;
  if (machine.stop_requested_at !== null) {
    return trans.__(
      'This machine was asked to stop at %1. It ends any moment now.',
      speech.clock(machine.stop_requested_at, now)
    );
  }
  if (view.mode === 'off') {
    return trans.__('Idle shutdown is off: nothing will be shut down.');
  }
  if (view.mode === 'observe') {
    return trans.__('Only watching: nothing will be shut down.');
  }
  if (instance.verdict === 'warn' && isDue(instance)) {
    return trans.__(
      'This machine will be stopped at %1 if nobody uses it.',
      speech.clock(instance.stops_at, now)
    );
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
  return working.length > 0 ? workOf(speech, view, working, now) : restOf(speech, view, now);
}

function workOf(speech: Speech, view: IdleView, working: Target[], now: Date): string {
  const { trans } = speech;
  const [first] = working;
  if (working.length > 1 || !first) {
    return view.instance.reason === 'working'
      ? trans._n(
          'Working: %1 kernel or terminal. The machine stays on while it works.',
          'Working: %1 kernels, terminals and jobs. The machine stays on while they work.',
          working.length
        )
      : trans._n(
          'Working: %1 kernel or terminal. It isn’t stopped while it works.',
          'Working: %1 kernels and terminals. None of them is stopped while it works.',
          working.length
        );
  }
  const since =
    first.evidence.find(({ signal }) => signal === 'running_since')?.value ?? first.state_since_at;
  const told = typeof since === 'string' ? [speech.duration(-secondsUntil(since, now))] : [];
  const gpu = gpuPercentOf(first);
  if (gpu !== null) {
    told.push(trans.__('GPU %1%', speech.number(gpu, 0)));
  }
  const name = nameOf(speech, first);
  const who = told.length > 0 ? trans.__('%1 (%2)', name, told.join(', ')) : name;
  if (first.stops_at !== null) {
    return trans.__('Working: %1. It may work until %2.', who, speech.clock(first.stops_at, now));
  }
  return view.instance.reason === 'working'
    ? trans.__('Working: %1. The machine stays on while it works.', who)
    : trans.__('Working: %1. It isn’t stopped while it works.', who);
}

/** Nothing works: what stops when. */
function restOf(speech: Speech, view: IdleView, now: Date): string {
  const { trans } = speech;
  const { instance, targets } = view;
  const idle = Math.floor((now.getTime() - Date.parse(instance.last_activity_at ?? '')) / 1000);
  const begin =
    targets.length === 0
      ? trans.__('Nothing is running.')
      : idle >= IDLE_WORTH_SAYING_SECONDS
        ? trans.__('Idle for %1.', speech.duration(idle))
        : null;
  const fate =
    restFateOf(speech, view, now) ?? (begin === null ? trans.__('Nothing is due to be shut down.') : null);
  return [begin, fate].filter(part => part !== null).join(' ');
}

function restFateOf(speech: Speech, view: IdleView, now: Date): string | null {
  const { trans } = speech;
  const due = dueOf(view);
  const first = due.find(({ kind }) => kind !== 'instance');
  const machine = due.find(({ kind }) => kind === 'instance');
  if (first && machine) {
    const many = view.targets.filter(isDue).length > 1;
    const [at, machineAt] = [speech.clock(first.stops_at, now), speech.clock(machine.stops_at, now)];
    return many
      ? trans.__('Kernels and terminals stop from %1, the machine at %2.', at, machineAt)
      : trans.__('%1 stops at %2, the machine at %3.', nameOf(speech, first), at, machineAt);
  }
  if (first) {
    return trans.__(
      'Next: %1 stops at %2 if nobody uses it.',
      nameOf(speech, first),
      speech.clock(first.stops_at, now)
    );
  }
  return machine
    ? trans.__('The machine stops at %1 if nobody uses it.', speech.clock(machine.stops_at, now))
    : null;
}

/** What the machine as a whole does, where the headline doesn't say so; null if there is nothing to add. */
export function machineFateOf(speech: Speech, view: IdleView): string | null {
  const { trans } = speech;
  const { instance, machine } = view;
  if (view.mode !== 'enforce' || machine.stop_requested_at !== null) {
    return null;
  }
  if (!machine.stop.available) {
    return trans.__('This machine can’t be stopped from here.');
  }
  if (machine.stop.means === 'native_idle' && machine.stop.why_not !== null) {
    return sentenceOf(speech, machine.stop.why_not_sentence, machine.stop.why_not);
  }
  switch (instance.reason) {
    case 'unknown_state':
      return trans.__('The machine stays on: what some of it does can’t be told.');
    case 'no_limit':
      return trans.__('The machine stays on: no limit is set for it.');
    default:
      return null;
  }
}

/** Why the machine can’t be stopped from here; null if it can, or nobody knows. */
export function whyNotStoppedOf(speech: Speech, { stop }: Machine): string | null {
  return stop.available || stop.why_not === null
    ? null
    : sentenceOf(speech, stop.why_not_sentence, stop.why_not);
}

/** Why the last try to stop the machine failed, and when the next one is; null if there was none. */
export function stopErrorOf(speech: Speech, view: IdleView, now: Date): string | null {
  const { stop_error: english, stop_error_sentence: sentence, retry_at: retryAt } = view.machine;
  if (english === null) {
    return null;
  }
  const error = sentenceOf(speech, sentence, english);
  return retryAt === null
    ? speech.trans.__('The machine could not be stopped: %1', error)
    : speech.trans.__(
        'The machine could not be stopped, and is tried again at %1: %2',
        speech.clock(retryAt, now),
        error
      );
}

/** What the machine costs, and what was saved. */
export function costOf(speech: Speech, cost: Cost): { text: string; title: string } {
  const { trans } = speech;
  const parts = [
    trans.__('%1 an hour', speech.money(cost.usd_per_hour)),
    trans.__('%1 today', speech.money(cost.usd_today))
  ];
  if (cost.saved_usd > 0) {
    parts.push(trans.__('%1 saved in 30 days', speech.money(cost.saved_usd)));
  }
  const title = [
    trans.__(
      '%1: on for %2 h today, off for %3 h after idle stops in 30 days.',
      cost.instance_type,
      speech.number(cost.hours_today, 1),
      speech.number(cost.saved_hours, 1)
    ),
    cost.price_source === 'config'
      ? trans.__('The price is set by the administrator.')
      : cost.priced_on === null
        ? trans.__('The price is a list price.')
        : trans.__('The price is the list price of %1.', cost.priced_on)
  ];
  return { text: parts.join(' · '), title: title.join(' ') };
}

/** One line of the countdowns: who stops, in how long. */
export function countdownOf(speech: Speech, due: Due, now: Date): { name: string; left: string } {
  return { name: nameOf(speech, due), left: speech.countdown(secondsUntil(due.stops_at, now)) };
}

/** The short text of the status bar; null if there is nothing to say. */
export function statusOf(speech: Speech, view: IdleView, now: Date): string | null {
  const { trans } = speech;
  if (view.machine.stop_requested_at !== null) {
    return trans.__('Machine stops now');
  }
  const next = view.mode === 'enforce' ? nextOf(view) : null;
  if (next?.kind === 'instance') {
    return trans.__('Machine stops %1', speech.clock(next.stops_at, now));
  }
  if (next) {
    return trans.__('%1 stops %2', nameOf(speech, next), speech.clock(next.stops_at, now));
  }
  return view.targets.some(target => target.state === 'working') ? trans.__('Working') : null;
}

function isDue(target: Target): target is Due {
  return target.stops_at !== null && !target.shutting_down;
}
