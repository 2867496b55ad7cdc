import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';

import type { Environment, Feature } from '../api/generated';
import { CommandIDs } from '../commandIds';
import { type Args, FeatureCommands, nameFrom } from '../featureCommands';
import type { Disclosure } from '../idle/disclosure';
import type { Speech } from '../idle/words';
import { isOver } from '../jobs/states';
import { addSpecs } from './basket';
import { splitSpecs } from './specs';
import type { IWork } from './work';
import { TABS, type Tab } from './workbench';

export interface IWorkCommandsOptions {
  readonly work: IWork;
  readonly disclosure: Disclosure;
  readonly speech: Speech;
  /** What the server can do with environments; null while that isn't known. */
  feature(): Feature | null;
  openPanel(): void;
}

const NAME = { type: 'string', description: 'The environment; asked for if left out.' } as const;
const PACKAGES = { type: 'array', items: { type: 'string' } } as const;
const IN_MENU = {
  type: 'boolean',
  description: 'Whether the label stands in the menu of the environment.'
} as const;
const PREVIEW = {
  type: 'boolean',
  description: 'Whether the plan is shown first; by default it is.'
} as const;
const MANAGER = {
  type: 'string',
  enum: ['conda', 'pip'],
  description: 'Who installs; conda if left out.'
} as const;

/** The commands the palette offers without arguments. */
export const IN_PALETTE: readonly string[] = [
  CommandIDs.createEnvironment,
  CommandIDs.showEnvironment,
  CommandIDs.openEnvironmentNotebook,
  CommandIDs.installPackages,
  CommandIDs.removePackages,
  CommandIDs.updatePackages,
  CommandIDs.rollBackEnvironment,
  CommandIDs.cloneEnvironment,
  CommandIDs.renameEnvironment,
  CommandIDs.exportEnvironment,
  CommandIDs.registerKernel,
  CommandIDs.unregisterKernel,
  CommandIDs.diagnoseEnvironment,
  CommandIDs.deleteEnvironment,
  CommandIDs.restoreEnvironment,
  CommandIDs.purgeTrash,
  CommandIDs.cleanPackageCache,
  CommandIDs.showJobs,
  CommandIDs.dismissJob
];

