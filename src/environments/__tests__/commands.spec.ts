import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { aList, anEnvironment, aTrashed, FakeWorkServer, makeWork } from '../../__tests__/fakeWork';
import { settled, speechInEnglish } from '../../__tests__/fakes';
import { CommandIDs } from '../../commandIds';
import { addWorkCommands, IN_PALETTE } from '../commands';

describe('the commands of environments', () => {
  const setUp = (
    available = true
  ): ReturnType<typeof makeWork> & {
    run(id: string, args?: ReadonlyPartialJSONObject): Promise<void>;
  } => {
    const server = new FakeWorkServer();
    server.list = aList([anEnvironment(), anEnvironment({ name: 'conda', managed: false, kernel: null })], {
      trash: [aTrashed(), aTrashed({ id: 't2', deleted_at: '2026-11-21T00:00:00Z' })]
    });
    const made = makeWork(server);
    addWorkCommands(made.commands, {
      work: made.work,
      disclosure: made.disclosure,
      speech: speechInEnglish(),
      feature: () => ({ available, why_not: null }),
      openPanel: jest.fn()
    });
    const run = async (id: string, args: ReadonlyPartialJSONObject = {}): Promise<void> => {
      await made.commands.execute(id, args);
      await settled();
    };
    return { ...made, run };
  };

  it('have a label, and say what their arguments are', async () => {
    const { commands } = setUp();
    for (const id of commands.listCommands()) {
      expect(commands.label(id)).not.toBe('');
      const { args } = await commands.describedBy(id);
      expect(args).toMatchObject({ type: 'object', properties: expect.any(Object) });
    }
    expect(IN_PALETTE.every(id => commands.hasCommand(id))).toBe(true);
  });

  it('make, change and delete without asking where all is said', async () => {
    const { server, run } = setUp();
    const client = server.environmentsClient;
    await run(CommandIDs.createEnvironment, { name: 'new', packages: ['python=3.12'], preview: false });
    expect(client.createEnvironment).toHaveBeenCalledWith({ name: 'new', packages: ['python=3.12'] });
    await run(CommandIDs.installPackages, {
      name: 'analysis',
      packages: ['rich'],
      manager: 'pip',
      preview: false
    });
    expect(client.changeEnvironment).toHaveBeenLastCalledWith('analysis', { pip_install: ['rich'] });
    await run(CommandIDs.updatePackages, { name: 'analysis', preview: false });
    expect(client.changeEnvironment).toHaveBeenLastCalledWith('analysis', { upgrade_all: true });
    await run(CommandIDs.removePackages, { name: 'analysis', packages: ['rich'], preview: false });
    expect(client.changeEnvironment).toHaveBeenLastCalledWith('analysis', { remove: ['rich'] });
    await run(CommandIDs.rollBackEnvironment, { name: 'analysis', version: 1, preview: false });
    expect(client.rollBack).toHaveBeenCalledWith('analysis', 1);
    await run(CommandIDs.registerKernel, { name: 'analysis', display_name: 'Mine' });
    expect(client.registerKernel).toHaveBeenCalledWith('analysis', { display_name: 'Mine' });
    await run(CommandIDs.fixEnvironment, { name: 'analysis', fix: 'reinstall' });
    expect(client.fixEnvironment).toHaveBeenCalledWith('analysis', 'reinstall');
    await run(CommandIDs.deleteEnvironment, { name: 'analysis' });
    expect(client.deleteEnvironment).toHaveBeenCalledWith('analysis');
    await run(CommandIDs.restoreEnvironment);
    expect(client.restoreEnvironment).toHaveBeenCalledWith('t2');
    await run(CommandIDs.cleanPackageCache);
    expect(client.cleanPackageCache).toHaveBeenCalled();
  });

  it('show the plan first unless told not to', async () => {
    const { work, run } = setUp();
    await run(CommandIDs.installPackages, { name: 'analysis', packages: ['numpy'] });
    expect(work.workbench.sheet).toEqual({
      kind: 'proposal',
      proposal: { kind: 'change', name: 'analysis', wish: { install: ['numpy'] } }
    });
    await run(CommandIDs.createEnvironment, { packages: ['numpy'] });
    expect(work.workbench.sheet).toEqual({ kind: 'create', wish: { packages: ['numpy'] } });
    await run(CommandIDs.exportEnvironment, { name: 'analysis' });
    expect(work.workbench.sheet).toEqual({ kind: 'export', name: 'analysis' });
  });

  it('are off where they can’t be done', async () => {
    const { work, commands } = setUp();
    await work.environments.wake();
    expect(commands.isEnabled(CommandIDs.installPackages, { name: 'conda' })).toBe(false);
    expect(commands.isEnabled(CommandIDs.deleteEnvironment, { name: 'conda' })).toBe(false);
    expect(commands.isEnabled(CommandIDs.cloneEnvironment, { name: 'conda' })).toBe(true);
    expect(commands.isEnabled(CommandIDs.openEnvironmentNotebook, { name: 'conda' })).toBe(false);
    expect(commands.isEnabled(CommandIDs.cancelJob)).toBe(false);
    const missing = setUp(false).commands;
    expect(missing.isEnabled(CommandIDs.createEnvironment)).toBe(false);
    expect(missing.isEnabled(CommandIDs.exportEnvironment)).toBe(true);
  });

  it('cancel the only job, and put away what is over', async () => {
    const { server, work, run } = setUp();
    await run(CommandIDs.createEnvironment, { name: 'new', preview: false });
    await run(CommandIDs.cancelJob);
    expect(server.jobsClient.cancelJob).toHaveBeenCalledWith('j1');
    server.jobs = server.jobs.map(job => ({ ...job, state: 'cancelled' }));
    await work.jobs.refresh();
    await run(CommandIDs.dismissJob);
    expect(server.jobsClient.dismissJob).toHaveBeenCalledWith('j1');
  });
});
