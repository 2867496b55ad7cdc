/** The id of the machine as a target; a lease on it keeps everything. */
export const MACHINE = 'instance';

export const HOUR_SECONDS = 3600;

/** Times a person may keep something for, as far as the policy allows: the longest stands for longer ones. */
export function keepChoices(wanted: readonly number[], longest: number): number[] {
  return [...new Set(wanted.map(seconds => Math.min(seconds, longest)))].sort((a, b) => a - b);
}
