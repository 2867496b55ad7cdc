import type { IDisposable } from '@lumino/disposable';

import { MACHINE } from './targets';

/** Only these are a person's doing; moving a mouse over a page, focus and timers are not. */
const INPUT = ['keydown', 'pointerdown', 'wheel'] as const;

const PERIOD_MS = 60_000;

/** Input on a warned target is told at once, but not for each key of a word. */
const WARNED_PERIOD_MS = 2_000;

export interface IPresenceOptions {
  /** Where to listen. */
  readonly document: Pick<Document, 'addEventListener' | 'removeEventListener'>;
  /** The target of the document an event happened in, or null. */
  targetAt(node: EventTarget | null): string | null;
  /** Is this target warned of? */
  isWarned(targetId: string): boolean;
  /** Tell the server; may reject. */
  report(targetIds: string[]): Promise<void>;
  now?: () => number;
}

/**
 * Tell the server that a person uses a document: the first input at once, then at most once a minute.
 */
export class PresenceReporter implements IDisposable {
  constructor(private readonly _options: IPresenceOptions) {
    for (const type of INPUT) {
      this._options.document.addEventListener(type, this._onInput, { capture: true, passive: true });
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    clearTimeout(this._timer);
    for (const type of INPUT) {
      this._options.document.removeEventListener(type, this._onInput, { capture: true });
    }
  }

  private readonly _onInput = (event: Event): void => {
    if (!event.isTrusted) {
      return; // made by a script
    }
    const target = this._options.targetAt(event.target);
    for (const id of target === null ? [MACHINE] : [target, MACHINE]) {
      this._waiting.add(id);
    }
    this._flush();
  };

  private _flush(): void {
    clearTimeout(this._timer);
    const now = this._now();
    const due: string[] = [];
    let next = Infinity;
    for (const id of this._waiting) {
      const period = this._options.isWarned(id) ? WARNED_PERIOD_MS : PERIOD_MS;
      const dueAt = (this._told.get(id) ?? -Infinity) + period;
      if (dueAt <= now) {
        due.push(id);
      } else {
        next = Math.min(next, dueAt);
      }
    }
    if (due.length > 0) {
      this._send(due, now);
    }
    if (next !== Infinity) {
      this._timer = setTimeout(() => this._flush(), next - now);
    }
  }

  private _send(ids: string[], now: number): void {
    for (const id of ids) {
      this._told.set(id, now);
      this._waiting.delete(id);
    }
    this._options.report(ids).catch(() => {
      // Not heard: the next input is told at once.
      for (const id of ids) {
        if (this._told.get(id) === now) {
          this._told.set(id, now - PERIOD_MS + WARNED_PERIOD_MS);
        }
      }
    });
  }

  private _now(): number {
    return this._options.now?.() ?? Date.now();
  }

  private readonly _told = new Map<string, number>();
  private readonly _waiting = new Set<string>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _isDisposed = false;
}
