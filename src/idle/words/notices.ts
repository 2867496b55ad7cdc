import type { Lease, Target } from '../../api/generated';
import { secondsUntil, type Speech } from './speech';
import { nameOf } from './targets';

/**
 * Say what is left in steps, so that a screen reader isn't made to read each second: by ten seconds in the
 * last two minutes, by minutes before.
 */
export function leftInSteps(speech: Speech, stopsAt: string, now: Date): string {
  const left = Math.max(0, secondsUntil(stopsAt, now));
  const step = left > 120 ? 60 : 10;
  return speech.exactDuration(Math.ceil(left / step) * step);
}

/** The warning on one target. */
export function warningOf(speech: Speech, target: Target, now: Date): string {
  const { trans } = speech;
  const name = nameOf(speech, target);
  if (target.stops_at === null) {
    return trans.__('%1 will be shut down soon.', name);
  }
  const at = speech.clock(target.stops_at, now);
  const left = leftInSteps(speech, target.stops_at, now);
  if (target.kind === 'instance') {
    return trans.__('Nobody uses this machine. It will be stopped at %1, in %2.', at, left);
  }
  switch (target.reason) {
    case 'waiting_for_input':
      return trans.__('%1 waits for your answer and will be shut down at %2, in %3.', name, at, left);
    case 'busy_too_long':
      return trans.__(
        '%1 has worked for as long as is allowed and will be shut down at %2, in %3.',
        name,
        at,
        left
      );
    case 'dead':
      return trans.__('The process of %1 is gone. It will be cleared away at %2, in %3.', name, at, left);
    default:
      return trans.__('%1 is idle and will be shut down at %2, in %3.', name, at, left);
  }
}

/** One warning for many targets; `first` is the one that stops first. */
export function manyWarnedOf(speech: Speech, count: number, first: Target, now: Date): string {
  const { trans } = speech;
  if (first.stops_at === null) {
    return trans.__('%1 kernels and terminals will be shut down soon.', count);
  }
  return trans.__(
    '%1 idle kernels and terminals will be shut down, the first one (%2) at %3, in %4.',
    count,
    nameOf(speech, first),
    speech.clock(first.stops_at, now),
    leftInSteps(speech, first.stops_at, now)
  );
}

/** What was granted, and whether it is less than was asked for. */
export function grantedOf(speech: Speech, lease: Lease, now: Date): string {
  const { trans } = speech;
  const until = speech.clock(lease.expires_at, now);
  return lease.clipped_by === null
    ? trans.__('Kept until %1.', until)
    : trans.__(
        'Kept until %1: the administrator allows at most %2.',
        until,
        speech.exactDuration(lease.granted_seconds)
      );
}
