import type { LccError } from '../api/errors';
import type { ChangePolicy, DurationSetting, IdleView, Policy } from '../api/generated';

/** The limits a person chooses in the panel, in the order they are shown. */
export const FIELDS = [
  'kernel_timeout_seconds',
  'terminal_timeout_seconds',
  'waiting_timeout_seconds',
  'instance_timeout_seconds',
  'warn_seconds'
] as const;

export type Field = (typeof FIELDS)[number];

export const UNITS = { s: 1, min: 60, h: 3600 } as const;
export type Unit = keyof typeof UNITS;

/** What stands in one row of the form. */
export interface IDraft {
  readonly amount: string;
  readonly unit: Unit;
  readonly never: boolean;
}

export type Drafts = Readonly<Record<Field, IDraft>>;

/** Why a row can't be taken: not a number at all, or the server's refusal. */
export type Refusal = 'not_a_number' | LccError;

/** Fill the form from the policy in force. */
export function draftsOf(policy: Policy): Drafts {
  return {
    kernel_timeout_seconds: draftOf(policy.kernel_timeout_seconds),
    terminal_timeout_seconds: draftOf(policy.terminal_timeout_seconds),
    waiting_timeout_seconds: draftOf(policy.waiting_timeout_seconds),
    instance_timeout_seconds: draftOf(policy.instance_timeout_seconds),
    warn_seconds: draftOf(policy.warn_seconds)
  };
}

/** The limits that can do anything here: the machine's own only where it can be stopped. */
export function fieldsOf({ machine }: IdleView): readonly Field[] {
  return FIELDS.filter(field => field !== 'instance_timeout_seconds' || machine.stop.available);
}

/** May a person choose "never"? Only a limit, and only where the administrator set no upper bound. */
export function mayBeNever(field: Field, setting: DurationSetting): boolean {
  return field !== 'warn_seconds' && setting.max === null;
}

/** The seconds a row stands for; null if it isn't a number. */
export function secondsOf(draft: IDraft): number | null {
  if (draft.never) {
    return 0;
  }
  const amount = draft.amount.trim() === '' ? NaN : Number(draft.amount.trim().replace(',', '.'));
  return Number.isFinite(amount) && amount >= 0 ? Math.round(amount * UNITS[draft.unit]) : null;
}

/** What to ask the server for: the rows a person changed, and no others. */
export function changesOf(
  drafts: Drafts,
  policy: Policy
): { changes: ChangePolicy; refused: Partial<Record<Field, Refusal>> } {
  const changes: ChangePolicy = {};
  const refused: Partial<Record<Field, Refusal>> = {};
  for (const field of FIELDS) {
    if (policy[field].locked) {
      continue;
    }
    const seconds = secondsOf(drafts[field]);
    if (seconds === null) {
      refused[field] = 'not_a_number';
    } else if (seconds !== policy[field].value) {
      changes[field] = seconds;
    }
  }
  return { changes, refused };
}

/** Ask for the defaults back, where a person chose something else; null if nowhere. */
export function resetOf(policy: Policy): ChangePolicy | null {
  const changes: ChangePolicy = {};
  for (const field of FIELDS) {
    if (policy[field].source === 'user') {
      changes[field] = null;
    }
  }
  return Object.keys(changes).length > 0 ? changes : null;
}

/** The row an error speaks of, or null. */
export function fieldOf(error: LccError): Field | null {
  return FIELDS.find(field => field === error.detail['field']) ?? null;
}

function draftOf({ value }: DurationSetting): IDraft {
  const unit: Unit = value !== 0 && value % UNITS.h === 0 ? 'h' : value % UNITS.min === 0 ? 'min' : 's';
  return { amount: value === 0 ? '' : String(value / UNITS[unit]), unit, never: value === 0 };
}
