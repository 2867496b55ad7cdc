import * as React from 'react';
import { createRoot, type Root } from 'react-dom/client';

import { aDiff, aListState, aMerged, aRevision, aSource, makeLists } from '../../__tests__/fakeLists';
import { NOW, speechInEnglish } from '../../__tests__/fakes';
import { aJob } from '../../__tests__/fakeWork';
import { LccError } from '../../api/errors';
import type { Feature, MergedList } from '../../api/generated';
import { PAUSE_MS } from '../views/editor';
import { ListsSection } from '../views/section';
import { ListSheets } from '../views/sheets';

const speech = speechInEnglish();
const THERE: Feature = { available: true, why_not: null };
const { act } = React as unknown as { act(work: () => Promise<void>): Promise<void> };

function lostTo(both: MergedList): LccError {
  return new LccError('lost_race', 'lee published first.', both as unknown as LccError['detail'], 412);
}

describe('the views of package lists', () => {
  let host: HTMLElement;
  let root: Root;
  let made: ReturnType<typeof makeLists>;

  beforeEach(() => {
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
    // jsdom has the element, not its methods.
    Object.assign(HTMLDialogElement.prototype, {
      showModal(this: HTMLDialogElement) {
        this.open = true;
      },
      close(this: HTMLDialogElement) {
        this.open = false;
      }
    });
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
    made = makeLists();
    jest.useFakeTimers();
  });

  afterEach(async () => {
    await act(async () => root.unmount());
    jest.useRealTimers();
    host.remove();
  });

  const render = async (node: JSX.Element): Promise<void> => act(async () => root.render(node));
  const section = (feature = THERE): Promise<void> =>
    render(
      <ListsSection
        lists={made.lists}
        work={made.work}
        disclosure={made.disclosure}
        speech={speech}
        feature={feature}
        now={() => new Date(NOW)}
        onMenu={jest.fn()}
      />
    );
  const sheets = async (): Promise<void> => {
    await act(async () => made.lists.model.wake());
    await render(
      <ListSheets
        lists={made.lists}
        work={made.work}
        speech={speech}
        now={() => new Date(NOW)}
        onBegun={jest.fn()}
      />
    );
  };
  const button = (name: string): HTMLButtonElement => {
    const all = [...host.querySelectorAll('button')];
    const found = all.find(each => (each.getAttribute('aria-label') ?? each.textContent) === name);
    if (!found) {
      throw new Error(`no button ${name}: ${all.map(each => each.textContent).join()}`);
    }
    return found;
  };
  const press = (name: string): Promise<void> => act(async () => button(name).click());
  const write = (selector: string, text: string): Promise<void> =>
    act(async () => {
      const field = host.querySelector<HTMLInputElement | HTMLTextAreaElement>(selector);
      const kind = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
      Object.getOwnPropertyDescriptor(kind.prototype, 'value')?.set?.call(field, text);
      field?.dispatchEvent(new Event('input', { bubbles: true }));
    });
  const choose = (selector: string): Promise<void> =>
    act(async () => host.querySelector<HTMLInputElement>(selector)?.click());
  const looked = (): Promise<void> =>
    act(async () => {
      await jest.advanceTimersByTimeAsync(PAUSE_MS);
    });

  it.each([
    [{ status: 'in_sync' as const }, 'In sync'],
    [{ status: 'drifted' as const }, 'Drifted: packages were changed here'],
    [
      { status: 'drifted' as const, changed: { items: [], known: false } },
      'Drifted: it has other packages than the list'
    ],
    [{ status: 'behind' as const }, 'Behind: the list has changed'],
    [{ status: 'syncing' as const }, 'Syncing…'],
    [{ from_copy: true }, 'Source unreachable: the list as read last is used'],
    [{ required: true }, 'Required by your administrator'],
    [
      {
        status: 'refused' as const,
        refused: [
          { rule: 'denied_packages: evil*', subject: 'evil', message: 'evil is denied.', platform: null }
        ]
      },
      /evil is denied\. \(rule: denied_packages: evil\*\)/
    ],
    [
      // the server's sentence names the rule, and both the list and its lock have the package
      {
        status: 'refused' as const,
        refused: [null, 'linux-64'].map(platform => ({
          rule: 'denied_packages: evil',
          subject: 'evil',
          message: 'evil is not allowed here (denied_packages: evil).',
          platform
        }))
      },
      /administratorevil is not allowed here \(denied_packages: evil\)\.Preview/
    ]
  ])('say how a list stands: %j', async (change, words) => {
    made.listServer.lists = [aListState(change)];
    await section();
    expect(host.textContent).toMatch(words);
  });

  it('say what to do where nothing is there', async () => {
    made.listServer.lists = [];
    made.listServer.sources = [];
    await section();
    expect(host.textContent).toContain('Add a source first');
    expect(button('Publish…').disabled).toBe(true);
    await press('Add a source…');
    expect(made.lists.workbench.sheet).toEqual({ kind: 'source' });
  });

  it('say whom to ask where users may add no sources', async () => {
    made.listServer.lists = [];
    made.listServer.sources = [];
    made.listServer.mayAdd = false;
    await section();
    expect(host.textContent).toContain('Your administrator has not set up a source');
    expect(() => button('Add a source…')).toThrow();
  });

  it('say what to do where the server does not answer or can install nothing', async () => {
    await section({ available: false, why_not: 'rattler_missing' });
    expect(host.textContent).toContain('Lists can be looked at, not synced');
    made.listServer.client.packageLists.mockRejectedValueOnce(new LccError('unreachable', 'no'));
    await act(async () => made.lists.model.refresh());
    expect(host.textContent).toContain('The server does not answer.');
    expect(host.textContent).toContain('Below is what was known last.');
    await press('Try again');
    expect(host.textContent).not.toContain('The server does not answer.');
  });

  it('open a list with where it is, who published it and who changed what', async () => {
    made.listServer.lists = [
      aListState({
        status: 'drifted_and_behind',
        set_hash: 'sha256:bbbbbbbbbbbb',
        changed: {
          items: [
            // conda's come with their build
            {
              name: 'numpy',
              manager: 'conda',
              synced: '1 h0',
              installed: '2 h1',
              wanted: '1 h0',
              by: 'here'
            },
            { name: 'zlib', manager: 'conda', synced: '3 h0', installed: '3 h1', wanted: '3 h0', by: 'here' },
            { name: 'black', manager: 'pip', synced: null, installed: '25', wanted: null, by: 'here' },
            { name: 'ruff', manager: 'pip', synced: '1', installed: null, wanted: '2', by: 'both' }
          ],
          known: true
        }
      })
    ];
    await section();
    await press('team');
    expect(host.textContent).toContain('/shared/lists');
    expect(host.textContent).toContain('by kim');
    expect([...host.querySelectorAll('.jp-Lcc-changed')].map(({ textContent }) => textContent)).toEqual([
      'numpy changed here: 1 → 2',
      'zlib changed here: 3, another build',
      'black installed here: 25',
      'ruff changed here: 1 → not there; in the list: 1 → 2'
    ]);
    expect(host.textContent).toContain('installed here is bbbbbbbbbb');
    await press('History of team');
    expect(made.lists.workbench.sheet).toEqual({ kind: 'history', name: 'team' });
  });

  it('show the sync that runs with its bar, and both sides of a race that was lost', async () => {
    made.server.jobs = [
      aJob({ id: 's', kind: 'environment.sync', subject: 'team', key: 'env:team' }),
      aJob({
        id: 'p',
        kind: 'lists.publish',
        subject: 'team',
        key: 'list:team',
        state: 'failed',
        error: { code: 'lost_race', message: 'lee was first.', detail: aMerged() as never }
      })
    ];
    await section();
    expect(host.querySelector('[role=progressbar]')).not.toBeNull();
    made.server.jobs = made.server.jobs.slice(1);
    await act(async () => made.work.jobs.refresh());
    expect(host.textContent).toContain('lee was first.');
    await press('Show both sides');
    expect(made.lists.workbench.sheet).toMatchObject({ kind: 'merge', name: 'team' });
  });

  it('remove only sources of one’s own', async () => {
    made.listServer.sources = [
      aSource({ id: 'a', place: 's3://team/lists', configured: true, problem: 'timed out' }),
      aSource({ id: 'b', place: '/mine' })
    ];
    await section();
    await press('Sources (2), not all answer');
    expect(host.textContent).toContain('It does not answer: timed out. What was read last is used.');
    expect(button('Remove the source /mine')).toBeDefined();
    expect(() => button('Remove the source s3://team/lists')).toThrow();
  });

  it('sync exactly what was shown', async () => {
    await sheets();
    await act(async () => made.lists.actions.openSync('team'));
    expect(host.textContent).toContain('1 package is installed, 1 is removed.');
    await press('Sync');
    expect(made.listServer.client.syncPackageList).toHaveBeenCalledWith('team', {
      etag: '000003-id3',
      plan_hash: 'h1',
      keep: null
    });
    expect(made.lists.workbench.sheet).toBeNull();
  });

  it('ask again where a sync would do something else by now', async () => {
    await sheets();
    await act(async () => made.lists.actions.openSync('team'));
    const now = aDiff({ plan_hash: 'h2', remove: [] });
    made.listServer.client.syncPackageList.mockRejectedValueOnce(
      new LccError('conflict', 'changed', { diff: now } as never, 409)
    );
    await press('Sync');
    expect(host.textContent).toContain('Something has changed in the meantime, so nothing was done.');
    await press('Sync');
    expect(made.listServer.client.syncPackageList).toHaveBeenLastCalledWith(
      'team',
      expect.objectContaining({ plan_hash: 'h2' })
    );
  });

  it('keep a package that is named, and show what that changes', async () => {
    await sheets();
    await act(async () => made.lists.actions.openSync('team'));
    await write('#jp-Lcc-keep', 'zlib');
    await act(async () => {
      host
        .querySelector('#jp-Lcc-keep')
        ?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
    });
    expect(host.textContent).not.toContain('1 is removed');
    await press('Sync');
    expect(made.listServer.client.syncPackageList).toHaveBeenCalledWith(
      'team',
      expect.objectContaining({ keep: ['zlib'] })
    );
  });

  it('let versions be chosen first where the list has no lock for this machine', async () => {
    await sheets();
    const { listServer, lists, work, server } = made;
    listServer.diff = aDiff({ to_solve: true, add: [], remove: [], plan_hash: '' });
    await act(async () => lists.actions.openSync('team'));
    expect(host.textContent).toContain('The list has no lock for linux-64: choosing versions');
    expect(host.textContent).not.toContain('There is nothing to do.');
    expect(button('Sync').disabled).toBe(true);
    listServer.diff = aDiff({ solved_here: true });
    server.jobs = server.jobs.map(job => ({ ...job, state: 'succeeded' as const }));
    await act(async () => work.jobs.refresh());
    expect(host.textContent).toContain('No lock of the list holds for linux-64');
    expect(button('Sync').disabled).toBe(false);
  });

  it('say why no versions could be chosen, and let it be tried again', async () => {
    await sheets();
    const { listServer, lists, work, server } = made;
    listServer.diff = aDiff({ to_solve: true, add: [], remove: [], plan_hash: '' });
    await act(async () => lists.actions.openSync('team'));
    const error = { code: 'unsatisfiable', message: 'numpy 9 does not exist', detail: {} };
    server.jobs = server.jobs.map(job => ({ ...job, state: 'failed' as const, error }));
    await act(async () => work.jobs.refresh());
    expect(host.textContent).toContain('numpy 9 does not exist');
    expect(button('Sync').disabled).toBe(true);
    expect(listServer.client.planSync).toHaveBeenCalledTimes(1);
    await press('Try again');
    expect(listServer.client.planSync).toHaveBeenCalledTimes(2);
  });

  it('have nothing to press where nothing is to do, or it is not allowed', async () => {
    await sheets();
    made.listServer.diff = aDiff({ add: [], remove: [] });
    await act(async () => made.lists.actions.openSync('team'));
    expect(host.textContent).toContain('There is nothing to do.');
    expect(() => button('Sync')).toThrow();
    await act(async () => made.lists.workbench.show(null));
    made.listServer.diff = aDiff({
      refused: [{ rule: 'denied_licenses: GPL*', subject: 'x', message: 'x is GPL.', platform: null }],
      from_copy: true,
      solved_here: true,
      notes: ['The source does not answer; this is the list as it was read last.']
    });
    await act(async () => made.lists.actions.openSync('team'));
    expect(host.textContent).toContain('x is GPL. (rule: denied_licenses: GPL*)');
    expect(host.textContent?.match(/as it was read last/g)).toHaveLength(1);
    expect(host.textContent).toContain('No lock of the list holds for linux-64');
    expect(() => button('Sync')).toThrow();
  });

  it('say what is wrong as it is typed, lead to the line, and publish nothing wrong', async () => {
    await sheets();
    await act(async () => made.lists.actions.openEdit('team'));
    made.listServer.checked = {
      understood: null,
      problems: [
        { message: 'It is no spec.', line: 2, column: 5, level: 'error', rule: null },
        { message: 'prefix has no effect.', line: 3, column: null, level: 'warning', rule: null }
      ]
    };
    await write('#jp-Lcc-listText', 'dependencies:\n  - "=="\nprefix: /x\n');
    await looked();
    expect(host.textContent).toContain('Line 2 It is no spec.');
    expect(button('Publish').disabled).toBe(true);
    await press('Line 2');
    const field = host.querySelector<HTMLTextAreaElement>('#jp-Lcc-listText');
    expect(field?.value.slice(field.selectionStart, field.selectionEnd)).toBe('  - "=="');
    made.listServer.checked = { understood: null, problems: [] };
    await write('#jp-Lcc-listText', 'dependencies:\n  - numpy=2\n');
    await looked();
    await write('#jp-Lcc-listMessage', 'newer numpy');
    await press('Publish');
    expect(made.listServer.client.putPackageList).toHaveBeenCalledWith(
      'team',
      { text: 'dependencies:\n  - numpy=2\n', message: 'newer numpy', source: null },
      '000003-id3'
    );
    expect(made.lists.workbench.sheet).toBeNull();
  });

  it('make a new list in a source', async () => {
    await sheets();
    await act(async () => made.lists.actions.openEdit(null));
    await press('Publish');
    expect(host.textContent).toContain('It needs a name.');
    await write('#jp-Lcc-listName', 'team');
    expect(host.textContent).toContain('There is a list team already.');
    await write('#jp-Lcc-listName', 'other');
    await press('Publish');
    expect(made.listServer.client.putPackageList).toHaveBeenCalledWith(
      'other',
      expect.objectContaining({ source: 's1' }),
      null
    );
  });

  it('show both sides of a race, let a person choose, and publish over what was first', async () => {
    await sheets();
    await act(async () => made.lists.actions.openEdit('team'));
    await write('#jp-Lcc-listText', 'dependencies:\n  - numpy=2\n');
    made.listServer.client.putPackageList.mockRejectedValueOnce(lostTo(aMerged()));
    await press('Publish');
    expect(host.textContent).toContain('Two people changed team at once');
    expect(host.textContent).toContain('Choose a side in 1 conflict first.');
    expect(button('Publish both').disabled).toBe(true);
    await choose('[name=jp-Lcc-conflict-0]');
    expect(host.querySelector<HTMLTextAreaElement>('#jp-Lcc-mergedText')?.value).toContain('numpy=2');
    // Somebody was faster once more: their side is shown, and nothing is lost.
    made.listServer.client.putPackageList.mockRejectedValueOnce(
      lostTo(aMerged({ etag: '000005-id5', revision: aRevision(5), conflicts: [] }))
    );
    await press('Publish both');
    expect(host.textContent).toContain('Revision 5 was published first');
    await press('Publish both');
    expect(made.listServer.client.putPackageList).toHaveBeenLastCalledWith(
      'team',
      expect.objectContaining({ text: aMerged().text }),
      '000005-id5'
    );
    expect(made.lists.workbench.sheet).toBeNull();
  });

  it('publish an environment as a new list, and over one that is there', async () => {
    await act(async () => made.work.environments.wake());
    await sheets();
    await act(async () => made.lists.actions.openPublish(null, null));
    await press('Publish');
    expect(made.listServer.client.publishPackageList).toHaveBeenCalledWith(
      'analysis',
      { environment: 'analysis', source: 's1', message: '', exact: false },
      null
    );
    await act(async () => made.lists.actions.openPublish('team', 'analysis'));
    await press('Publish');
    expect(made.listServer.client.publishPackageList).toHaveBeenLastCalledWith(
      'team',
      expect.objectContaining({ environment: 'analysis', source: null }),
      '000003-id3'
    );
  });

  it('show the history with its texts, and restore an old revision', async () => {
    made.listServer.revisions = [
      aRevision(3),
      aRevision(2, { removed: true }),
      aRevision(1, { restored_from: 9 })
    ];
    await sheets();
    await act(async () => made.lists.actions.openHistory('team'));
    expect(host.textContent).toContain('Revision 3, now');
    expect(host.textContent).toContain('The list was removed.');
    expect(() => button('Restore revision 2')).toThrow();
    await press('Text of revision 1');
    expect(host.querySelector('pre')?.textContent).toContain('numpy=1');
    await press('Restore revision 1');
    expect(made.listServer.client.restorePackageList).toHaveBeenCalledWith(
      'team',
      { revision: 1, message: '' },
      '000003-id3'
    );
  });

  it('add a source of each kind, and say why one can’t be', async () => {
    await sheets();
    await act(async () => made.lists.actions.openSource());
    await choose('[name=jp-Lcc-sourceKind][type=radio]:not(:checked)');
    await write('#jp-Lcc-sourcePlace', 'bucket/lists');
    made.listServer.client.addListSource.mockRejectedValueOnce(
      new LccError('not_permitted', 's3:ListBucket is not allowed.')
    );
    await press('Add the source');
    expect(host.querySelector('[role=alert]')?.textContent).toBe('s3:ListBucket is not allowed.');
    await press('Add the source');
    expect(made.listServer.client.addListSource).toHaveBeenLastCalledWith({
      place: 's3://bucket/lists',
      mode: 'notify'
    });
    expect(made.lists.workbench.sheet).toBeNull();
  });
});
