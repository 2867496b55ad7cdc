import type { IDisposable } from '@lumino/disposable';

import type { IdleView, Lease, Target } from '../api/generated';
import type { ILccSettings } from '../settings';
import type { Announcer } from './announcer';
import type { IdleModel } from './model';
import type { INoticeAction, INoticeBoard } from './notices';
import type { WorkSaver } from './saving';
import { MACHINE } from './targets';
import type { TitleMark } from './titleMark';
import { errorOf, grantedOf, manyWarnedOf, secondsUntil, warningOf, type Speech } from './words';
import { asLccError } from '../api/errors';

const TICK_MS = 1000;
const KEPT_SHOWN_MS = 6000;

/** More warnings than this at once are one notice. */
const MOST_NOTICES = 3;
const TOGETHER = 'together';

/** Times of the same warning may differ a little between two answers: the server's clock is steady, UTC isn't. */
const SAME_WARNING_MS = 5000;

interface ICard {
  readonly noticeId: string;
  targets: readonly Target[];
  /** `busy`: a request is under way; `settled`: it says how that ended, and isn't ours to close. */
  phase: 'open' | 'busy' | 'settled';
  message: string;
}

export interface IWarningsOptions {
  readonly model: IdleModel;
  readonly speech: Speech;
  readonly board: INoticeBoard;
  readonly saver: WorkSaver;
  readonly announcer: Pick<Announcer, 'alert' | 'tell'>;
  readonly titleMark: Pick<TitleMark, 'set'>;
  settings(): ILccSettings;
  /** Shut a target down because a person said so; false if the person thought better of it. */
  shutDown(targetId: string): Promise<boolean>;
}

/**
 * Shows who is about to be shut down, in every open page, for as long as it is so. What is warned is read from
 * the model alone: so a page that was opened later warns too, and a keep elsewhere takes the warning back.
 */
