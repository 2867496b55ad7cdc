import type { Job } from '../api/generated';

/** Is it over? */
export function isOver({ state }: Job): boolean {
  return state !== 'queued' && state !== 'running';
}

/** How much is done, from 0 to 1; null where it isn't known. */
export function fractionOf({ progress, state }: Job): number | null {
  if (state === 'succeeded') {
    return 1;
  }
  if (!progress || progress.total === null || progress.total <= 0) {
    return null;
  }
  return Math.min(1, Math.max(0, progress.done / progress.total));
}

/** The kernel a job registered, if it did. */
export function kernelOf({ result }: Job): { spec_name: string; display_name: string } | null {
  const kernel = result?.['kernel'];
  if (typeof kernel !== 'object' || kernel === null) {
    return null;
  }
  const { spec_name, display_name } = kernel as Record<string, unknown>;
  if (typeof spec_name !== 'string') {
    return null;
  }
  return { spec_name, display_name: typeof display_name === 'string' ? display_name : spec_name };
}

/** Did somebody else publish a list first? Then both sides are in the error's detail. */
export function isLostRace({ kind, error }: Pick<Job, 'kind' | 'error'>): boolean {
  return kind.startsWith('lists.') && error?.code === 'lost_race' && typeof error.detail['text'] === 'string';
}
