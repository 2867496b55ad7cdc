import type { ProblemBody } from './generated';

/**
 * Codes this side adds to those of the server's problem bodies.
 *
 * - `unreachable`: nothing answered;
 * - `server_extension_missing`: a server answered, but nobody there knows `lcc/`;
 * - `unreadable_answer`: what came was not JSON.
 */
export type ClientCode = 'unreachable' | 'server_extension_missing' | 'unreadable_answer';

/**
 * What went wrong, with the stable code a person's words are chosen by.
 */
export class LccError extends Error {
  constructor(
    readonly code: ProblemBody['code'],
    message: ProblemBody['message'],
    readonly detail: ProblemBody['detail'] = {},
    readonly status: number | null = null
  ) {
    super(message);
    this.name = 'LccError';
  }
}

/**
 * Give any thrown thing the shape of an `LccError`.
 */
export function asLccError(reason: unknown): LccError {
  if (reason instanceof LccError) {
    return reason;
  }
  return new LccError('internal', reason instanceof Error ? reason.message : String(reason));
}