/** Register everything that can be done with environments and jobs as commands. */
export function addWorkCommands(commands: CommandRegistry, options: IWorkCommandsOptions): IDisposable {
  const { work, disclosure, speech, feature, openPanel } = options;
  const { environments, environmentActions: actions, workbench, jobs, jobActions } = work;
  const { trans } = speech;
  const owned = new FeatureCommands(commands, IN_MENU);
  const known = (): boolean => feature() !== null;
  const can = (): boolean => feature()?.available === true;
  const isFree = ({ managed, status }: Environment): boolean => managed && status !== 'frozen';

  /** May this be done with what is named? What isn't listed yet may. */
  const fits =
    (isMeant: (environment: Environment) => boolean) =>
    (args: Args): boolean => {
      const name = args['name'];
      const environment = typeof name === 'string' ? environments.find(name) : null;
      return can() && (environment === null || isMeant(environment));
    };
  const nameOf = (
    args: Args,
    title: string,
    isMeant?: (environment: Environment) => boolean
  ): Promise<string | null> => nameFrom(args, () => actions.choose(title, isMeant));
  const add = owned.addCommand.bind(owned);

  add(
    CommandIDs.createEnvironment,
    trans.__('New Environment…'),
    trans.__('New environment…'),
    {
      name: { type: 'string', description: 'How it is called; left out, it is asked for.' },
      packages: PACKAGES,
      pip: PACKAGES,
      channels: PACKAGES,
      clone_of: { type: 'string', description: 'The environment it is a clone of.' },
      register_kernel: {
        type: 'boolean',
        description: 'Whether it is registered as a kernel; by default it is.'
      },
      preview: PREVIEW
    },
    can,
    async args => {
      const { name, clone_of, register_kernel } = args;
      const wish = {
        ...(typeof name === 'string' ? { name } : {}),
        ...(typeof clone_of === 'string' ? { clone_of } : {}),
        ...(Array.isArray(args['packages']) ? { packages: textsOf(args['packages']) } : {}),
        ...(Array.isArray(args['pip']) ? { pip: textsOf(args['pip']) } : {}),
        ...(Array.isArray(args['channels']) ? { channels: textsOf(args['channels']) } : {}),
        ...(typeof register_kernel === 'boolean' ? { register_kernel } : {})
      };
      if (args['preview'] === false && wish.name !== undefined) {
        await actions.create(wish);
      } else {
        await actions.openCreate(wish);
      }
    }
  );
  add(
    CommandIDs.showEnvironment,
    trans.__('Show an Environment…'),
    trans.__('Show'),
    {
      name: NAME,
      tab: { type: 'string', enum: [...TABS], description: 'Which part; packages if left out.' }
    },
    known,
    async args => {
      const name = await nameOf(args, trans.__('Show an environment'));
      if (name !== null) {
        actions.show(name, tabOf(args['tab']));
      }
    }
  );
  add(
    CommandIDs.openEnvironmentNotebook,
    trans.__('Open Notebook with the Kernel of an Environment…'),
    trans.__('Open notebook with this kernel'),
    { name: NAME },
    args => known() && fitsKernel(args, environment => environment.kernel !== null),
    async args => {
      const name = await nameOf(args, trans.__('Open notebook'), ({ kernel }) => kernel !== null);
      const kernel = name === null ? null : environments.find(name)?.kernel;
      if (kernel) {
        await actions.openNotebook(kernel.spec_name);
      }
    }
  );
  /** Reading needs no engine. */
  function fitsKernel(args: Args, isMeant: (environment: Environment) => boolean): boolean {
    const name = args['name'];
    const environment = typeof name === 'string' ? environments.find(name) : null;
    return environment === null || isMeant(environment);
  }
  add(
    CommandIDs.installPackages,
    trans.__('Install Packages into an Environment…'),
    trans.__('Install packages…'),
    { name: NAME, packages: PACKAGES, manager: MANAGER, preview: PREVIEW },
    fits(isFree),
    async args => {
      const name = await nameOf(args, trans.__('Install packages'), isFree);
      if (name === null) {
        return;
      }
      const specs = textsOf(args['packages']);
      if (specs.length === 0) {
        actions.show(name, 'packages');
        return;
      }
      const pip = args['manager'] === 'pip';
      const wish = pip ? { pip_install: specs } : { install: specs };
      if (args['preview'] === false) {
        await actions.change(name, wish);
      } else {
        workbench.setBasket(name, addSpecs(workbench.basketOf(name), specs, pip ? 'pip' : 'conda'));
        actions.propose({ kind: 'change', name, wish });
      }
    }
  );
  add(
    CommandIDs.removePackages,
    trans.__('Remove Packages from an Environment…'),
    trans.__('Remove packages…'),
    { name: NAME, packages: PACKAGES, manager: MANAGER, preview: PREVIEW },
    fits(isFree),
    async args => {
      const name = await nameOf(args, trans.__('Remove packages'), isFree);
      if (name === null) {
        return;
      }
      const given = textsOf(args['packages']);
      const names =
        given.length > 0
          ? given
          : splitSpecs(
              (await actions.ask(trans.__('Remove packages from %1', name), trans.__('Packages'))) ?? ''
            );
      if (names.length > 0) {
        const wish = args['manager'] === 'pip' ? { pip_remove: names } : { remove: names };
        await (args['preview'] === false
          ? actions.change(name, wish)
          : actions.propose({ kind: 'change', name, wish }));
      }
    }
  );
  add(
    CommandIDs.updatePackages,
    trans.__('Update the Packages of an Environment…'),
    trans.__('Update all packages…'),
    { name: NAME, packages: PACKAGES, preview: PREVIEW },
    fits(isFree),
    async args => {
      const name = await nameOf(args, trans.__('Update packages'), isFree);
      if (name !== null) {
        const names = textsOf(args['packages']);
        const wish = names.length > 0 ? { upgrade: names } : { upgrade_all: true };
        await (args['preview'] === false
          ? actions.change(name, wish)
          : actions.propose({ kind: 'change', name, wish }));
      }
    }
  );
  add(
    CommandIDs.rollBackEnvironment,
    trans.__('Roll an Environment Back…'),
    trans.__('Versions…'),
    {
      name: NAME,
      version: {
        type: 'integer',
        minimum: 1,
        description: 'To which version; chosen in the panel if left out.'
      },
      preview: PREVIEW
    },
    fits(isFree),
    async args => {
      const name = await nameOf(args, trans.__('Roll back'), isFree);
      const { version } = args;
      if (name === null) {
        return;
      }
      if (typeof version !== 'number') {
        actions.show(name, 'versions');
      } else if (args['preview'] === false) {
        await actions.rollBack(name, version);
      } else {
        actions.propose({ kind: 'rollback', name, version });
      }
    }
  );
  add(
    CommandIDs.cloneEnvironment,
    trans.__('Clone an Environment…'),
    trans.__('Clone…'),
    { name: NAME },
    can,
    async args => {
      const name = await nameOf(args, trans.__('Clone an environment'));
      if (name !== null) {
        await actions.openClone(name);
      }
    }
  );
  add(
    CommandIDs.renameEnvironment,
    trans.__('Rename an Environment…'),
    trans.__('Rename…'),
    { name: NAME, new_name: { type: 'string', description: 'The new name; asked for if left out.' } },
    fits(isFree),
    async args => {
      const name = await nameOf(args, trans.__('Rename an environment'), isFree);
      const environment = name === null ? null : environments.find(name);
      const newName = args['new_name'];
      if (environment) {
        await actions.rename(environment, typeof newName === 'string' ? newName : null);
      }
    }
  );
  add(
    CommandIDs.exportEnvironment,
    trans.__('Export an Environment…'),
    trans.__('Export…'),
    {
      name: NAME,
      format: {
        type: 'string',
        enum: ['yaml', 'explicit', 'lock'],
        description: 'In which form; chosen on a sheet if left out.'
      },
      all: { type: 'boolean', description: 'For yaml: everything, not only what was asked for.' }
    },
    known,
    async args => {
      const name = await nameOf(args, trans.__('Export an environment'));
      const { format, all } = args;
      if (name !== null) {
        if (format === 'yaml' || format === 'explicit' || format === 'lock') {
          await actions.export(name, format, all === true);
        } else {
          actions.openExport(name);
        }
      }
    }
  );
  add(
    CommandIDs.registerKernel,
    trans.__('Register an Environment as a Kernel…'),
    trans.__('Register as a kernel'),
    {
      name: NAME,
      display_name: { type: 'string', maxLength: 200, description: 'How the kernel is called.' }
    },
    fits(({ kernel }) => kernel?.ours !== false),
    async args => {
      const name = await nameOf(args, trans.__('Register as a kernel'), ({ kernel }) => kernel === null);
      const displayName = args['display_name'];
      if (name !== null) {
        await actions.registerKernel(name, typeof displayName === 'string' ? displayName : null);
      }
    }
  );
  add(
    CommandIDs.unregisterKernel,
    trans.__('Take the Kernel of an Environment Away…'),
    trans.__('Take the kernel away'),
    { name: NAME },
    fits(({ kernel }) => kernel?.ours === true),
    async args => {
      const name = await nameOf(
        args,
        trans.__('Take the kernel away'),
        ({ kernel }) => kernel?.ours === true
      );
      if (name !== null) {
        await actions.unregisterKernel(name);
      }
    }
  );
  add(
    CommandIDs.diagnoseEnvironment,
    trans.__('Check an Environment…'),
    trans.__('Check'),
    { name: NAME },
    known,
    async args => {
      const name = await nameOf(args, trans.__('Check an environment'));
      if (name !== null) {
        actions.show(name, 'health');
        await environments.diagnose(name);
      }
    }
  );
  add(
    CommandIDs.fixEnvironment,
    trans.__('Mend an Environment'),
    trans.__('Mend'),
    { name: NAME, fix: { type: 'string', description: 'The code of the fix that a finding named.' } },
    args => can() && typeof args['fix'] === 'string',
    async args => {
      const name = await nameOf(args, trans.__('Mend an environment'));
      const { fix } = args;
      if (name !== null && typeof fix === 'string') {
        await actions.fix(name, fix);
      }
    }
  );
  add(
    CommandIDs.deleteEnvironment,
    trans.__('Delete an Environment…'),
    trans.__('Delete'),
    { name: NAME },
    fits(({ managed }) => managed),
    async args => {
      const name = await nameOf(args, trans.__('Delete an environment'), ({ managed }) => managed);
      if (name !== null) {
        await actions.delete(name);
      }
    }
  );
  add(
    CommandIDs.restoreEnvironment,
    trans.__('Restore What Was Deleted'),
    trans.__('Restore'),
    { trash_id: { type: 'string', description: 'Which; the last deleted if left out.' } },
    () => can() && (environments.state.phase !== 'ready' || (environments.state.list?.trash.length ?? 0) > 0),
    async args => {
      await environments.wake();
      const trash = environments.state.list?.trash ?? [];
      const last = [...trash].sort((a, b) => b.deleted_at.localeCompare(a.deleted_at))[0];
      const id = typeof args['trash_id'] === 'string' ? args['trash_id'] : last?.id;
      if (id !== undefined) {
        await actions.restore(id);
      }
    }
  );
  add(
    CommandIDs.purgeTrash,
    trans.__('Empty the Trash of Environments…'),
    trans.__('Delete for good…'),
    { trash_id: { type: 'string', description: 'Which; everything if left out.' } },
    can,
    async args => {
      await environments.wake();
      const id = args['trash_id'];
      const one = environments.state.list?.trash.find(trashed => trashed.id === id) ?? null;
      if (one !== null || id === undefined) {
        await actions.purge(one);
      }
    }
  );
  add(
    CommandIDs.cleanPackageCache,
    trans.__('Clean the Package Cache'),
    trans.__('Clean the package cache'),
    {},
    can,
    () => actions.cleanCache()
  );
  add(
    CommandIDs.showJobs,
    trans.__('Show Jobs'),
    trans.__('Show jobs'),
    { job_id: { type: 'string', description: 'The job whose log is opened too.' } },
    known,
    async args => {
      const id = args['job_id'];
      disclosure.set('jobs', true);
      openPanel();
      await jobs.wake();
      if (typeof id === 'string') {
        jobs.openLog(id);
        disclosure.point(`job:${id}`);
      }
    }
  );
  add(
    CommandIDs.cancelJob,
    trans.__('Cancel the Job That Runs'),
    trans.__('Cancel'),
    { job_id: { type: 'string', description: 'Which job; the only one that runs if left out.' } },
    () => jobs.active.length > 0,
    async args => {
      const id = typeof args['job_id'] === 'string' ? args['job_id'] : onlyOf(jobs.active)?.id;
      if (id !== undefined) {
        await jobActions.cancel(id);
      }
    }
  );
  add(
    CommandIDs.dismissJob,
    trans.__('Dismiss Jobs That Are Over'),
    trans.__('Dismiss'),
    { job_id: { type: 'string', description: 'Which job; all that are over if left out.' } },
    () => jobs.state.jobs.some(isOver),
    async args => {
      const id = args['job_id'];
      await (typeof id === 'string' ? jobActions.dismiss(id) : jobActions.dismissAll());
    }
  );
  return owned;
}

function onlyOf<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

function tabOf(value: unknown): Tab {
  return TABS.find(tab => tab === value) ?? 'packages';
}
