import type { LccError } from '../api/errors';
import { problemWords as environmentProblem } from '../environments/words';
import type { Speech } from '../idle/words';

/** Say a problem with package lists. */
export function problemWords(speech: Speech, error: LccError): string {
  const { trans } = speech;
  switch (error.code) {
    case 'not_reachable':
      return trans.__('The source does not answer: %1', error.message);
    case 'not_permitted':
    case 'unsafe':
    case 'lost_race':
    case 'not_found':
    case 'forbidden':
    case 'outside_failure':
      return error.message;
    default:
      return environmentProblem(speech, error);
  }
}
