import type { Decision } from '../../api/generated';
import type { Speech } from './speech';
import { nameOf } from './targets';

/** Say what happened, and why, so that it can be read afterwards. */
export function happenedOf(speech: Speech, decision: Decision, now: Date): string {
  const { trans } = speech;
  const name = nameOf(speech, decision);
  const at = speech.clock(decision.at, now);
  switch (decision.change) {
    case 'shut_down':
      return reasonToldOf(speech, decision, name, at);
    case 'shutdown_failed':
      return trans.__('%1 could not be shut down at %2.', name, at);
    case 'put_off':
      return decision.error === null
        ? trans.__('The shutdown of %1 was put off once at %2: its changes could not be saved.', name, at)
        : trans.__(
            'The shutdown of %1 was put off once at %2: its changes could not be saved (%3).',
            name,
            at,
            decision.error
          );
    case 'unsaved':
      return trans.__('Not all of %1 could be saved at %2: %3', name, at, decision.error ?? '');
    case 'stop_requested':
      return decision.actor === 'user'
        ? trans.__('The machine was asked to stop at %1: somebody wanted it.', at)
        : trans.__('The machine was asked to stop at %1: nobody used it.', at);
    case 'stop_failed':
      return trans.__('The machine could not be stopped at %1: %2', at, decision.error ?? '');
    case 'slept':
      return trans.__('The machine slept until %1; every warning is given anew.', at);
    case 'server_ended':
      return trans.__('The server ended at %1.', at);
    default:
      return trans.__('%1: %2 at %3', name, decision.change, at);
  }
}

function reasonToldOf(speech: Speech, decision: Decision, name: string, at: string): string {
  const { trans } = speech;
  const limit = decision.limit_seconds === null ? null : speech.exactDuration(decision.limit_seconds);
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
