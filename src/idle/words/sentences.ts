import type { Sentence } from '../../api/generated';
import type { Speech } from './speech';

/**
 * Say a sentence of the server by its code; one of a newer server, or without a code, in the server's own English.
 * What others said (AWS, the hub, a command, a disk) goes in as they said it.
 */
export function sentenceOf(speech: Speech, sentence: Sentence | null | undefined, english: string): string {
  return saidOf(speech, sentence) ?? english;
}

function saidOf(speech: Speech, sentence: Sentence | null | undefined): string | null {
  if (!sentence) {
    return null;
  }
  return wayOf(speech, sentence) ?? refusalOf(speech, sentence) ?? lossReasonOf(speech, sentence);
}

/** Why the machine can't be stopped from here, or who stops it instead. */
function wayOf({ trans }: Speech, { code, detail }: Sentence): string | null {
  switch (code) {
    case 'configured_off':
      return trans.__('The administrator configured that the machine is not stopped (LccIdle.stop_machine).');
    case 'way_unknown':
      return trans.__(
        'Nothing says how this machine is stopped; an administrator can configure it (LccIdle.stop_machine or LccIdle.stop_command).'
      );
    case 'metadata_incomplete':
      return trans.__('SageMaker’s metadata file lacks %1.', word(detail, 'missing'));
    case 'hub_gave_no_token':
      return trans.__('The hub gave this server no token (JUPYTERHUB_API_TOKEN).');
    case 'left_to_native':
      return trans.__(
        '%1 is not allowed here, so the machine is left to Studio’s own idle shutdown: it stops the app when its own idle time, counted from the last activity, is over.',
        word(detail, 'missing')
      );
    default:
      return null;
  }
}

/** Why a try to stop the machine failed. */
function refusalOf(speech: Speech, { code, detail }: Sentence): string | null {
  const { trans } = speech;
  switch (code) {
    case 'permission_missing':
      return trans.__(
        'Permission missing: the role of this machine needs %1 on %2.',
        word(detail, 'action'),
        word(detail, 'resource')
      );
    case 'request_failed':
      return trans.__('%1 failed: %2', word(detail, 'action'), word(detail, 'error'));
    case 'hub_scope_missing':
      return trans.__(
        'Permission missing: the token the hub gave this server needs the scope %1.',
        word(detail, 'scope')
      );
    case 'hub_refused':
      return trans.__('The hub answered %1.', word(detail, 'answer'));
    case 'hub_unreachable':
      return trans.__('The hub can’t be reached: %1.', word(detail, 'error'));
    case 'command_not_run':
      return trans.__('The command %1 can’t be run: %2.', word(detail, 'command'), word(detail, 'error'));
    case 'command_too_slow':
      return trans.__(
        'The command %1 did not end within %2.',
        word(detail, 'command'),
        speech.exactDuration(Number(word(detail, 'seconds')))
      );
    case 'command_failed':
      return trans.__(
        'The command %1 ended with %2: %3',
        word(detail, 'command'),
        word(detail, 'status'),
        word(detail, 'error')
      );
    case 'no_answer':
      return trans.__(
        'There was no answer within %1.',
        speech.exactDuration(Number(word(detail, 'seconds')))
      );
    case 'still_running':
      return trans.__(
        'The stop of the machine was asked for at %1, and it still runs.',
        speech.clock(word(detail, 'requested_at'), new Date())
      );
    default:
      return null;
  }
}

/** Why the variables of a kernel aren't listed, or why a document counts as not saved. */
function lossReasonOf({ trans }: Speech, { code, detail }: Sentence): string | null {
  switch (code) {
    case 'kernel_silent':
      return trans.__('The kernel did not answer in time.');
    case 'kernel_answered':
      return trans.__('The kernel answered: %1.', word(detail, 'answer'));
    case 'not_listed':
      return trans.__('The variables could not be listed: %1', word(detail, 'error'));
    case 'no_time':
      return trans.__('There was no time to list the variables.');
    case 'too_many':
      return trans.__('There are too many; these are the largest %1 that were seen.', word(detail, 'count'));
    case 'page_silent':
      return trans.__('A page is connected to its kernel and did not say whether it is saved.');
    default:
      return null;
  }
}

function word(detail: Sentence['detail'], name: string): string {
  return detail[name] ?? '?';
}