export class Warnings implements IDisposable {
  constructor(private readonly _options: IWarningsOptions) {
    this._options.model.stateChanged.connect(this.update, this);
    this.update();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Is this target warned of now? */
  isWarned(targetId: string): boolean {
    return this._warned().some(({ id }) => id === targetId);
  }

  /** Bring what is shown in line with the model and the clock. */
  update(): void {
    const { model, saver, titleMark, settings } = this._options;
    const warned = this._warned();
    const now = model.now();
    const ids = new Set(warned.map(({ id }) => id));
    for (const id of [...this._known.keys()].filter(known => !ids.has(known))) {
      this._known.delete(id);
      saver.release(id);
    }
    for (const target of warned) {
      saver.guard(target.id, target.stops_at === null ? Infinity : secondsUntil(target.stops_at, now));
    }
    this._reconcile(warned, now);
    for (const target of warned) {
      this._known.set(target.id, timeOf(target));
    }
    titleMark.set(warned.length > 0 && settings().markTitle);
    this._tick(warned.length > 0);
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._options.model.stateChanged.disconnect(this.update, this);
    this._tick(false);
    this._options.titleMark.set(false);
    for (const card of this._cards.values()) {
      this._options.board.dismiss(card.noticeId);
    }
  }

  private _warned(): Target[] {
    const { view } = this._options.model.state;
    if (!view || view.mode !== 'enforce') {
      return [];
    }
    return [...view.targets, ...machineOf(view)]
      .filter(({ verdict, shutting_down }) => verdict === 'warn' && !shutting_down)
      .sort((a, b) => Date.parse(a.stops_at ?? '9999') - Date.parse(b.stops_at ?? '9999'));
  }

  private _reconcile(warned: readonly Target[], now: Date): void {
    const { board, settings, announcer } = this._options;
    const groups = new Map<string, readonly Target[]>();
    const small = warned.filter(({ id }) => id !== MACHINE);
    const alone = small.length > MOST_NOTICES ? warned.filter(({ id }) => id === MACHINE) : warned;
    if (alone !== warned) {
      groups.set(TOGETHER, small);
    }
    alone.forEach(target => groups.set(target.id, [target]));
    const shown = new Set<string>();
    for (const [key, card] of [...this._cards]) {
      if (card.phase === 'open' && board.has(card.noticeId)) {
        card.targets.forEach(({ id }) => shown.add(id));
      }
      if (!groups.has(key) && card.phase !== 'busy') {
        this._cards.delete(key);
        if (card.phase === 'open') {
          board.dismiss(card.noticeId);
        }
      }
    }
    for (const [key, targets] of groups) {
      const isNew = targets.some(target => this._isNew(target));
      const message = this._messageOf(targets, now);
      if (isNew) {
        announcer.alert(message);
      }
      // Notices that are joined or parted are shown again only if they weren't closed before.
      if (
        settings().notifications &&
        (isNew || this._cards.has(key) || targets.some(({ id }) => shown.has(id)))
      ) {
        this._show(key, targets, message, isNew);
      }
    }
  }

  private _show(key: string, targets: readonly Target[], message: string, isNew: boolean): void {
    const { board } = this._options;
    const card = this._cards.get(key);
    if (card?.phase === 'busy' || (card?.phase === 'settled' && !isNew)) {
      return;
    }
    const notice = {
      message,
      type: 'warning',
      autoClose: false,
      actions: this._actionsOf(key, targets)
    } as const;
    if (!card || card.phase === 'settled' || (isNew && !board.has(card.noticeId))) {
      this._cards.set(key, { noticeId: board.show(notice), targets, phase: 'open', message });
      return;
    }
    card.targets = targets;
    if (message !== card.message && board.has(card.noticeId)) {
      card.message = message;
      board.update(card.noticeId, notice);
    }
  }

  private _messageOf(targets: readonly Target[], now: Date): string {
    const { speech, saver } = this._options;
    const [first] = targets;
    if (!first) {
      return '';
    }
    const message =
      targets.length > 1 ? manyWarnedOf(speech, targets.length, first, now) : warningOf(speech, first, now);
    const unsaved = targets.map(({ id }) => saver.failureOf(id)).find(path => path !== null);
    return unsaved
      ? speech.trans.__('%1 Unsaved changes in %2 could not be saved!', message, unsaved)
      : message;
  }

  private _actionsOf(key: string, targets: readonly Target[]): INoticeAction[] {
    const { speech, settings, shutDown } = this._options;
    const { trans } = speech;
    const seconds = settings().keepMinutes * 60;
    const keep: INoticeAction = {
      label:
        targets.length > 1
          ? trans.__('Keep all %1', speech.duration(seconds))
          : trans.__('Keep %1', speech.duration(seconds)),
      kind: 'accent',
      run: () => void this._settle(key, () => this._keep(targets, seconds))
    };
    const [only] = targets;
    if (targets.length !== 1 || !only) {
      return [keep];
    }
    const stop: INoticeAction = {
      label: only.id === MACHINE ? trans.__('Stop now') : trans.__('Shut down now'),
      kind: 'warn',
      run: () => void this._settle(key, async () => ((await shutDown(only.id)) ? '' : null))
    };
    return [keep, stop];
  }

  private async _keep(targets: readonly Target[], seconds: number): Promise<string> {
    const { model, speech } = this._options;
    let lease: Lease | null = null;
    let refusal: unknown = null;
    for (const target of targets) {
      try {
        lease = await model.keep(target.id, seconds);
      } catch (reason) {
        refusal ??= reason; // the others are kept all the same
      }
    }
    if (refusal !== null) {
      throw refusal;
    }
    return lease ? grantedOf(speech, lease, model.now()) : '';
  }

  /** Do what a button says; `work` gives what to tell, '' for nothing, null to go on warning. */
  private async _settle(key: string, work: () => Promise<string | null>): Promise<void> {
    const { board, speech, announcer } = this._options;
    const card = this._cards.get(key);
    if (!card || card.phase === 'busy') {
      return;
    }
    card.phase = 'busy';
    try {
      const told = await work();
      card.phase = told === null ? 'open' : 'settled';
      if (told === '') {
        board.dismiss(card.noticeId);
      } else if (told !== null) {
        board.update(card.noticeId, { message: told, type: 'success', autoClose: KEPT_SHOWN_MS });
        announcer.tell(told);
      }
    } catch (reason) {
      card.phase = 'settled';
      const message = errorOf(speech, asLccError(reason));
      board.update(card.noticeId, { message, type: 'error', autoClose: false });
      announcer.alert(message);
    }
    this.update();
  }

  private _isNew(target: Target): boolean {
    const known = this._known.get(target.id);
    return known === undefined || Math.abs(timeOf(target) - known) > SAME_WARNING_MS;
  }

  private _tick(on: boolean): void {
    if (on && this._timer === null) {
      this._timer = setInterval(() => this.update(), TICK_MS);
    } else if (!on && this._timer !== null) {
      clearInterval(this._timer);
      this._timer = null;
    }
  }

  private readonly _cards = new Map<string, ICard>();
  private readonly _known = new Map<string, number>();
  private _timer: ReturnType<typeof setInterval> | null = null;
  private _isDisposed = false;
}

/** The machine, unless its stop was asked for: then it is too late. */
function machineOf(view: IdleView): Target[] {
  return view.machine.stop_requested_at === null ? [view.instance] : [];
}

/** The moment a warning belongs to. */
function timeOf(target: Target): number {
  return Date.parse(target.warned_at ?? target.stops_at ?? '') || 0;
}
