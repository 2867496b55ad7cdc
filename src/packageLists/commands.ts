import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';

import type { Feature, ListState } from '../api/generated';
import { CommandIDs } from '../commandIds';
import { type Args, FeatureCommands, nameFrom } from '../featureCommands';
import type { Speech } from '../idle/words';
import type { JobsModel } from '../jobs/model';
import { isLostRace } from '../jobs/states';
import type { ILists } from './lists';

export interface IListCommandsOptions {
  readonly lists: ILists;
  readonly jobs: JobsModel;
  readonly speech: Speech;
  /** What the server can do with package lists; null while that isn't known. */
  feature(): Feature | null;
}

const NAME = { type: 'string', description: 'The package list; asked for if left out.' } as const;
const IN_MENU = {
  type: 'boolean',
  description: 'Whether the label stands in the menu of the list.'
} as const;

/** The commands the palette offers without arguments. */
export const IN_PALETTE: readonly string[] = [
  CommandIDs.showPackageList,
  CommandIDs.checkPackageLists,
  CommandIDs.syncPackageList,
  CommandIDs.newPackageList,
  CommandIDs.editPackageList,
  CommandIDs.publishPackageList,
  CommandIDs.packageListHistory,
  CommandIDs.pullPackageList,
  CommandIDs.removePackageList,
  CommandIDs.addListSource,
  CommandIDs.removeListSource
];

/** Register everything that can be done with package lists as commands. */
export function addListCommands(commands: CommandRegistry, options: IListCommandsOptions): IDisposable {
  const { lists, jobs, speech, feature } = options;
  const { model, actions } = lists;
  const { trans } = speech;
  const owned = new FeatureCommands(commands, IN_MENU);
  const known = (): boolean => feature() !== null;
  const can = (): boolean => feature()?.available === true;
  const nameOf = (
    args: Args,
    title: string,
    isMeant?: (list: ListState) => boolean
  ): Promise<string | null> => nameFrom(args, () => actions.choose(title, isMeant));
  const add = owned.addCommand.bind(owned);

  add(
    CommandIDs.showPackageList,
    trans.__('Show Package Lists'),
    trans.__('Show'),
    { name: { type: 'string', description: 'The package list that is opened; none if left out.' } },
    known,
    args => actions.show(textOf(args['name']))
  );
  add(
    CommandIDs.checkPackageLists,
    trans.__('Check Package Lists for Changes Now'),
    trans.__('Check for changes now'),
    {},
    known,
    async () => {
      actions.show(null);
      await actions.check();
    }
  );
  add(
    CommandIDs.syncPackageList,
    trans.__('Sync an Environment with Its Package List…'),
    trans.__('Preview sync'),
    {
      name: NAME,
      preview: { type: 'boolean', description: 'Whether what it does is shown first; by default it is.' }
    },
    can,
    async args => {
      const name = await nameOf(args, trans.__('Sync with a package list'));
      if (name !== null) {
        await (args['preview'] === false ? actions.sync(name) : actions.openSync(name));
      }
    }
  );
  add(CommandIDs.newPackageList, trans.__('New Package List…'), trans.__('New package list…'), {}, can, () =>
    actions.openEdit(null)
  );
  add(
    CommandIDs.editPackageList,
    trans.__('Edit a Package List…'),
    trans.__('Edit…'),
    { name: NAME },
    can,
    async args => {
      const name = await nameOf(args, trans.__('Edit a package list'));
      if (name !== null) {
        await actions.openEdit(name);
      }
    }
  );
  add(
    CommandIDs.publishPackageList,
    trans.__('Publish an Environment as a Package List…'),
    trans.__('Publish an environment as this list…'),
    {
      name: { type: 'string', description: 'The package list; chosen on the sheet if left out.' },
      environment: { type: 'string', description: 'The environment; chosen on the sheet if left out.' }
    },
    can,
    args => actions.openPublish(textOf(args['name']), textOf(args['environment']))
  );
  add(
    CommandIDs.mergePackageList,
    trans.__('Show Both Sides of a Package List'),
    trans.__('Show both sides'),
    { job_id: { type: 'string', description: 'The publishing that came second; the last if left out.' } },
    () => can() && jobs.state.jobs.some(isLostRace),
    args => {
      const id = args['job_id'];
      const job = jobs.state.jobs.find(each => isLostRace(each) && (id === undefined || each.id === id));
      if (job) {
        actions.openBoth(job);
      }
    }
  );
  add(
    CommandIDs.packageListHistory,
    trans.__('Show the History of a Package List…'),
    trans.__('History…'),
    {
      name: {
        type: 'string',
        description: 'The package list, also one that was removed; asked for if left out.'
      }
    },
    can,
    async args => {
      const name = await nameOf(args, trans.__('History of a package list'));
      if (name !== null) {
        actions.openHistory(name);
      }
    }
  );
  add(
    CommandIDs.restorePackageList,
    trans.__('Restore a Revision of a Package List…'),
    trans.__('Restore…'),
    {
      name: NAME,
      revision: {
        type: 'integer',
        minimum: 1,
        description: 'Which revision; chosen in the history if left out.'
      }
    },
    can,
    async args => {
      const name = await nameOf(args, trans.__('Restore a revision'));
      const { revision } = args;
      if (name !== null) {
        await (typeof revision === 'number' ? actions.restore(name, revision) : actions.openHistory(name));
      }
    }
  );
  add(
    CommandIDs.pullPackageList,
    trans.__('Read a Package List from Its Source…'),
    trans.__('Read it from its source now'),
    { name: NAME },
    known,
    async args => {
      const name = await nameOf(args, trans.__('Read a package list'));
      if (name !== null) {
        await actions.pull(name);
      }
    }
  );
  add(
    CommandIDs.removePackageList,
    trans.__('Remove a Package List…'),
    trans.__('Remove…'),
    { name: NAME },
    can,
    async args => {
      const name = await nameOf(args, trans.__('Remove a package list'));
      if (name !== null) {
        await actions.remove(name);
      }
    }
  );
  add(
    CommandIDs.addListSource,
    trans.__('Add a Source of Package Lists…'),
    trans.__('Add a source…'),
    {},
    () => known() && model.state.states?.may_add_sources !== false,
    () => actions.openSource()
  );
  add(
    CommandIDs.removeListSource,
    trans.__('Remove a Source of Package Lists…'),
    trans.__('Remove a source…'),
    { source_id: { type: 'string', description: 'Which source; asked for if left out.' } },
    known,
    async args => {
      const id = textOf(args['source_id']);
      const source = id === null ? await actions.chooseSource(trans.__('Remove a source')) : model.source(id);
      if (source) {
        await actions.removeSource(source);
      }
    }
  );
  return owned;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
