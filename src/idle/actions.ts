import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';

import { asLccError } from '../api/errors';
import type { Stopped, Target } from '../api/generated';
import type { Announcer } from './announcer';
import type { OpenDocuments } from './documents';
import type { IdleModel } from './model';
import type { INoticeBoard } from './notices';
import { MACHINE } from './targets';
import { errorOf, grantedOf, nameOf, type Speech } from './words';

const SHOWN_MS = 6000;

export type StoppableKind = 'kernel' | 'terminal';

/**
 * What a person can do, as the panel's buttons and the commands do it: ask first where something could be lost,
 * and say how it went. Nothing here rejects.
 */
export class IdleActions {
  constructor(
    private readonly _model: IdleModel,
    private readonly _speech: Speech,
    private readonly _board: INoticeBoard,
    private readonly _announcer: Pick<Announcer, 'tell'>,
    private readonly _documents: OpenDocuments,
    private readonly _commands: CommandRegistry
  ) {}

  /** Keep a target; gives whether it is kept. A grant that is shorter than asked for is told as a notice, others are seen in the panel. */
  keep(targetId: string, seconds: number, note: string | null = null): Promise<boolean> {
    return this._try(async () => {
      const lease = await this._model.keep(targetId, seconds, note);
      const told = grantedOf(this._speech, lease, this._model.now());
      this._announcer.tell(told);
      if (lease.clipped_by !== null) {
        this._board.show({ message: told, type: 'info', autoClose: SHOWN_MS });
      }
    });
  }

  /** Keep a target for as long as the policy gives, until somebody unpins it. */
  pin(targetId: string): Promise<boolean> {
    return this.keep(targetId, this._model.state.view?.policy.max_lease_seconds.value ?? 1);
  }

  endLease(leaseId: string): Promise<boolean> {
    return this._try(() => this._model.endLease(leaseId));
  }

  /** Shut one target down, asking first if it works or has unsaved changes. Gives whether it was begun. */
  async shutDown(targetId: string): Promise<boolean> {
    const target = this._model.find(targetId);
    if (target && !(await this._isMeant(target))) {
      return false;
    }
    return this._try(() => this._model.shutDown(targetId));
  }

  /** Shut all idle targets of a kind down, asking first. */
  async shutDownAll(kind: StoppableKind): Promise<void> {
    const idle = this.idleOf(kind);
    const { trans } = this._speech;
    if (idle.length === 0) {
      return;
    }
    const body =
      kind === 'kernel'
        ? trans._n('%1 idle kernel is shut down.', '%1 idle kernels are shut down.', idle.length)
        : trans._n('%1 idle terminal is closed.', '%1 idle terminals are closed.', idle.length);
    const title =
      kind === 'kernel' ? trans.__('Shut down all idle kernels?') : trans.__('Shut down all idle terminals?');
    if (await this._confirm(title, body)) {
      await Promise.all(idle.map(({ id }) => this._try(() => this._model.shutDown(id))));
    }
  }

  /** The targets of a kind that neither work nor are kept. */
  idleOf(kind: StoppableKind): readonly Target[] {
    const targets = this._model.state.view?.targets ?? [];
    return targets.filter(
      ({ kind: ofTarget, state, shutting_down, lease }) =>
        ofTarget === kind && !shutting_down && lease === null && state !== 'working' && state !== 'unknown'
    );
  }

  /** The documents of a shutdown that can be opened again. */
  reopenable(stopped: Stopped): readonly string[] {
    const canOpen = this._commands.hasCommand('docmanager:open');
    return canOpen ? stopped.documents.filter(({ type }) => type !== 'console').map(({ path }) => path) : [];
  }

  /** Open what was shut down again, with its kernel. What fails is told, and the others are opened all the same. */
  async reopen(all: readonly Stopped[]): Promise<void> {
    // The newest is opened last, so that it is in front.
    for (const stopped of [...all].reverse()) {
      for (const path of this.reopenable(stopped)) {
        await this._try(async () => {
          const { target_id: targetId, kernel_name: name } = stopped;
          if (!(await this._documents.revive(path, targetId, name))) {
            await this._commands.execute(
              'docmanager:open',
              name === null ? { path } : { path, kernel: { name } }
            );
          }
        });
      }
    }
  }

  /** Open a file, e.g. output that was kept. */
  async openPath(path: string): Promise<void> {
    await this._try(() => this._commands.execute('docmanager:open', { path }));
  }

  /** Put the card of what was shut down away, in every page. */
  dismiss(): Promise<boolean> {
    const ids = this._model.state.unseen.map(({ id }) => id);
    return ids.length > 0 ? this._try(() => this._model.dismiss(ids)) : Promise.resolve(false);
  }

  /** Bring the notebook or terminal of a target to the front, or open it. */
  async open(target: Target): Promise<void> {
    if (this._documents.activate(target.id)) {
      return;
    }
    const path = target.sessions[0]?.path;
    if (target.kind === 'kernel' && path && this._commands.hasCommand('docmanager:open')) {
      await this._try(() => this._commands.execute('docmanager:open', { path }));
    } else if (target.kind === 'terminal' && this._commands.hasCommand('terminal:open')) {
      await this._try(() => this._commands.execute('terminal:open', { name: target.name }));
    }
  }

  /** Can `open` do something for this target? */
  canOpen(target: Target): boolean {
    if (target.kind === 'terminal') {
      return this._commands.hasCommand('terminal:open');
    }
    return target.sessions.length > 0 && this._commands.hasCommand('docmanager:open');
  }

  private async _isMeant(target: Target): Promise<boolean> {
    const { trans } = this._speech;
    const name = nameOf(this._speech, target);
    const title = trans.__('Shut down %1?', name);
    if (target.id === MACHINE) {
      return this._confirmStop();
    }
    if (target.state === 'working') {
      return this._confirm(title, trans.__('It is working. What it does now is lost.'));
    }
    if (this._documents.unsaved(target.id).length > 0) {
      return this._confirm(
        title,
        trans.__(
          'It has unsaved changes. They stay in the open document, but what the kernel holds in memory is lost.'
        )
      );
    }
    return true;
  }

  private _confirmStop(): Promise<boolean> {
    const { trans } = this._speech;
    const targets = this._model.state.view?.targets ?? [];
    const works = targets.filter(({ state }) => state === 'working');
    const unsaved = this._documents.unsaved(MACHINE).length;
    const body = [
      works.length > 0
        ? trans._n(
            '%1 kernel, terminal or job works. What it does now is lost.',
            '%1 kernels, terminals or jobs work. What they do now is lost.',
            works.length
          )
        : trans.__('Everything that runs on it ends.'),
      unsaved > 0 ? trans.__('Open documents are saved first.') : ''
    ];
    return this._confirm(trans.__('Stop this machine now?'), body.join(' ').trim(), trans.__('Stop'));
  }

  private async _confirm(
    title: string,
    body: string,
    does: string = this._speech.trans.__('Shut down')
  ): Promise<boolean> {
    const { trans } = this._speech;
    const result = await showDialog({
      title,
      body,
      buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: does })]
    });
    return result.button.accept;
  }

  private async _try(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (reason) {
      this._board.show({
        message: errorOf(this._speech, asLccError(reason)),
        type: 'error',
        autoClose: false
      });
      return false;
    }
  }
}
