import type { LccError } from '../../api/errors';
import type { Problem } from '../../api/generated';
import type { Speech } from './speech';

/** Say an error by its code; a code of a newer server is told in the server's own words. */
export function errorOf(speech: Speech, error: LccError): string {
  const { trans } = speech;
  switch (error.code) {
    case 'unreachable':
      return trans.__('The server does not answer.');
    case 'server_extension_missing':
      return trans.__('The server part of this panel is not running.');
    case 'unreadable_answer':
      return trans.__('Something other than the server part of this panel answered.');
    case 'too_late':
      return trans.__('Too late: it is already being shut down.');
    case 'not_found':
      return trans.__('It is no longer there.');
    case 'locked':
      return trans.__('Only the administrator can change this.');
    case 'forbidden':
      return trans.__('You are not signed in, or not allowed to do this.');
    case 'outside_failure':
      return trans.__('Jupyter or the machine did not do its part: %1', error.message);
    case 'out_of_bounds':
      return boundsOf(
        speech,
        error.detail['min'],
        error.detail['max'],
        error.detail['never_allowed'] === true
      );
    default:
      return error.message;
  }
}

/** Say what a setting may be. */
export function boundsOf(speech: Speech, min: unknown, max: unknown, neverAllowed: boolean): string {
  const { trans } = speech;
  const least = speech.exactDuration(typeof min === 'number' ? min : 0);
  if (typeof max === 'number') {
    return trans.__('From %1 to %2 is allowed.', least, speech.exactDuration(max));
  }
  return neverAllowed ? trans.__('At least %1, or never.', least) : trans.__('At least %1.', least);
}

/** Say which part of the monitor does not work. */
export function problemOf({ trans }: Speech, problem: Problem): string {
  switch (problem.code) {
    case 'monitor_failed':
      return trans.__('The checks themselves fail, so nothing is shut down.');
    case 'kernels_failed':
      return trans.__('Kernels can’t be looked at, so none is shut down.');
    case 'terminals_failed':
      return trans.__('Terminals can’t be looked at, so none is shut down.');
    case 'processes_failed':
      return trans.__('Processes can’t be looked at, so it can’t be told what works.');
    case 'jobs_failed':
      return trans.__('Jobs on their own can’t be looked at, so none is shut down.');
    case 'elsewhere_failed':
      return trans.__('Other use of this machine can’t be seen: apps, remote editors, ssh.');
    case 'parachute_output_failed':
      return trans.__('Output that arrived while no page was open could not be written down.');
    case 'parachute_shelf_failed':
      return trans.__(
        'What was shut down could not be written down; it is only known until the server ends.'
      );
    case 'decision_log_failed':
      return trans.__('What is decided can’t be written down.');
    case 'state_file_failed':
      return trans.__('What is known can’t be saved: a restart of the server would forget it.');
    case 'corrupt_state_file':
    case 'state_not_readable':
      return trans.__('What was saved earlier could not be read, so the countdowns began anew.');
    default:
      return problem.message;
  }
}
