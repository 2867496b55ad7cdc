import { makeLists } from '../../__tests__/fakeLists';
import { settled, speechInEnglish } from '../../__tests__/fakes';
import { CommandIDs } from '../../commandIds';
import { addListCommands, IN_PALETTE } from '../commands';

describe('the commands of package lists', () => {
  const setUp = (
    available = true
  ): ReturnType<typeof makeLists> & {
    run(id: string, args?: Record<string, string | number | boolean>): Promise<void>;
  } => {
    const made = makeLists();
    addListCommands(made.commands, {
      lists: made.lists,
      jobs: made.work.jobs,
      speech: speechInEnglish(),
      feature: () => ({ available, why_not: null })
    });
    return {
      ...made,
      run: async (id, args = {}) => {
        await made.commands.execute(id, args);
        await settled();
      }
    };
  };

  it('have a label, and say what their arguments are', async () => {
    const { commands } = setUp();
    for (const id of commands.listCommands()) {
      expect(commands.label(id)).not.toBe('');
      expect(commands.label(id, { in_menu: true })).not.toBe('');
      const { args } = await commands.describedBy(id);
      expect(args).toMatchObject({ type: 'object', properties: expect.any(Object) });
    }
    expect(IN_PALETTE.every(id => commands.hasCommand(id))).toBe(true);
  });

  it('show what a sync would do, and sync at once only where that is said', async () => {
    const { run, lists, listServer } = setUp();
    await run(CommandIDs.syncPackageList, { name: 'team' });
    expect(lists.workbench.sheet).toEqual({ kind: 'sync', name: 'team' });
    expect(listServer.client.syncPackageList).not.toHaveBeenCalled();
    await run(CommandIDs.syncPackageList, { name: 'team', preview: false });
    expect(listServer.client.syncPackageList).toHaveBeenCalledWith('team', {});
  });

  it('open each sheet with what was said', async () => {
    const { run, lists } = setUp();
    await run(CommandIDs.editPackageList, { name: 'team' });
    expect(lists.workbench.sheet).toEqual({ kind: 'edit', name: 'team' });
    await run(CommandIDs.newPackageList);
    expect(lists.workbench.sheet).toEqual({ kind: 'edit', name: null });
    await run(CommandIDs.publishPackageList, { environment: 'analysis' });
    expect(lists.workbench.sheet).toEqual({ kind: 'publish', name: null, environment: 'analysis' });
    await run(CommandIDs.packageListHistory, { name: 'gone' });
    expect(lists.workbench.sheet).toEqual({ kind: 'history', name: 'gone' });
    await run(CommandIDs.addListSource);
    expect(lists.workbench.sheet).toEqual({ kind: 'source' });
  });

  it('open a list in the panel, restore, read and ask', async () => {
    const { run, disclosure, listServer } = setUp();
    await run(CommandIDs.showPackageList, { name: 'team' });
    expect(disclosure.isOpen('list:team')).toBe(true);
    await run(CommandIDs.restorePackageList, { name: 'team', revision: 2 });
    expect(listServer.client.restorePackageList).toHaveBeenCalledWith(
      'team',
      { revision: 2, message: '' },
      null
    );
    await run(CommandIDs.pullPackageList, { name: 'team' });
    expect(listServer.client.pullPackageList).toHaveBeenCalledWith('team');
    await run(CommandIDs.checkPackageLists);
    expect(listServer.client.checkPackageLists).toHaveBeenCalledTimes(1);
  });

  it('change nothing where nothing can be changed, and have no race to look at where none was lost', () => {
    const { commands } = setUp(false);
    for (const id of [
      CommandIDs.syncPackageList,
      CommandIDs.publishPackageList,
      CommandIDs.editPackageList,
      CommandIDs.removePackageList,
      CommandIDs.mergePackageList
    ]) {
      expect(commands.isEnabled(id)).toBe(false);
    }
    expect(commands.isEnabled(CommandIDs.showPackageList)).toBe(true);
    expect(setUp().commands.isEnabled(CommandIDs.mergePackageList)).toBe(false);
  });
});
