import type { Evidence, Holder, Target } from '../../api/generated';
import { titleOf } from './jobs';
import { secondsUntil, type Speech } from './speech';
import { nameOf } from './targets';
import { signalOf, valueOf } from './why';

/** One line of "who keeps this machine on": who, why, until when. */
export interface IHolderWords {
  readonly who: string;
  readonly why: string;
  readonly until: string | null;
}

/** Say who keeps the machine on; `target` is the one it speaks of, if it is there. */
export function holderOf(speech: Speech, holder: Holder, target: Target | null, now: Date): IHolderWords {
  return {
    who: whoOf(speech, holder, target),
    why: whyOf(speech, holder, now),
    until: untilOf(speech, holder, now)
  };
}

function whoOf(
  speech: Speech,
  { target_id: id, name, because, evidence }: Holder,
  target: Target | null
): string {
  const { trans } = speech;
  if (because === 'lease' && id === 'instance') {
    return trans.__('Everything');
  }
  if (id === 'instance') {
    return trans.__('This machine');
  }
  if (target) {
    return nameOf(speech, target);
  }
  if (evidence?.signal === 'job_runs') {
    const [kind = '', ...subject] = name.split(' ');
    return titleOf(speech, { kind, subject: subject.join(' ') });
  }
  if (evidence?.signal === 'part_failed') {
    return partOf(speech, name);
  }
  const kind = id?.split(':')[0];
  return kind === 'terminal' || kind === 'process' ? nameOf(speech, { kind, name }) : name;
}

function partOf({ trans }: Speech, part: string): string {
  switch (part) {
    case 'kernels':
      return trans.__('Kernels');
    case 'terminals':
      return trans.__('Terminals');
    case 'processes':
      return trans.__('Processes');
    default:
      return part;
  }
}

function whyOf(speech: Speech, { because, evidence, name }: Holder, now: Date): string {
  const { trans } = speech;
  switch (because) {
    case 'lease':
      return typeof evidence?.value === 'string' && evidence.value !== ''
        ? trans.__('somebody keeps it: %1', evidence.value)
        : trans.__('somebody keeps it');
    case 'work':
      if (evidence?.signal === 'detached_job' || evidence?.signal === 'job_runs') {
        return trans.__('it works'); // its name stands there already
      }
      return withEvidence(speech, trans.__('it works'), evidence, now);
    case 'unknown':
      return evidence?.signal === 'part_failed'
        ? trans.__('can’t be looked at: %1', String(evidence.value))
        : withEvidence(speech, trans.__('what it does can’t be told'), evidence, now);
    case 'waiting':
      return trans.__('it waits for your answer');
    case 'activity':
      return evidence?.signal === 'shutting_down'
        ? trans.__('it is shutting down')
        : usedOf(speech, evidence, now);
    case 'no_limit':
      return trans.__('no limit is set for it');
    case 'not_stopped_here':
      return trans.__('it can’t be stopped from here');
    case 'off':
      return evidence?.value === 'observe'
        ? trans.__('idle shutdown only watches')
        : trans.__('idle shutdown is off');
    case 'chatter':
      if (evidence?.signal === 'poller' && typeof evidence.value === 'string') {
        return trans.__('asks by itself: %1', evidence.value.replace(`${name}: `, ''));
      }
      return withEvidence(speech, trans.__('no person, no work'), evidence, now);
    default:
      return because;
  }
}

function usedOf(speech: Speech, evidence: Evidence | null, now: Date): string {
  const { trans } = speech;
  const ago = typeof evidence?.value === 'string' ? -secondsUntil(evidence.value, now) : NaN;
  if (Number.isNaN(ago)) {
    return trans.__('used not long ago');
  }
  return ago < 60 ? trans.__('used just now') : trans.__('used %1 ago', speech.duration(ago));
}

function withEvidence(speech: Speech, why: string, evidence: Evidence | null, now: Date): string {
  if (evidence?.value === null) {
    return speech.trans.__('%1 (%2)', why, signalOf(speech, evidence.signal));
  }
  return evidence === null
    ? why
    : speech.trans.__('%1 (%2: %3)', why, signalOf(speech, evidence.signal), valueOf(speech, evidence, now));
}

function untilOf(speech: Speech, { because, until }: Holder, now: Date): string | null {
  const { trans } = speech;
  if (until !== null) {
    return trans.__('until %1', speech.clock(until, now));
  }
  return because === 'work' ? trans.__('until it ends') : null;
}

/** What only seems to keep the machine on, each name once; with the number of further lines of the same name. */
export function chatterOf(holders: readonly Holder[]): { holder: Holder; more: number }[] {
  const found = new Map<string, { holder: Holder; more: number }>();
  for (const holder of holders.filter(({ holds }) => !holds)) {
    const key = `${holder.because} ${holder.target_id ?? holder.name}`;
    const known = found.get(key);
    if (known) {
      known.more += 1;
    } else {
      found.set(key, { holder, more: 0 });
    }
  }
  return [...found.values()];
}
