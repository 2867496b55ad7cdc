import { InputDialog } from '@jupyterlab/apputils';

import type { Job, ListState, SourceState } from '../api/generated';
import type { Disclosure } from '../idle/disclosure';
import type { INoticeBoard } from '../idle/notices';
import type { Speech } from '../idle/words';
import { PersonActions } from '../personActions';
import { bothOf } from './both';
import type { PackageListsModel } from './model';
import { problemWords } from './problems';
import type { ListWorkbench } from './workbench';

export interface IPackageListActionsOptions {
  readonly model: PackageListsModel;
  readonly workbench: ListWorkbench;
  readonly disclosure: Disclosure;
  readonly speech: Speech;
  readonly board: INoticeBoard;
  /** Bring the panel to the front. */
  openPanel(): void;
}

/**
 * What a person can do with package lists, as the panel's buttons and the commands do it: ask first where something
 * could be lost, and say how it went. Nothing here rejects.
 */
export class PackageListActions extends PersonActions {
  constructor(private readonly _options: IPackageListActionsOptions) {
    super(_options.speech, _options.board, problemWords);
  }

  /** Show what a sync would do. */
  openSync(name: string): void {
    this._options.workbench.show({ kind: 'sync', name });
  }

  /** Sync without showing what that does. */
  sync(name: string): Promise<boolean> {
    return this.attempt(() => this._options.model.sync(name, {}));
  }

  /** Show the text of a list; null: of a new one. */
  async openEdit(name: string | null): Promise<void> {
    await this._options.model.wake();
    this._options.workbench.show({ kind: 'edit', name });
  }

  /** Show the sheet on which an environment is published. */
  async openPublish(name: string | null, environment: string | null): Promise<void> {
    await this._options.model.wake();
    this._options.workbench.show({ kind: 'publish', name, environment });
  }

  openHistory(name: string): void {
    this._options.workbench.show({ kind: 'history', name });
  }

  openSource(): void {
    this._options.workbench.show({ kind: 'source' });
  }

  /** Show both sides of a race that a job lost. */
  openBoth({ subject, error }: Pick<Job, 'subject' | 'error'>): void {
    const both = error && bothOf(error.detail);
    if (both) {
      this._options.workbench.show({ kind: 'merge', name: subject, both, message: '' });
    }
  }

  restore(name: string, revision: number): Promise<boolean> {
    const { model } = this._options;
    return this.attempt(() => model.restore(name, revision, model.find(name)?.etag ?? null));
  }

  check(): Promise<boolean> {
    return this.attempt(() => this._options.model.check());
  }

  pull(name: string): Promise<boolean> {
    return this.attempt(() => this._options.model.pull(name));
  }

  /** Remove a list for everybody who shares its source, after asking. */
  async remove(name: string): Promise<void> {
    const { model, speech } = this._options;
    const { trans } = speech;
    const list = model.find(name);
    const place = list && model.source(list.source)?.place;
    const sure = await this.confirm(
      trans.__('Remove the list %1?', name),
      trans.__(
        'It is removed from %1, for everybody who shares it. Environments stay as they are, and its history can bring it back.',
        place ?? trans.__('its source')
      ),
      trans.__('Remove the list')
    );
    if (sure) {
      await this.attempt(() => model.remove(name));
    }
  }

  /** Forget a source, after asking. */
  async removeSource(source: SourceState): Promise<void> {
    const { model, speech } = this._options;
    const { trans } = speech;
    const sure = await this.confirm(
      trans.__('Remove the source %1?', source.place),
      trans.__('Its lists are no longer shown here. They and your environments stay as they are.'),
      trans.__('Remove the source')
    );
    if (sure) {
      await this.attempt(() => model.removeSource(source.id));
    }
  }

  /** Open a list in the panel. */
  show(name: string | null): void {
    const { disclosure, openPanel } = this._options;
    disclosure.set('packageLists', true);
    if (name !== null) {
      disclosure.set(`list:${name}`, true);
    }
    openPanel();
    if (name !== null) {
      disclosure.point(`list:${name}`);
    }
  }

  /** Ask which list is meant; null if that was taken back or there is none. */
  async choose(title: string, isMeant: (list: ListState) => boolean = () => true): Promise<string | null> {
    const { model, speech } = this._options;
    await model.wake();
    const items = (model.state.states?.lists ?? []).filter(isMeant).map(({ name }) => name);
    if (items.length === 0) {
      this.tell(speech.trans.__('There is no package list this can be done with.'));
      return null;
    }
    const answer = await InputDialog.getItem({ title, label: speech.trans.__('Package list'), items });
    return answer.button.accept ? answer.value : null;
  }

  /** Ask which of one's own sources is meant. */
  async chooseSource(title: string): Promise<SourceState | null> {
    const { model, speech } = this._options;
    await model.wake();
    const own = (model.state.states?.sources ?? []).filter(({ configured }) => !configured);
    if (own.length === 0) {
      this.tell(speech.trans.__('There is no source of your own.'));
      return null;
    }
    const items = own.map(({ place }) => place);
    const answer = await InputDialog.getItem({ title, label: speech.trans.__('Source'), items });
    return (answer.button.accept && own.find(({ place }) => place === answer.value)) || null;
  }
}
