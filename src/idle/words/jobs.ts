import type { Job } from '../../api/generated';
import type { Speech } from './speech';

/** Say what a job does. */
export function titleOf({ trans }: Speech, { kind, subject }: Pick<Job, 'kind' | 'subject'>): string {
  switch (kind) {
    case 'environment.create':
      return trans.__('Make %1', subject);
    case 'environment.clone':
      return trans.__('Clone to %1', subject);
    case 'environment.change':
      return trans.__('Change %1', subject);
    case 'environment.rollback':
      return trans.__('Roll %1 back', subject);
    case 'environment.rename':
      return trans.__('Rename %1', subject);
    case 'environment.delete':
      return trans.__('Delete %1', subject);
    case 'environment.restore':
      return trans.__('Restore %1', subject);
    case 'environment.purge':
      return subject === 'all' ? trans.__('Empty the trash') : trans.__('Delete %1 for good', subject);
    case 'environment.kernel':
      return trans.__('Register the kernel of %1', subject);
    case 'environment.fix':
      return trans.__('Mend %1', subject);
    case 'environment.sync':
      return trans.__('Sync %1 with its list', subject);
    case 'lists.publish':
      return trans.__('Publish the list %1', subject);
    case 'lists.restore':
      return trans.__('Restore a revision of the list %1', subject);
    case 'lists.bundle':
      return trans.__('Bundle the packages of the list %1', subject);
    case 'lists.solve':
      return trans.__('Choose versions for the list %1', subject);
    case 'package-cache.clean':
      return trans.__('Clean the package cache');
    default:
      return subject === '' ? kind : `${kind}: ${subject}`;
  }
}
