import type { Event } from '@jupyterlab/services';
import { Stream } from '@lumino/signaling';

import { aListState, makeLists } from '../../__tests__/fakeLists';
import { FakeBoard, settled, speechInEnglish } from '../../__tests__/fakes';
import { aJob } from '../../__tests__/fakeWork';
import { LccError } from '../../api/errors';
import { ListEvents, PACKAGE_LISTS_EVENT } from '../../api/events';
import { DriftTeller } from '../driftTeller';
import { ListFreshness } from '../freshness';
import { JobTeller } from '../../jobs/teller';

function aStream(): Stream<Event.IManager, Event.Emission> {
  return new Stream<Event.IManager, Event.Emission>({} as Event.IManager);
}

describe('PackageListsModel', () => {
  it('asks once somebody looks, and keeps what it knew when the server fails', async () => {
    const { lists, listServer } = makeLists();
    await lists.model.wake();
    expect(lists.model.find('team')?.status).toBe('in_sync');
    listServer.client.packageLists.mockRejectedValueOnce(new LccError('unreachable', 'no'));
    await lists.model.refresh();
    expect(lists.model.state).toMatchObject({ phase: 'failed', error: { code: 'unreachable' } });
    expect(lists.model.find('team')).not.toBeNull();
    await lists.model.refresh();
    expect(lists.model.state).toMatchObject({ phase: 'ready', error: null });
  });

  it('gives the jobs it began to the jobs, and is pending meanwhile', async () => {
    const { lists, work } = makeLists();
    await lists.model.wake();
    const sent = lists.model.sync('team', { etag: 'e' });
    expect(lists.model.state.pending.has('list:team')).toBe(true);
    await sent;
    expect(lists.model.state.pending.size).toBe(0);
    expect(work.jobs.active.map(({ kind }) => kind)).toEqual(['environment.sync']);
  });

  it('asks for a diff with other packages kept by a dry run', async () => {
    const { lists, listServer } = makeLists();
    await lists.model.diff('team', null);
    await lists.model.diff('team', ['zlib']);
    expect(listServer.client.diffPackageList).toHaveBeenCalledWith('team');
    expect(listServer.client.planSync).toHaveBeenCalledWith('team', ['zlib']);
  });

  it('removes exactly what it knows, so that a newer revision is not lost', async () => {
    const { lists, listServer } = makeLists();
    await lists.model.wake();
    await lists.model.remove('team');
    expect(listServer.client.deletePackageList).toHaveBeenCalledWith('team', '000003-id3');
  });
});

describe('ListFreshness', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const pass = async (ms: number): Promise<void> => {
    await jest.advanceTimersByTimeAsync(ms);
    await settled();
  };

  it('asks nothing before somebody looks, then on news, on the end of a change, and now and then', async () => {
    const { lists, listServer, work, server } = makeLists();
    const stream = aStream();
    const freshness = new ListFreshness(lists.model, new ListEvents({ stream }), work.jobs);
    const asked = (): number => listServer.client.packageLists.mock.calls.length;
    const say = (): void => stream.emit({ schema_id: PACKAGE_LISTS_EVENT, kind: 'changed', name: null });
    say();
    await pass(60_000);
    expect(asked()).toBe(0);
    await lists.model.wake();
    say();
    say();
    await pass(1000);
    expect(asked()).toBe(2);
    server.jobs = [aJob()];
    await work.jobs.wake();
    server.jobs = [aJob({ state: 'succeeded' })];
    await work.jobs.refresh();
    await pass(1000);
    expect(asked()).toBe(3);
    await pass(60_000);
    expect(asked()).toBeGreaterThan(3);
    freshness.dispose();
    const before = asked();
    say();
    await pass(60_000);
    expect(asked()).toBe(before);
  });
});

describe('DriftTeller', () => {
  it('tells of each list once, with the way to see what a sync would do', () => {
    const board = new FakeBoard();
    const stream = aStream();
    const shown: string[] = [];
    let on = true;
    new DriftTeller({
      events: new ListEvents({ stream }),
      speech: speechInEnglish(),
      board,
      isOn: () => on,
      showSync: name => shown.push(name)
    });
    const say = (kind: string, name: string | null): void =>
      stream.emit({ schema_id: PACKAGE_LISTS_EVENT, kind, name });
    say('changed', 'team');
    say('drifted', null);
    say('of_a_newer_server', 'team');
    expect(board.messages).toHaveLength(0);
    say('drifted', 'team');
    say('drifted', 'team');
    expect(board.messages).toHaveLength(1);
    board.press('Preview sync');
    expect(shown).toEqual(['team']);
    expect(board.messages).toHaveLength(0);
    on = false;
    say('drifted', 'other');
    expect(board.messages).toHaveLength(0);
  });
});

describe('PackageListActions', () => {
  it('says in words why something can’t be done', async () => {
    const { lists, listServer, board } = makeLists();
    listServer.client.checkPackageLists.mockRejectedValueOnce(
      new LccError('not_reachable', 'No route to the bucket.')
    );
    await expect(lists.actions.check()).resolves.toBe(false);
    expect(board.messages).toEqual(['The source does not answer: No route to the bucket.']);
  });

  it('restores over what is known', async () => {
    const { lists, listServer } = makeLists();
    listServer.lists = [aListState({ etag: 'now' })];
    await lists.model.wake();
    await lists.actions.restore('team', 1);
    expect(listServer.client.restorePackageList).toHaveBeenCalledWith(
      'team',
      { revision: 1, message: '' },
      'now'
    );
  });
});

describe('JobTeller', () => {
  it('leads to both sides of a lost race, and to what a sync would do by now', async () => {
    const { work, server, board } = makeLists();
    const shown: string[] = [];
    new JobTeller({
      jobs: work.jobs,
      speech: speechInEnglish(),
      board,
      announcer: { tell: jest.fn() },
      isOn: () => true,
      openNotebook: jest.fn(),
      undoDelete: jest.fn(),
      showLog: jest.fn(),
      showBoth: id => shown.push(`both ${id}`),
      showSync: name => shown.push(`sync ${name}`)
    });
    const publish = aJob({ id: 'p', kind: 'lists.publish', subject: 'team', key: 'list:team' });
    const sync = aJob({ id: 's', kind: 'environment.sync', subject: 'team', key: 'env:team' });
    server.jobs = [publish, sync];
    await work.jobs.wake();
    const lost = { code: 'lost_race', message: 'lee was first.', detail: { text: 'dependencies: []' } };
    const other = { code: 'conflict', message: 'It has changed.', detail: {} };
    server.jobs = [
      { ...publish, state: 'failed', error: lost },
      { ...sync, state: 'failed', error: other }
    ];
    await work.jobs.refresh();
    board.press('Show both sides');
    board.press('Look again');
    expect(shown).toEqual(['both p', 'sync team']);
  });
});
