import { Announcer } from '../../idle/announcer';
import { aJob, FakeWorkServer } from '../../__tests__/fakeWork';
import { FakeBoard, settled, speechInEnglish } from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import type { Job } from '../../api/generated';
import { JobActions } from '../actions';
import { JobsModel, MOST_LOG } from '../model';
import { fractionOf, kernelOf } from '../states';
import { JobTeller } from '../teller';
import { doneOf, progressOf, stateOf, titleOf } from '../words';

const speech = speechInEnglish();

describe('JobsModel', () => {
  let server: FakeWorkServer;
  let model: JobsModel;
  let next: () => void;

  beforeEach(() => {
    server = new FakeWorkServer();
    model = new JobsModel(
      server.jobsClient,
      () =>
        new Promise(resolve => {
          next = resolve;
        })
    );
  });

  afterEach(() => model.dispose());

  it('waits for the end of a job, however it came', async () => {
    const job = aJob({ id: 'a', state: 'running' });
    server.jobs = [job];
    await model.wake();
    const ends = [model.end(job), model.end({ ...job, id: 'gone' })];
    await model.refresh();
    server.jobs = [{ ...job, state: 'succeeded' }];
    await model.refresh();
    expect((await Promise.all(ends)).map(({ id, state }) => [id, state])).toEqual([
      ['a', 'succeeded'],
      ['gone', 'interrupted']
    ]);
  });

  it('asks nothing before somebody looks, and then once', async () => {
    expect(model.state.phase).toBe('asleep');
    await Promise.all([model.wake(), model.wake()]);
    expect(server.jobsClient.jobs).toHaveBeenCalledTimes(1);
    expect(model.state.phase).toBe('ready');
  });

  it('tells of an end it saw coming, once', async () => {
    const told: Job[] = [];
    model.finished.connect((_, job) => told.push(job));
    server.jobs = [aJob({ id: 'old', state: 'succeeded' }), aJob()];
    await model.refresh();
    server.jobs = [aJob({ id: 'old', state: 'succeeded' }), aJob({ state: 'failed' })];
    await model.refresh();
    await model.refresh();
    expect(told.map(({ id }) => id)).toEqual(['j1']);
  });

  it('tells of the end of what this page began, even if it comes at once', async () => {
    const told: string[] = [];
    model.finished.connect((_, { id }) => told.push(id));
    server.jobs = [aJob({ state: 'succeeded' })];
    model.adopt(aJob({ state: 'queued' }));
    await settled();
    expect(told).toEqual(['j1']);
  });

  it('says a failure as a state, and keeps what it knew', async () => {
    server.jobs = [aJob()];
    await model.refresh();
    server.jobsClient.jobs.mockRejectedValueOnce(new LccError('unreachable', 'no'));
    await model.refresh();
    expect(model.state).toMatchObject({ phase: 'failed', error: { code: 'unreachable' } });
    expect(model.active).toHaveLength(1);
  });

  it('reads a log on and on until it is complete', async () => {
    server.jobs = [aJob()];
    await model.refresh();
    server.log = { text: 'one\n', next_offset: 4, complete: false };
    model.openLog('j1');
    await settled();
    server.log = { text: 'two\n', next_offset: 8, complete: true };
    next();
    await settled();
    expect(server.jobsClient.jobLog.mock.calls).toEqual([
      ['j1', 0],
      ['j1', 4]
    ]);
    expect(model.state.logs.get('j1')).toEqual({
      text: 'one\ntwo\n',
      cut: false,
      complete: true,
      error: null
    });
  });

  it('keeps the end of a very long log', async () => {
    server.jobs = [aJob()];
    await model.refresh();
    server.log = { text: `${'x'.repeat(MOST_LOG)}end`, next_offset: 9, complete: true };
    model.openLog('j1');
    await settled();
    const log = model.state.logs.get('j1');
    expect(log?.text).toHaveLength(MOST_LOG);
    expect(log?.text.endsWith('end')).toBe(true);
    expect(log?.cut).toBe(true);
  });

  it('goes on reading after the net was gone, and stops when the log is closed', async () => {
    server.jobs = [aJob()];
    await model.refresh();
    server.jobsClient.jobLog.mockRejectedValueOnce(new LccError('unreachable', 'no'));
    model.openLog('j1');
    await settled();
    expect(model.state.logs.get('j1')?.error?.code).toBe('unreachable');
    server.log = { text: 'hi', next_offset: 2, complete: false };
    next();
    await settled();
    expect(model.state.logs.get('j1')).toMatchObject({ text: 'hi', error: null });
    model.closeLog('j1');
    next();
    await settled();
    expect(server.jobsClient.jobLog).toHaveBeenCalledTimes(2);
  });

  it('cancels and dismisses, and says what was refused', async () => {
    const board = new FakeBoard();
    const actions = new JobActions(model, speech, board);
    server.jobs = [aJob(), aJob({ id: 'j2', state: 'failed' })];
    await model.refresh();
    await actions.cancel('j1');
    await actions.dismissAll();
    expect(server.jobsClient.cancelJob).toHaveBeenCalledWith('j1');
    expect(server.jobsClient.dismissJob.mock.calls).toEqual([['j2']]);
    server.jobsClient.cancelJob.mockRejectedValueOnce(new LccError('conflict', 'It has ended.'));
    await actions.cancel('j2');
    expect(board.messages).toEqual(['It has ended.']);
    expect(model.state.pending.size).toBe(0);
  });
});

