import type { SaveReport } from '../api/generated';
import { localPathOf, type ISavable } from './documents';

/** Saving a second time so shortly before a shutdown catches what changed since, if the server didn't ask. */
const SECONDS_BEFORE_STOP = 2;

/** A save that takes longer than this, or waits for an answer in a dialog, isn't waited for. */
const PATIENCE_MS = 5000;

export interface IWorkSaverOptions {
  /** The documents of a target that are open in this page, saved or not. */
  documentsOf(targetId: string): ISavable[];
  /** Tell the server what became of a document; may reject. */
  report(report: SaveReport): Promise<void>;
  /** What can't be saved is another one now. */
  failureChanged(): void;
  /** Why a document can't be saved, in words. */
  words: { readonly readOnly: string; readonly tooLong: string };
}

interface IOutcome {
  readonly path: string;
  readonly result: SaveReport['result'];
  readonly message: string | null;
}

/**
 * Saves the open documents of what is about to be shut down, and tells the server how that went: at the warning,
 * when the server asks for it, and else at the very last.
 */
export class WorkSaver {
  constructor(private readonly _options: IWorkSaverOptions) {}

  /** Say that a target is warned, and how long it has; to be called again while it is. */
  guard(targetId: string, secondsLeft: number): void {
    const done = this._done.get(targetId);
    if (done === undefined) {
      this._done.set(targetId, 'once');
      void this.save(targetId);
    } else if (done === 'once' && secondsLeft <= SECONDS_BEFORE_STOP) {
      this._done.set(targetId, 'asked');
      void this.save(targetId);
    }
  }

  /** The server asks to save now; it says so shortly before a shutdown. */
  asked(targetId: string): Promise<void> {
    if (this._done.has(targetId)) {
      this._done.set(targetId, 'asked');
    }
    return this.save(targetId);
  }

  /** A target is no longer warned. */
  release(targetId: string): void {
    this._done.delete(targetId);
    this._failed.delete(targetId);
    this._saved.delete(targetId);
  }

  /** The path of a document that could not be saved, or null. */
  failureOf(targetId: string): string | null {
    return this._failed.get(targetId) ?? null;
  }

  /** Save every document of a target, all at once, and report each. Never rejects. */
  async save(targetId: string): Promise<void> {
    const before = this.failureOf(targetId);
    const outcomes = await Promise.all(
      this._options.documentsOf(targetId).map(async document => {
        const outcome = this._remember(targetId, await this._saveOne(document));
        await this._tell(targetId, outcome);
        return outcome;
      })
    );
    if (!this._done.has(targetId)) {
      return; // kept or shut down meanwhile
    }
    const failed = outcomes.find(({ result }) => result === 'failed')?.path ?? null;
    if (failed === null) {
      this._failed.delete(targetId);
    } else {
      this._failed.set(targetId, failed);
    }
    if (failed !== before) {
      this._options.failureChanged();
    }
  }

  /** What was saved at the warning is saved, also if nothing is left to save when the server asks. */
  private _remember(targetId: string, outcome: IOutcome): IOutcome {
    const saved = this._saved.get(targetId) ?? new Set<string>();
    if (outcome.result === 'saved' && this._done.has(targetId)) {
      this._saved.set(targetId, saved.add(outcome.path));
    }
    return outcome.result === 'unchanged' && saved.has(outcome.path)
      ? { ...outcome, result: 'saved' }
      : outcome;
  }

  private async _saveOne(document: ISavable): Promise<IOutcome> {
    const { words } = this._options;
    const path = localPathOf(document);
    if (!document.model?.dirty) {
      return { path, result: 'unchanged', message: null };
    }
    if (document.model.readOnly) {
      return { path, result: 'failed', message: words.readOnly };
    }
    try {
      const isDone = await within(this._begin(document), PATIENCE_MS);
      if (!isDone || document.model.dirty) {
        // It waits in a dialog, or was refused in one.
        return { path, result: 'failed', message: words.tooLong };
      }
      return { path, result: 'saved', message: null };
    } catch (reason) {
      const message = reason instanceof Error ? reason.message : String(reason);
      return { path, result: 'failed', message: message.slice(0, 500) };
    }
  }

  /** Begin to save, or join a save that is under way: a second dialog on the same question helps nobody. */
  private _begin(document: ISavable): Promise<void> {
    const running = this._running.get(document);
    if (running) {
      return running;
    }
    const begun = document.save().finally(() => this._running.delete(document));
    this._running.set(document, begun);
    return begun;
  }

  private async _tell(targetId: string, outcome: IOutcome): Promise<void> {
    try {
      await this._options.report({ target_id: targetId, ...outcome });
    } catch {
      // The server waits a few seconds for reports, and takes silence for a failure.
    }
  }

  private readonly _done = new Map<string, 'once' | 'asked'>();
  private readonly _saved = new Map<string, Set<string>>();
  private readonly _failed = new Map<string, string>();
  private readonly _running = new WeakMap<ISavable, Promise<void>>();
}

/** Tell whether a promise is fulfilled in time; rejects as it does. */
async function within(work: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([work.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
