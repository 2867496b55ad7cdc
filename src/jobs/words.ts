import { LccError } from '../api/errors';
import type { Job } from '../api/generated';
import { errorOf, type Speech } from '../idle/words';

export { titleOf } from '../idle/words/jobs';

/** Say that a job did what it should. */
export function doneOf({ trans }: Speech, { kind, subject }: Job): string {
  switch (kind) {
    case 'environment.create':
    case 'environment.clone':
      return trans.__('%1 is ready.', subject);
    case 'environment.change':
      return trans.__('%1 was changed.', subject);
    case 'environment.rollback':
      return trans.__('%1 was rolled back.', subject);
    case 'environment.rename':
      return trans.__('%1 was renamed.', subject);
    case 'environment.delete':
      return trans.__('%1 is in the trash.', subject);
    case 'environment.restore':
      return trans.__('%1 is back.', subject);
    case 'environment.purge':
      return subject === 'all'
        ? trans.__('The trash is empty.')
        : trans.__('%1 was deleted for good.', subject);
    case 'environment.kernel':
      return trans.__('The kernel of %1 is registered.', subject);
    case 'environment.fix':
      return trans.__('%1 was mended.', subject);
    case 'environment.sync':
      return trans.__('%1 equals its list.', subject);
    case 'lists.publish':
      return trans.__('The list %1 is published.', subject);
    case 'lists.restore':
      return trans.__('The revision of the list %1 is back, as a new one.', subject);
    case 'lists.bundle':
      return trans.__('The packages of the list %1 are in its source.', subject);
    case 'lists.solve':
      return trans.__('Versions for the list %1 are chosen; nothing was changed yet.', subject);
    case 'package-cache.clean':
      return trans.__('The package cache was cleaned.');
    default:
      return trans.__('Done: %1', subject === '' ? kind : `${kind}: ${subject}`);
  }
}

/** Say how a job stands. */
export function stateOf(speech: Speech, job: Job): string {
  const { trans } = speech;
  if (job.cancelling && (job.state === 'queued' || job.state === 'running')) {
    return trans.__('Ending…');
  }
  switch (job.state) {
    case 'queued':
      return trans.__('Waits for its turn');
    case 'running':
      return progressOf(speech, job) ?? trans.__('Running');
    case 'succeeded':
      return trans.__('Done');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled: nothing was changed');
    case 'interrupted':
      return trans.__(
        'Interrupted: the server ended before it was done. Nothing was changed; you can ask again.'
      );
  }
}

/** Say why a job failed; null if it didn't. */
export function failureOf(speech: Speech, { error }: Job): string | null {
  return error && errorOf(speech, new LccError(error.code, error.message, error.detail));
}

/** Say how far a job is; null where nothing is known. */
export function progressOf(speech: Speech, { progress }: Job): string | null {
  if (!progress) {
    return null;
  }
  const { trans } = speech;
  const { done, total, unit, label } = progress;
  const step = stepOf(speech, label);
  if (total === null) {
    return step === '' ? null : step;
  }
  const amount =
    unit === 'bytes'
      ? trans.__('%1 of %2', speech.bytes(done), speech.bytes(total))
      : unit === 'packages'
        ? trans.__('%1 of %2 packages', done, total)
        : trans.__('step %1 of %2', Math.min(done + 1, total), total);
  return step === '' ? amount : trans.__('%1 – %2', step, amount);
}

/** Say a step by its code; a package's name, or the step of a newer server, stands for itself. */
export function stepOf({ trans }: Speech, label: string): string {
  switch (label) {
    case 'wait':
      return trans.__('Waiting for another change');
    case 'read':
      return trans.__('Reading');
    case 'solve':
      return trans.__('Finding versions that fit');
    case 'download':
      return trans.__('Downloading');
    case 'link':
      return trans.__('Installing');
    case 'unlink':
      return trans.__('Removing packages');
    case 'pip':
      return trans.__('Installing pip packages');
    case 'copy':
      return trans.__('Copying');
    case 'check':
      return trans.__('Checking');
    case 'publish':
      return trans.__('Putting it in place');
    case 'kernel':
      return trans.__('Registering the kernel');
    case 'remove':
      return trans.__('Deleting files');
    default:
      return label;
  }
}
