import type { Gpu, IdleView, Target } from '../../api/generated';
import { secondsUntil, type Speech } from './speech';

/** Say what a target is called: its notebook, its terminal, or what runs without a notebook. */
export function nameOf({ trans }: Speech, target: Pick<Target, 'kind' | 'name'> & Partial<Target>): string {
  switch (target.kind) {
    case 'instance':
      return trans.__('This machine');
    case 'terminal':
      return trans.__('Terminal %1', target.name);
    case 'process':
      return trans.__('Job %1', target.name);
    case 'kernel':
      if (target.sessions && target.sessions.length === 0) {
        return trans.__('%1 (no notebook)', target.name);
      }
      return target.sessions?.[0]?.name || target.name;
    default:
      return target.name;
  }
}

/** Say which other documents share a kernel, or null. */
export function othersOf({ trans }: Speech, target: Target): string | null {
  const others = target.sessions.length - 1;
  return others > 0 ? trans._n('and %1 more', 'and %1 more', others) : null;
}

/** Count how long nobody used a target, on from when the answer was taken. */
export function idleSeconds(target: Target, ageSeconds: number): number | null {
  return target.idle_seconds === null ? null : target.idle_seconds + Math.floor(ageSeconds);
}

/** Say what a target does. */
export function stateOf(speech: Speech, target: Target, ageSeconds: number): string {
  const { trans } = speech;
  const idle = idleSeconds(target, ageSeconds);
  switch (target.state) {
    case 'working':
      return worksInBackground(target) ? trans.__('Working in the background') : trans.__('Working');
    case 'waiting':
      return idle === null
        ? trans.__('Waiting for you')
        : trans.__('Waiting for you for %1', speech.duration(idle));
    case 'idle':
      return idle === null ? trans.__('Idle') : trans.__('Idle for %1', speech.duration(idle));
    case 'starting':
      return trans.__('Starting');
    case 'dead':
      return trans.__('Dead');
    case 'unknown':
      return trans.__('Unknown');
    default:
      return target.state;
  }
}

/** Signs that processes work, other than the kernel's own word. */
const PROCESS_SIGNS = ['cpu_percent', 'io_bytes_per_second', 'gpu_percent', 'gpu_device_percent'];

/** Has its cell returned, and its processes go on? */
export function worksInBackground({ kind, state, evidence }: Target): boolean {
  const says = evidence.find(({ signal }) => signal === 'execution_state');
  return (
    kind === 'kernel' &&
    state === 'working' &&
    says?.means !== 'work' &&
    evidence.some(({ signal, means }) => means === 'work' && PROCESS_SIGNS.includes(signal))
  );
}

/** The process that works most, for what works in the background; null if it isn't known. */
export function busiestOf(target: Target): string | null {
  const value = target.evidence.find(({ signal }) => signal === 'busiest_process')?.value;
  return worksInBackground(target) && typeof value === 'string' ? value : null;
}

/** What its processes move a second, where that is why it counts as work; else null. */
export function trafficOf({ evidence }: Target): number | null {
  const sign = evidence.find(({ signal }) => signal === 'io_bytes_per_second');
  return sign?.means === 'work' && typeof sign.value === 'number' ? sign.value : null;
}

/** The most any GPU is used by it, in percent; null if it uses none. */
export function gpuPercentOf({ gpu }: Target): number | null {
  const used = gpu.map(each => each.utilisation_percent ?? 0);
  return used.length > 0 && Math.max(...used) > 0 ? Math.max(...used) : null;
}

/** Say how a target uses a GPU, e.g. "A10G 93% · 4.1 GB". */
export function gpuOf(speech: Speech, gpu: Gpu): { text: string; title: string } {
  const { trans } = speech;
  const name = gpu.name.replace(/^(NVIDIA|Tesla|GeForce|\s)+/i, '') || gpu.name;
  const parts = [
    gpu.utilisation_percent === null
      ? name
      : trans.__('%1 %2%', name, speech.number(gpu.utilisation_percent, 0))
  ];
  if (gpu.memory_bytes !== null) {
    parts.push(speech.bytes(gpu.memory_bytes));
  }
  if (gpu.whole_device) {
    parts.push(trans.__('whole device'));
  }
  const title = gpu.whole_device
    ? trans.__(
        'GPU %1: %2. Its processes can’t be told apart here, so these are the device’s numbers.',
        gpu.index,
        gpu.name
      )
    : trans.__('GPU %1: %2', gpu.index, gpu.name);
  return { text: parts.join(' · '), title };
}

/** Say what will happen to a target, and when. */
export function fateOf(speech: Speech, target: Target, mode: IdleView['mode'], now: Date): string {
  const { trans } = speech;
  if (target.shutting_down) {
    return trans.__('shutting down…');
  }
  if (mode === 'off') {
    return trans.__('not shut down: idle shutdown is off');
  }
  if (target.lease) {
    const until = speech.clock(target.lease.expires_at, now);
    return target.lease.note
      ? trans.__('kept until %1 – %2', until, target.lease.note)
      : trans.__('kept until %1', until);
  }
  if (target.stops_at !== null) {
    const at = speech.clock(target.stops_at, now);
    if (mode === 'observe') {
      return trans.__('would stop %1', at);
    }
    if (target.verdict === 'warn') {
      return trans.__('stops %1, in %2', at, speech.countdown(secondsUntil(target.stops_at, now)));
    }
    return target.state === 'working'
      ? trans.__('stops %1 even if it still works', at)
      : trans.__('stops %1', at);
  }
  return foreverOf(speech, target);
}

function foreverOf({ trans }: Speech, target: Target): string {
  switch (target.reason) {
    case 'working':
      return trans.__('not stopped while it works');
    case 'unknown_state':
      return trans.__('not stopped: what it does can’t be told');
    case 'not_stopped_here':
      return trans.__('not stopped from here');
    case 'targets_first':
      return trans.__('stops last');
    default:
      return trans.__('never stopped: no limit');
  }
}
