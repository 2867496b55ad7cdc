import type { ISavable } from './documents';

/** Saving a second time so shortly before a shutdown catches what changed since the warning. */
const SECONDS_BEFORE_STOP = 2;

/** Saves the unsaved documents of what is about to be shut down. */
export class WorkSaver {
  constructor(
    private readonly _unsaved: (targetId: string) => ISavable[],
    private readonly _failureChanged: () => void
  ) {}

  /** Say that a target is warned, and how long it has; to be called again while it is. */
  guard(targetId: string, secondsLeft: number): void {
    const done = this._done.get(targetId);
    if (done === undefined) {
      this._done.set(targetId, 'once');
      void this._save(targetId);
    } else if (done === 'once' && secondsLeft <= SECONDS_BEFORE_STOP) {
      this._done.set(targetId, 'twice');
      void this._save(targetId);
    }
  }

  /** A target is no longer warned. */
  release(targetId: string): void {
    this._done.delete(targetId);
    this._failed.delete(targetId);
  }

  /** The path of a document that could not be saved, or null. */
  failureOf(targetId: string): string | null {
    return this._failed.get(targetId) ?? null;
  }

  private async _save(targetId: string): Promise<void> {
    const before = this.failureOf(targetId);
    let failed: string | null = null;
    for (const document of this._unsaved(targetId)) {
      try {
        await document.save();
      } catch {
        failed = document.path;
        continue;
      }
      if (document.model?.dirty) {
        failed = document.path; // saving was refused in a dialog
      }
    }
    if (!this._done.has(targetId)) {
      return;
    }
    if (failed === null) {
      this._failed.delete(targetId);
    } else {
      this._failed.set(targetId, failed);
    }
    if (failed !== before) {
      this._failureChanged();
    }
  }

  private readonly _done = new Map<string, 'once' | 'twice'>();
  private readonly _failed = new Map<string, string>();
}
