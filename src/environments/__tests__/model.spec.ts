import { aJob, aList, anEnvironment, FakeWorkServer, makeWork } from '../../__tests__/fakeWork';
import { at, settled } from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import { EnvironmentsModel } from '../model';

describe('EnvironmentsModel', () => {
  let server: FakeWorkServer;
  let model: EnvironmentsModel;
  let begun: jest.Mock;

  beforeEach(() => {
    server = new FakeWorkServer();
    begun = jest.fn();
    model = new EnvironmentsModel(server.environmentsClient, begun);
  });

  it('asks nothing before somebody looks', async () => {
    await model.jobIsOver(aJob());
    expect(server.environmentsClient.environments).not.toHaveBeenCalled();
    await model.wake();
    expect(model.find('analysis')?.python).toBe('3.11.7');
  });

  it('asks for packages when somebody opens them, and again when they changed', async () => {
    await model.wake();
    await model.loadPackages('analysis');
    await model.loadPackages('analysis');
    expect(server.environmentsClient.packages).toHaveBeenCalledTimes(1);
    await model.refresh();
    expect(server.environmentsClient.packages).toHaveBeenCalledTimes(1);
    server.list = aList([anEnvironment({ changed_at: at(0) })]);
    await model.refresh();
    expect(server.environmentsClient.packages).toHaveBeenCalledTimes(2);
    await model.jobIsOver(aJob());
    expect(server.environmentsClient.packages).toHaveBeenCalledTimes(3);
    expect(server.environmentsClient.versions).not.toHaveBeenCalled();
  });

  it('forgets what it knew of an environment that is gone', async () => {
    await model.wake();
    await model.loadPackages('analysis');
    server.list = aList([]);
    await model.refresh();
    expect(model.details('analysis').packages).toBeNull();
  });

  it('keeps the last answer where the next fails', async () => {
    await model.wake();
    server.environmentsClient.environments.mockRejectedValueOnce(new LccError('unreachable', 'no'));
    await model.refresh();
    expect(model.state).toMatchObject({ phase: 'failed', error: { code: 'unreachable' } });
    expect(model.find('analysis')).not.toBeNull();
    server.environmentsClient.packages.mockRejectedValueOnce(new Error('boom'));
    await model.loadPackages('analysis');
    expect(model.details('analysis').packages).toMatchObject({ value: null, error: { code: 'internal' } });
  });

  it('hands every job it began on', async () => {
    await model.wake();
    await model.create({ name: 'new', packages: ['python'] });
    await model.change('analysis', { install: ['numpy'] });
    await model.delete('analysis');
    expect(begun.mock.calls.map(([{ kind }]) => kind)).toEqual([
      'environment.create',
      'environment.change',
      'environment.delete'
    ]);
    expect(model.state.pending.size).toBe(0);
  });

  it('shares one further request among calls while one is under way', async () => {
    await Promise.all([model.refresh(), model.refresh(), model.refresh()]);
    expect(server.environmentsClient.environments).toHaveBeenCalledTimes(2);
  });

  it('compares versions, and says what failed', async () => {
    await model.wake();
    await model.loadDiff('analysis', 1);
    expect(model.details('analysis').diffs.get(1)?.value?.add).toHaveLength(1);
    server.environmentsClient.versionDiff.mockRejectedValueOnce(new LccError('not_found', 'gone'));
    await model.loadDiff('analysis', 2);
    expect(model.details('analysis').diffs.get(2)?.error?.code).toBe('not_found');
  });
});

describe('KernelList', () => {
  it('lets JupyterLab look again for kernels it does not know, and for those that went', async () => {
    const { server, work, specs } = makeWork();
    await work.environments.wake();
    expect(specs.refreshSpecs).toHaveBeenCalledTimes(1);
    specs.specs.kernelspecs = { 'lcc-analysis': {} as never };
    await work.environments.refresh();
    expect(specs.refreshSpecs).toHaveBeenCalledTimes(1);
    server.list = aList([anEnvironment({ kernel: null })]);
    await work.environments.refresh();
    expect(specs.refreshSpecs).toHaveBeenCalledTimes(2);
  });
});

describe('EnvironmentActions', () => {
  it('opens a notebook with a kernel JupyterLab knows, and says where it does not', async () => {
    const { work, board, commands, specs } = makeWork();
    const execute = jest.fn();
    commands.addCommand('notebook:create-new', {
      execute,
      describedBy: { args: { type: 'object', properties: {} } }
    });
    await work.environmentActions.openNotebook('lcc-analysis');
    expect(execute).not.toHaveBeenCalled();
    expect(board.messages[0]).toContain('does not know the kernel lcc-analysis yet');
    specs.specs.kernelspecs = { 'lcc-analysis': {} as never };
    await work.environmentActions.openNotebook('lcc-analysis');
    expect(execute).toHaveBeenCalledWith({ kernelName: 'lcc-analysis' });
  });

  it('names the notebooks that are in the way of deleting', async () => {
    const { server, work, board } = makeWork();
    await work.environments.wake();
    const running_kernels = [{ kernel_id: 'k', spec_name: 's', path: 'work/train.ipynb', state: 'idle' }];
    server.environmentsClient.deleteEnvironment.mockRejectedValueOnce(
      new LccError('conflict', 'no', { running_kernels })
    );
    expect(await work.environmentActions.delete('analysis')).toBe(false);
    expect(board.messages).toEqual([
      'Its kernels run: train.ipynb. Shut them down first, under Kernels and terminals.'
    ]);
  });

  it('refuses a new name early', async () => {
    const { server, work, board } = makeWork();
    await work.environments.wake();
    await work.environmentActions.rename(anEnvironment(), '../x');
    expect(board.messages).toEqual(['A name has letters a–z, digits, and _ - + . only.']);
    await work.environmentActions.rename(anEnvironment(), 'better');
    expect(server.environmentsClient.renameEnvironment).toHaveBeenCalledWith('analysis', 'better');
  });

  it('shows a part of an environment', () => {
    const { work, disclosure } = makeWork();
    work.environmentActions.show('analysis', 'health');
    expect(disclosure.isOpen('env:analysis')).toBe(true);
    expect(disclosure.pointed).toBe('environment:analysis');
    expect(work.workbench.tabOf('analysis')).toBe('health');
  });

  it('fills in a free name for a clone, and keeps an export', async () => {
    const { work, saved } = makeWork();
    await work.environments.wake();
    await work.environmentActions.openClone('analysis');
    expect(work.workbench.sheet).toEqual({
      kind: 'create',
      wish: { clone_of: 'analysis', name: 'analysis-2' }
    });
    await work.environmentActions.export('analysis', 'yaml', true);
    expect(saved).toHaveBeenCalledWith({ file_name: 'analysis.yml', text: 'name: analysis\n', notes: [] });
    await settled();
  });
});