describe('JobTeller', () => {
  const setUp = (): {
    board: FakeBoard;
    end(change: Partial<Job>): Promise<void>;
    calls: string[];
  } => {
    const server = new FakeWorkServer();
    const jobs = new JobsModel(server.jobsClient);
    const board = new FakeBoard();
    const calls: string[] = [];
    new JobTeller({
      jobs,
      speech,
      board,
      announcer: new Announcer(),
      isOn: () => true,
      openNotebook: kernel => calls.push(`open ${kernel}`),
      undoDelete: id => calls.push(`undo ${id}`),
      showLog: id => calls.push(`log ${id}`),
      showBoth: id => calls.push(`both ${id}`),
      showSync: name => calls.push(`sync ${name}`)
    });
    const end = async (change: Partial<Job>): Promise<void> => {
      server.jobs = [aJob(change)];
      jobs.adopt(aJob());
      await settled();
    };
    return { board, end, calls };
  };

  it('offers a notebook with the new kernel, in one click', async () => {
    const { board, end, calls } = setUp();
    await end({
      state: 'succeeded',
      result: { name: 'analysis', kernel: { spec_name: 'lcc-analysis', display_name: 'x' } }
    });
    expect(board.messages).toEqual(['analysis is ready.']);
    board.press('Open notebook with this kernel');
    expect(calls).toEqual(['open lcc-analysis']);
    expect(board.messages).toEqual([]);
  });

  it('offers to undo a deletion', async () => {
    const { board, end, calls } = setUp();
    await end({ kind: 'environment.delete', state: 'succeeded', result: { trash_id: 't1' } });
    board.press('Undo');
    expect(calls).toEqual(['undo t1']);
  });

  it('stays with a failure and shows its log', async () => {
    const { board, end, calls } = setUp();
    await end({ state: 'failed', error: { code: 'unsatisfiable', message: 'No.\nBecause.', detail: {} } });
    expect(board.messages).toEqual(['Failed: Make analysis. No.']);
    expect([...board.shown.values()][0]?.autoClose).toBe(false);
    board.press('Show the log');
    expect(calls).toEqual(['log j1']);
  });

  it('says nothing aloud of what a person cancelled', async () => {
    const { board, end } = setUp();
    await end({ state: 'cancelled' });
    expect(board.messages).toEqual([]);
  });
});

describe('the words of jobs', () => {
  it.each([
    [{ done: 3, total: 9, unit: 'packages' as const, label: 'link' }, 'Installing – 3 of 9 packages', 1 / 3],
    [
      { done: 1e6, total: 4e6, unit: 'bytes' as const, label: 'download' },
      'Downloading – 1 MB of 4 MB',
      0.25
    ],
    [{ done: 0, total: null, unit: 'steps' as const, label: 'solve' }, 'Finding versions that fit', null],
    [{ done: 1, total: 3, unit: 'steps' as const, label: 'numpy' }, 'numpy – step 2 of 3', 1 / 3],
    [null, null, null]
  ])('say %j', (progress, words, fraction) => {
    expect(progressOf(speech, aJob({ progress }))).toBe(words);
    expect(fractionOf(aJob({ progress }))).toBe(fraction);
  });

  it('have a sentence for each state, and the name of a kind they do not know', () => {
    const states = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted'] as const;
    const said = states.map(state => stateOf(speech, aJob({ state })));
    expect(new Set(said).size).toBe(states.length);
    expect(stateOf(speech, aJob({ cancelling: true }))).toBe('Ending…');
    expect(titleOf(speech, aJob({ kind: 'image.build' }))).toBe('image.build: analysis');
    expect(doneOf(speech, aJob({ kind: 'image.build', subject: '' }))).toBe('Done: image.build');
  });

  it('find the kernel in a result only where there is one', () => {
    expect(kernelOf(aJob())).toBeNull();
    expect(kernelOf(aJob({ result: { kernel: 1 } }))).toBeNull();
    expect(kernelOf(aJob({ result: { kernel: { spec_name: 'k' } } }))).toEqual({
      spec_name: 'k',
      display_name: 'k'
    });
  });
});
