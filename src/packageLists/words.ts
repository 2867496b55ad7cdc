import type {
  Conflicting,
  DriftItem,
  ListDiff,
  ListState,
  Refusal,
  Revision,
  SourceState
} from '../api/generated';
import type { Speech } from '../idle/words';
import type { Kind, ListNameFault } from './names';

/** How grave a mark is. */
export type Grade = 'good' | 'quiet' | 'warn' | 'bad';

/** Say how an environment stands to its list, and how grave that is. */
export function statusWords(
  { trans }: Speech,
  list: Pick<ListState, 'status'>
): { text: string; grade: Grade } {
  switch (list.status) {
    case 'in_sync':
      return { text: trans.__('In sync'), grade: 'good' };
    case 'drifted':
      return { text: trans.__('Drifted: packages were changed here'), grade: 'warn' };
    case 'behind':
      return { text: trans.__('Behind: the list has changed'), grade: 'warn' };
    case 'drifted_and_behind':
      return {
        text: trans.__('Drifted: packages were changed here, and the list has changed'),
        grade: 'warn'
      };
    case 'not_installed':
      return { text: trans.__('Not installed here yet'), grade: 'quiet' };
    case 'syncing':
      return { text: trans.__('Syncing…'), grade: 'quiet' };
    case 'unlocked':
      return {
        text: trans.__('Not locked for this kind of machine: a sync finds versions first'),
        grade: 'warn'
      };
    case 'refused':
      return { text: trans.__('Not allowed by your administrator'), grade: 'bad' };
    case 'invalid':
      return { text: trans.__('The list can’t be read: edit it, or restore a revision'), grade: 'bad' };
    case 'unreachable':
      return { text: trans.__('Source unreachable, and nothing was read of it before'), grade: 'bad' };
  }
}

/** Say where the list is and how new it is, in one line. */
export function summaryWords(speech: Speech, list: ListState): string {
  const { trans } = speech;
  return [
    list.revision === null ? trans.__('no revision') : trans.__('revision %1', list.revision.number),
    ...(list.package_count > 0 ? [trans._n('%1 package', '%1 packages', list.package_count)] : [])
  ].join(' · ');
}

/** Say who published a revision and when. */
export function publishedWords(speech: Speech, revision: Revision, now: Date): string {
  const { trans } = speech;
  const when = speech.clock(revision.at, now);
  return revision.outside
    ? trans.__('%1, written by hand', when)
    : trans.__('%1 by %2', when, revision.author);
}

/** Say what a revision is, beyond its number. */
export function revisionMark({ trans }: Speech, revision: Revision): string | null {
  if (revision.removed) {
    return trans.__('The list was removed.');
  }
  return revision.restored_from === null
    ? null
    : trans.__('It brings revision %1 back.', revision.restored_from);
}

/** Say what happens at server start and every so often. */
export function modeWords({ trans }: Speech, mode: ListState['mode']): string {
  switch (mode) {
    case 'off':
      return trans.__('Only by hand');
    case 'notify':
      return trans.__('Tell me what has changed');
    case 'apply':
      return trans.__('Sync by itself');
  }
}

/** Name a kind of source. */
export function kindWords({ trans }: Speech, kind: SourceState['kind']): string {
  switch (kind) {
    case 'directory':
      return trans.__('Folder');
    case 's3':
      return trans.__('S3');
    case 'git':
      return trans.__('Git checkout');
  }
}

/** Say what belongs into the field of a place. */
export function placeHint({ trans }: Speech, kind: Kind): string {
  switch (kind) {
    case 'directory':
      return trans.__('A folder of the server, also on a file system you share with others.');
    case 's3':
      return trans.__(
        'A bucket and a prefix in it. The server’s own AWS credentials are used; none are stored.'
      );
    case 'git':
      return trans.__('The folder of a checkout on the server. What you publish becomes a commit.');
  }
}

/** Say who changed a package since the last sync, and from what to what. */
export function driftWords({ trans }: Speech, item: DriftItem): string {
  const none = trans.__('not there');
  const synced = item.synced ?? none;
  switch (item.by) {
    case 'here':
      return trans.__('changed here: %1 → %2', synced, item.installed ?? none);
    case 'list':
      return trans.__('changed in the list: %1 → %2', synced, item.wanted ?? none);
    case 'both':
      return trans.__(
        'changed here: %1 → %2, and in the list: → %3',
        synced,
        item.installed ?? none,
        item.wanted ?? none
      );
  }
}

/** Say what is refused and by which rule. */
export function refusalWords({ trans }: Speech, refusal: Refusal): string {
  return trans.__('%1 (rule: %2)', refusal.message, refusal.rule);
}

/** What a plan says besides what its own fields say already. */
export function notesOf({ notes, from_copy, solved_here }: ListDiff): string[] {
  return notes.filter(
    note =>
      !(from_copy && note.startsWith('The source does not answer')) &&
      !(solved_here && note.includes('It was solved here'))
  );
}

/** Name the part of a list two people changed. */
export function conflictWords({ trans }: Speech, { section, name }: Conflicting): string {
  switch (section) {
    case 'conda':
      return trans.__('Package %1', name);
    case 'pip':
      return trans.__('Package %1 from pip', name);
    case 'channels':
      return trans.__('Channels');
    case 'platforms':
      return trans.__('Platforms');
    case 'variables':
      return trans.__('Variable %1', name);
    case 'name':
      return trans.__('Name in the file');
  }
}

/** Say why a list can't be called so. */
export function nameFaultWords({ trans }: Speech, fault: ListNameFault, name: string): string {
  switch (fault) {
    case 'empty':
      return trans.__('It needs a name.');
    case 'too_long':
      return trans.__('A name has at most 64 characters.');
    case 'characters':
      return trans.__('A name has letters a–z, digits, and _ - + . only.');
    case 'taken':
      return trans.__('There is a list %1 already.', name);
  }
}
