import type { LccError } from '../api/errors';
import type { MergedList } from '../api/generated';

/** Read both sides out of a problem's detail; null where they can't be joined. */
export function bothOf(detail: LccError['detail']): MergedList | null {
  const { text, mine, theirs, etag, revision } = detail;
  const whole =
    [text, mine, theirs, etag].every(each => typeof each === 'string') &&
    typeof revision === 'object' &&
    revision !== null;
  if (!whole) {
    return null;
  }
  const { base, conflicts } = detail;
  return {
    ...(detail as unknown as MergedList),
    base: typeof base === 'string' ? base : '',
    conflicts: Array.isArray(conflicts) ? (conflicts as MergedList['conflicts']) : []
  };
}
