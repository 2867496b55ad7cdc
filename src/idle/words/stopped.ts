import type { Manifest, Stopped, StoppedDocument, Variable } from '../../api/generated';
import { sentenceOf } from './sentences';
import type { Speech } from './speech';
import { nameOf } from './targets';
import { limitSourceOf } from './why';

/** Say what was shut down: the names of its documents, or its own. */
export function stoppedNameOf(speech: Speech, stopped: Stopped): string {
  const [first, ...others] = stopped.documents;
  if (stopped.kind !== 'kernel' || !first) {
    return nameOf(speech, stopped);
  }
  const name = baseOf(first.path);
  return others.length === 0
    ? name
    : speech.trans._n('%2 and %1 more', '%2 and %1 more', others.length, name);
}

/** Say when and why, e.g. "Stopped 19:05, idle 60 min (limit 60 min, rule “gpu machines”)." */
export function stoppedBecause(speech: Speech, stopped: Stopped, now: Date): string {
  const { trans } = speech;
  const at = speech.clock(stopped.stopped_at, now);
  const why = whyStoppedOf(speech, stopped);
  const { limit_seconds: limit, limit_source: source } = stopped;
  if (limit === null || source === null || stopped.reason === 'asked') {
    return trans.__('Stopped %1: %2.', at, why);
  }
  return trans.__(
    'Stopped %1: %2 (limit %3, %4).',
    at,
    why,
    speech.exactDuration(limit),
    limitSourceOf(speech, source, stopped.limit_rule)
  );
}

function whyStoppedOf(speech: Speech, { reason, idle_seconds: idle }: Stopped): string {
  const { trans } = speech;
  switch (reason) {
    case 'idle':
      return idle === null ? trans.__('idle') : trans.__('idle for %1', speech.duration(idle));
    case 'waiting_for_input':
      return idle === null
        ? trans.__('waited for input')
        : trans.__('waited for input for %1', speech.duration(idle));
    case 'never_connected':
      return trans.__('started and never used');
    case 'dead':
      return trans.__('its process was gone');
    case 'busy_too_long':
      return trans.__('worked longer than is allowed');
    case 'asked':
      return trans.__('somebody asked for it');
    default:
      return reason;
  }
}

/** Say what became of a document; null where there is nothing to say. */
export function savedOf(speech: Speech, document: StoppedDocument): string | null {
  const { trans } = speech;
  const name = baseOf(document.path);
  const message =
    document.message === null ? null : sentenceOf(speech, document.message_sentence, document.message);
  switch (document.result) {
    case 'saved':
      return message === null ? trans.__('%1 is saved.', name) : trans.__('%1 is saved. %2', name, message);
    case 'unchanged':
      return message === null
        ? trans.__('%1 had no unsaved changes.', name)
        : trans.__('%1 had no unsaved changes. %2', name, message);
    case 'failed':
      return message === null
        ? trans.__('%1 could not be saved.', name)
        : trans.__('%1 could not be saved: %2', name, message);
    case 'no_page':
      return message === null
        ? trans.__('%1 was open nowhere, so nothing was unsaved.', name)
        : trans.__('%1 was open nowhere, so nothing was unsaved. %2', name, message);
    default:
      return message;
  }
}

/** Say how much was lost from memory, e.g. "3 variables, 2.1 GB"; null if that isn't known. */
export function lossOf(speech: Speech, { manifest }: Stopped): string | null {
  const { trans } = speech;
  if (manifest === null || manifest.variables.length === 0) {
    return manifest === null ? null : whyIncompleteOf(speech, manifest);
  }
  const count = manifest.variables.length;
  const bytes = manifest.variables.reduce((sum, { size_bytes: size }) => sum + (size ?? 0), 0);
  const size = manifest.variables.some(variable => variable.size_bytes !== null) ? speech.bytes(bytes) : null;
  const told =
    size === null
      ? trans._n('Lost from memory: %1 variable', 'Lost from memory: %1 variables', count)
      : trans._n('Lost from memory: %1 variable, %2', 'Lost from memory: %1 variables, %2', count, size);
  return manifest.complete ? told : trans.__('%1 (not all of them)', told);
}

/** Say why not all variables are listed; null if they are, or nobody knows. */
export function whyIncompleteOf(speech: Speech, manifest: Manifest): string | null {
  return manifest.why_not === null ? null : sentenceOf(speech, manifest.why_not_sentence, manifest.why_not);
}

/** Say the size of a variable, e.g. "2.1 GB" or "1000 x 12"; both where both are known. */
export function sizeOf(speech: Speech, { size_bytes: size, summary }: Variable): string {
  return [size === null ? null : speech.bytes(size), summary].filter(Boolean).join(' · ') || '–';
}

/** Say how many shutdowns nobody has read about yet. */
export function unseenOf(
  { trans }: Speech,
  unseen: readonly Stopped[],
  named: (stopped: Stopped) => string
): string {
  const [first] = unseen;
  if (!first) {
    return '';
  }
  return unseen.length === 1
    ? trans.__('%1 was shut down while you were away.', named(first))
    : trans._n(
        '%2 and %1 other were shut down while you were away.',
        '%2 and %1 others were shut down while you were away.',
        unseen.length - 1,
        named(first)
      );
}

function baseOf(path: string): string {
  return path.split('/').pop() || path;
}
