import type { Conflicting, DriftItem, ListState, Refusal, Revision, SourceState } from '../api/generated';
import type { Speech } from '../idle/words';
import type { Kind, ListNameFault } from './names';

/** How grave a mark is. */
export type Grade = 'good' | 'quiet' | 'warn' | 'bad';

/** Say how an environment stands to its list, and how grave that is. */
export function statusWords(
  { trans }: Speech,
  list: Pick<ListState, 'status' | 'changed'>
): { text: string; grade: Grade } {
  switch (list.status) {
    case 'in_sync':
      return { text: trans.__('In sync'), grade: 'good' };
    case 'drifted':
      // Without a sync before, nobody knows who changed what.
      return {
        text: list.changed.known
          ? trans.__('Drifted: packages were changed here')
          : trans.__('Drifted: it has other packages than the list'),
        grade: 'warn'
      };
    case 'behind':
      return { text: trans.__('Behind: the list has changed'), grade: 'warn' };
    case 'drifted_and_behind':
      return {
        text: trans.__('Drifted and behind: packages were changed here, and the list has changed'),
        grade: 'warn'
      };
    case 'not_installed':
      return { text: trans.__('Not installed here yet'), grade: 'quiet' };
    case 'syncing':
      return { text: trans.__('Syncing…'), grade: 'quiet' };
    case 'unlocked':
      return {
        text: trans.__('No lock for this kind of machine: a sync chooses the versions'),
        grade: 'warn'
      };
    case 'refused':
      return { text: trans.__('Not allowed by your administrator'), grade: 'bad' };
    case 'invalid':
      return { text: trans.__('The list can’t be read: edit it, or restore a revision'), grade: 'bad' };
    case 'unreachable':
      return { text: trans.__('Source unreachable, and the list was never read before'), grade: 'bad' };
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
      return trans.__('Nothing: I sync by hand');
    case 'notify':
      return trans.__('Tell me what has changed');
    case 'apply':
      return trans.__('Sync without asking');
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
export function driftWords(speech: Speech, item: DriftItem): string {
  const { trans } = speech;
  const { synced, installed, wanted } = item;
  switch (item.by) {
    case 'here':
      return synced === null
        ? trans.__('installed here: %1', versionOf(installed))
        : installed === null
          ? trans.__('removed here, was %1', versionOf(synced))
          : trans.__('changed here: %1', stepWords(speech, item.manager, synced, installed));
    case 'list':
      return synced === null
        ? trans.__('new in the list: %1', versionOf(wanted))
        : wanted === null
          ? trans.__('removed from the list, was %1', versionOf(synced))
          : trans.__('changed in the list: %1', stepWords(speech, item.manager, synced, wanted));
    case 'both':
      return trans.__(
        'changed here: %1; in the list: %2',
        stepWords(speech, item.manager, synced, installed),
        stepWords(speech, item.manager, synced, wanted)
      );
  }
}

function stepWords(
  { trans }: Speech,
  manager: DriftItem['manager'],
  from: string | null,
  to: string | null
): string {
  const none = trans.__('not there');
  const version = versionOf(to);
  if (to === null || version !== versionOf(from)) {
    return `${from === null ? none : versionOf(from)} → ${to === null ? none : version}`;
  }
  return manager === 'conda'
    ? trans.__('%1, another build', version)
    : trans.__('%1, installed in another way', version);
}

/** The version alone: behind it comes conda's build, which says nothing to most. */
function versionOf(text: string | null): string {
  return text?.split(' ')[0] ?? '';
}

/** Say what is refused and by which rule. */
export function refusalWords(
  { trans }: Speech,
  { message, rule }: Pick<Refusal, 'message' | 'rule'>
): string {
  return message.includes(rule) ? message : trans.__('%1 (rule: %2)', message, rule);
}

/** Say all that is refused, each once: what a list asks for is in its lock as well. */
export function refusalsOf(speech: Speech, refused: readonly Refusal[]): string[] {
  return [...new Set(refused.map(refusal => refusalWords(speech, refusal)))];
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
      return trans.__('A name has letters, digits and _ . + - only, and begins with a letter, a digit or _.');
    case 'taken':
      return trans.__('There is a list %1 already.', name);
  }
}
