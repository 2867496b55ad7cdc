import { InputDialog } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';

import type { ChangeWish, CreateWish } from '../api/client';
import type { Environment, Export, Trashed } from '../api/generated';
import type { Disclosure } from '../idle/disclosure';
import type { INoticeBoard } from '../idle/notices';
import type { Speech } from '../idle/words';
import { PersonActions, SHOWN_MS } from '../personActions';
import { EMPTY } from './basket';
import type { KernelList } from './kernels';
import type { EnvironmentsModel } from './model';
import { faultOfName, freeName } from './specs';
import type { Proposal, Tab, Workbench } from './workbench';
import { faultWords, problemWords } from './words';

export interface IEnvironmentActionsOptions {
  readonly environments: EnvironmentsModel;
  readonly workbench: Workbench;
  readonly disclosure: Disclosure;
  readonly kernels: KernelList;
  readonly speech: Speech;
  readonly board: INoticeBoard;
  readonly commands: CommandRegistry;
  /** Bring the panel to the front. */
  openPanel(): void;
  /** Let the browser keep a file. */
  save(file: Export): void;
}

/**
 * What a person can do with environments, as the panel's buttons and the commands do it: ask first where something
 * could be lost, and say how it went. Nothing here rejects.
 */
export class EnvironmentActions extends PersonActions {
  constructor(private readonly _options: IEnvironmentActionsOptions) {
    super(_options.speech, _options.board, problemWords);
  }

  /** Show the sheet in which an environment is made. */
  async openCreate(wish: CreateWish = {}): Promise<void> {
    await this._options.environments.wake();
    this._options.workbench.show({ kind: 'create', wish });
  }

  /** Show the sheet with another environment filled in to be cloned. */
  openClone(name: string): Promise<void> {
    const others = this._options.environments.state.list?.environments ?? [];
    return this.openCreate({ clone_of: name, name: freeName(name, others) });
  }

  /** Make an environment without a sheet. */
  create(wish: CreateWish): Promise<boolean> {
    return this.attempt(() => this._options.environments.create(wish));
  }

  /** Show what a change would do. */
  propose(proposal: Proposal): void {
    this._options.workbench.show({ kind: 'proposal', proposal });
  }

  /** Do a change without showing its plan. */
  change(name: string, wish: ChangeWish): Promise<boolean> {
    return this.attempt(() => this._options.environments.change(name, wish));
  }

  rollBack(name: string, version: number): Promise<boolean> {
    return this.attempt(() => this._options.environments.rollBack(name, version));
  }

  /** A change that was shown is on its way: what was gathered for it is done with. */
  emptyBasket(name: string): void {
    this._options.workbench.setBasket(name, EMPTY);
  }

  /** Open a part of an environment in the panel. */
  show(name: string, tab: Tab = 'packages'): void {
    const { workbench, disclosure, openPanel } = this._options;
    disclosure.set('environments', true);
    disclosure.set(`env:${name}`, true);
    workbench.setTab(name, tab);
    openPanel();
    disclosure.point(`environment:${name}`);
  }

  /** Open a new notebook with a kernel. */
  async openNotebook(kernel: string): Promise<void> {
    const { kernels, commands, speech, board } = this._options;
    await this.attempt(async () => {
      if (!(await kernels.know(kernel))) {
        board.show({
          message: speech.trans.__(
            'JupyterLab does not know the kernel %1 yet. Try again in a moment.',
            kernel
          ),
          type: 'warning',
          autoClose: SHOWN_MS
        });
        return;
      }
      await commands.execute('notebook:create-new', { kernelName: kernel });
    });
  }

  /** Ask for a new name, and give it. */
  async rename(environment: Environment, newName: string | null = null): Promise<void> {
    const { environments, speech } = this._options;
    const { trans } = speech;
    let wanted = newName;
    if (wanted === null) {
      const answer = await InputDialog.getText({
        title: trans.__('Rename %1', environment.name),
        label: trans.__('New name'),
        text: environment.name,
        okLabel: trans.__('Rename')
      });
      wanted = answer.button.accept ? (answer.value ?? '').trim() : null;
    }
    if (wanted === null || wanted === environment.name) {
      return;
    }
    const name = wanted;
    const fault = faultOfName(name, environments.state.list?.environments ?? []);
    if (fault !== null) {
      this.tell(faultWords(speech, fault, name));
      return;
    }
    await this.attempt(() => environments.rename(environment.name, name));
  }

  /** Put an environment into the trash. That can be undone, so nobody is asked, unless its kernels run. */
  delete(name: string): Promise<boolean> {
    return this.attempt(() => this._options.environments.delete(name));
  }

  restore(trashId: string): Promise<boolean> {
    return this.attempt(() => this._options.environments.restore(trashId));
  }

  /** Delete what is in the trash for good, after asking; null is all of it. */
  async purge(trashed: Trashed | null): Promise<void> {
    const { trans } = this._options.speech;
    const title =
      trashed === null ? trans.__('Empty the trash?') : trans.__('Delete %1 for good?', trashed.name);
    if (await this.confirm(title, trans.__('This can’t be undone.'), trans.__('Delete for good'))) {
      await this.attempt(() => this._options.environments.purge(trashed?.id ?? 'all'));
    }
  }

  registerKernel(name: string, displayName: string | null = null): Promise<boolean> {
    return this.attempt(() => this._options.environments.registerKernel(name, displayName));
  }

  unregisterKernel(name: string): Promise<boolean> {
    return this.attempt(() => this._options.environments.unregisterKernel(name));
  }

  fix(name: string, fix: string): Promise<boolean> {
    return this.attempt(() => this._options.environments.fix(name, fix));
  }

  cleanCache(): Promise<boolean> {
    return this.attempt(() => this._options.environments.cleanCache());
  }

  /** Show the sheet on which the form of the file is chosen. */
  openExport(name: string): void {
    this._options.workbench.show({ kind: 'export', name });
  }

  /** Keep an environment as a file. */
  export(name: string, format: 'yaml' | 'explicit' | 'lock', all: boolean): Promise<boolean> {
    return this.attempt(async () => {
      const { environments, save } = this._options;
      save(await environments.export(name, format, all));
    });
  }

  /** Ask which environment is meant; null if that was taken back or there is none. */
  async choose(
    title: string,
    isMeant: (environment: Environment) => boolean = () => true
  ): Promise<string | null> {
    const { environments, speech } = this._options;
    await environments.wake();
    const names = (environments.state.list?.environments ?? []).filter(isMeant).map(({ name }) => name);
    if (names.length === 0) {
      this.tell(speech.trans.__('There is no environment this can be done with.'));
      return null;
    }
    const answer = await InputDialog.getItem({
      title,
      label: speech.trans.__('Environment'),
      items: names
    });
    return answer.button.accept ? answer.value : null;
  }

  /** Ask for one line; null if that was taken back or nothing was said. */
  async ask(title: string, label: string): Promise<string | null> {
    const answer = await InputDialog.getText({ title, label });
    const text = (answer.value ?? '').trim();
    return answer.button.accept && text !== '' ? text : null;
  }
}
