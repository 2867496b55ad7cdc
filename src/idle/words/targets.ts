import type { Decision, IdleView, Target } from '../../api/generated';
import { secondsUntil, type Speech } from './speech';

/** Say what a target is called: its notebook, its terminal, or what runs without a notebook. */
export function nameOf({ trans }: Speech, target: Pick<Target, 'kind' | 'name'> & Partial<Target>): string {
  switch (target.kind) {
    case 'instance':
      return trans.__('This machine');
    case 'terminal':
      return trans.__('Terminal %1', target.name);
    case 'process':
      return trans.__('Process %1', target.name);
    case 'kernel':
      if (target.sessions && target.sessions.length === 0) {
        return trans.__('%1 (no notebook)', target.name);
      }
      return target.sessions?.[0]?.name || target.name;
  }
}

/** Say which other documents share a kernel, or null. */
export function othersOf({ trans }: Speech, target: Target): string | null {
  const others = target.sessions.length - 1;
  return others > 0 ? trans._n('and %1 more', 'and %1 more', others) : null;
}

/** Count how long nobody used a target, on from when the answer was taken. */
export function idleSeconds(target: Target, ageSeconds: number): number | null {
  return target.idle_seconds === null ? null : target.idle_seconds + Math.floor(ageSeconds);
}

/** Say what a target does. */
export function stateOf(speech: Speech, target: Target, ageSeconds: number): string {
  const { trans } = speech;
  const idle = idleSeconds(target, ageSeconds);
  switch (target.state) {
    case 'working':
      return trans.__('Working');
    case 'waiting':
      return idle === null
        ? trans.__('Waiting for you')
        : trans.__('Waiting for you for %1', speech.duration(idle));
    case 'idle':
      return idle === null ? trans.__('Idle') : trans.__('Idle for %1', speech.duration(idle));
    case 'starting':
      return trans.__('Starting');
    case 'dead':
      return trans.__('Dead');
    case 'unknown':
      return trans.__('Unknown');
  }
}

/** Say what will happen to a target, and when. */
export function fateOf(speech: Speech, target: Target, mode: IdleView['mode'], now: Date): string {
  const { trans } = speech;
  if (target.shutting_down) {
    return trans.__('shutting down…');
  }
  if (mode === 'off') {
    return trans.__('not shut down: idle shutdown is off');
  }
  if (target.lease) {
    const until = speech.clock(target.lease.expires_at, now);
    return target.lease.note
      ? trans.__('kept until %1 – %2', until, target.lease.note)
      : trans.__('kept until %1', until);
  }
  if (target.stops_at !== null) {
    const at = speech.clock(target.stops_at, now);
    if (mode === 'observe') {
      return trans.__('would stop %1', at);
    }
    if (target.verdict === 'warn') {
      return trans.__('stops %1, in %2', at, speech.countdown(secondsUntil(target.stops_at, now)));
    }
    return target.state === 'working'
      ? trans.__('stops %1 even if it still works', at)
      : trans.__('stops %1', at);
  }
  return foreverOf(speech, target);
}

function foreverOf({ trans }: Speech, target: Target): string {
  switch (target.reason) {
    case 'working':
      return trans.__('not stopped while it works');
    case 'unknown_state':
      return trans.__('not stopped: what it does can’t be told');
    case 'not_stopped_here':
      return trans.__('not stopped from here');
    default:
      return trans.__('never stopped: no limit');
  }
}

/** Say why a target was shut down or could not be, so that it can be read afterwards. */
export function stoppedBecause(speech: Speech, decision: Decision, now: Date): string {
  const { trans } = speech;
  const name = nameOf(speech, decision);
  const at = speech.clock(decision.at, now);
  const limit = decision.limit_seconds === null ? null : speech.exactDuration(decision.limit_seconds);
  if (decision.change === 'shutdown_failed') {
    return trans.__('%1 could not be shut down at %2.', name, at);
  }
  switch (decision.reason) {
    case 'asked':
      return trans.__('%1 was shut down at %2: somebody asked for it.', name, at);
    case 'waiting_for_input':
      return limit === null
        ? trans.__('%1 was shut down at %2: it waited for input and nobody answered.', name, at)
        : trans.__(
            '%1 was shut down at %2: it waited for input for %3 and nobody answered.',
            name,
            at,
            limit
          );
    case 'never_connected':
      return trans.__('%1 was shut down at %2: it started and nobody ever used it.', name, at);
    case 'dead':
      return trans.__('%1 was shut down at %2: its process was gone.', name, at);
    case 'busy_too_long':
      return limit === null
        ? trans.__('%1 was shut down at %2: it worked longer than is allowed.', name, at)
        : trans.__('%1 was shut down at %2: it worked longer than the %3 that are allowed.', name, at, limit);
    default:
      return limit === null
        ? trans.__('%1 was shut down at %2: nobody used it.', name, at)
        : trans.__('%1 was shut down at %2: nobody used it for %3.', name, at, limit);
  }
}
