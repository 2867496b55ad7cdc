import * as React from 'react';
import { createRoot, type Root } from 'react-dom/client';

import {
  aJob,
  aList,
  anEnvironment,
  aPackage,
  aPlan,
  aPlanItem,
  aTrashed,
  FakeWorkServer,
  makeWork
} from '../../__tests__/fakeWork';
import { NOW, speechInEnglish } from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import type { Feature } from '../../api/generated';
import { EnvironmentsSection } from '../views/section';
import { JobsSection } from '../views/jobsSection';
import { Sheets } from '../views/sheets';

const speech = speechInEnglish();
const THERE: Feature = { available: true, why_not: null };
const { act } = React as unknown as { act(work: () => Promise<void>): Promise<void> };

describe('the views of environments', () => {
  let host: HTMLElement;
  let root: Root;
  let server: FakeWorkServer;

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
    server = new FakeWorkServer();
  });

  afterEach(async () => {
    await act(async () => root.unmount());
    host.remove();
  });

  const render = async (node: JSX.Element): Promise<void> => act(async () => root.render(node));
  const section = async (feature = THERE): Promise<ReturnType<typeof makeWork>> => {
    const made = makeWork(server);
    await render(
      <EnvironmentsSection
        work={made.work}
        disclosure={made.disclosure}
        speech={speech}
        feature={feature}
        now={() => new Date(NOW)}
        onMenu={jest.fn()}
      />
    );
    return made;
  };
  const sheets = async (): Promise<ReturnType<typeof makeWork>> => {
    const made = makeWork(server);
    await act(async () => made.work.environments.wake());
    await render(
      <Sheets
        work={made.work}
        speech={speech}
        feature={() => THERE}
        save={made.saved}
        copy={jest.fn()}
        onBegun={jest.fn()}
      />
    );
    return made;
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
      const input = host.querySelector<HTMLInputElement>(selector);
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
      set?.call(input, text);
      input?.dispatchEvent(new Event('input', { bubbles: true }));
    });
  const key = (selector: string, name: string): Promise<void> =>
    act(async () => {
      host
        .querySelector(selector)
        ?.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
    });

  it('say what to do where nothing is there', async () => {
    server.list = aList([]);
    await section();
    expect(host.textContent).toContain('No environment yet.');
    expect(host.textContent).toContain('/home/jo/.conda/envs');
    expect(button('New environment').disabled).toBe(false);
  });

  it('say what to do where the engine is missing, and still show what is there', async () => {
    await section({ available: false, why_not: 'rattler_missing' });
    expect(host.textContent).toContain('pip install py-rattler');
    expect(host.textContent).toContain('analysis');
    expect(button('New environment').disabled).toBe(true);
  });

  it('say what to do offline and where the server does not answer', async () => {
    const problems = ['/home/jo/.condarc: expected a comma'];
    server.list = aList([], { channels: { defaults: [], allowed: null, offline: true, problems } });
    const { work } = await section();
    expect(host.textContent).toContain('conda’s configuration is not followed: /home/jo/.condarc');
    expect(host.textContent).toContain('Offline: only packages that were downloaded before');
    server.environmentsClient.environments.mockRejectedValueOnce(new LccError('unreachable', 'no'));
    await act(async () => work.environments.refresh());
    expect(host.textContent).toContain('The server does not answer.');
    expect(host.textContent).toContain('Below is what was known last.');
    await press('Try again');
    expect(host.textContent).not.toContain('The server does not answer.');
  });

  it('show what is on its way, with a bar, and cancel it', async () => {
    server.jobs = [
      aJob({
        id: 'c',
        subject: 'fresh',
        key: 'env:fresh',
        progress: { done: 1, total: 4, unit: 'packages', label: 'link' }
      })
    ];
    await section();
    const bar = host.querySelector('[role=progressbar]');
    expect(bar?.getAttribute('aria-valuenow')).toBe('25');
    expect(bar?.getAttribute('aria-valuetext')).toBe('Installing – 1 of 4 packages');
    await press('Cancel Make fresh');
    expect(server.jobsClient.cancelJob).toHaveBeenCalledWith('c');
  });

  it('make only the rows of a thousand packages that can be seen', async () => {
    server.packages = Array.from({ length: 1000 }, (_, index) => aPackage(`lib${index}`));
    const { disclosure } = await section();
    expect(server.environmentsClient.packages).not.toHaveBeenCalled();
    await act(async () => disclosure.set('env:analysis', true));
    const rows = host.querySelectorAll('.jp-Lcc-window li');
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.length).toBeLessThan(60);
    expect(rows[0]?.getAttribute('aria-setsize')).toBe('1000');
    await write('input[type=search]', 'lib99');
    expect(host.querySelectorAll('.jp-Lcc-window li')).toHaveLength(11);
  });

  it('gather changes and look at them before they are done', async () => {
    const { work, disclosure } = await section();
    await act(async () => disclosure.set('env:analysis', true));
    await press('Remove zlib');
    await write('[role=combobox]', 'scipy>=1.2, rich');
    await key('[role=combobox]', 'Enter');
    await press('Preview');
    expect(work.workbench.sheet).toEqual({
      kind: 'proposal',
      proposal: {
        kind: 'change',
        name: 'analysis',
        wish: { install: ['scipy>=1.2', 'rich'], remove: ['zlib'] }
      }
    });
  });

  it('only look at what lies elsewhere', async () => {
    server.list = aList([anEnvironment({ managed: false, persistent: false, advice: 'clone_to_keep' })]);
    const { disclosure } = await section();
    expect(host.textContent).toContain('Lost when this machine restarts');
    await act(async () => disclosure.set('env:analysis', true));
    expect(host.textContent).toContain('Clone it: clones are made under the home directory');
    expect(host.querySelector('[role=combobox]')).toBeNull();
  });

  it('show the versions and the way back, and what the doctor found with its fix', async () => {
    server.findings = [
      { code: 'ipykernel_missing', level: 'error', message: '', advice: '', fix: 'install_ipykernel' }
    ];
    const { work, disclosure } = await section();
    await act(async () => disclosure.set('env:analysis', true));
    await press('Versions');
    expect(host.textContent).toContain('Version 2, now');
    await press('What has changed since');
    expect(server.environmentsClient.versionDiff).toHaveBeenCalledWith('analysis', { from: 1 });
    await press('Roll back to version 1');
    expect(work.workbench.sheet).toMatchObject({ proposal: { kind: 'rollback', version: 1 } });
    await press('Health');
    expect(host.textContent).toContain('ipykernel is missing');
    await press('Install ipykernel');
    expect(server.environmentsClient.fixEnvironment).toHaveBeenCalledWith('analysis', 'install_ipykernel');
  });

  it('take an environment out of the trash', async () => {
    server.list = aList([], { trash: [aTrashed()] });
    await section();
    await press('Trash (1)');
    await press('Restore old');
    expect(server.environmentsClient.restoreEnvironment).toHaveBeenCalledWith('t1');
  });

  it('show how long work stands, and read its log', async () => {
    server.jobs = [
      aJob({
        state: 'failed',
        error: { code: 'x', message: 'No candidates.', detail: {} },
        finished_at: null
      }),
      aJob({ id: 'j2', state: 'interrupted' })
    ];
    server.log = { text: 'said this', next_offset: 9, complete: true };
    const { work } = makeWork(server);
    await render(<JobsSection work={work} speech={speech} now={() => new Date(NOW)} />);
    expect(host.textContent).toContain('No candidates.');
    expect(host.textContent).toContain('Interrupted: the server ended');
    await press('Log of Make analysis');
    expect(host.querySelector('[role=log]')?.textContent).toBe('said this');
    await press('Dismiss all that is over');
    expect(server.jobsClient.dismissJob).toHaveBeenCalledTimes(2);
  });

  it('look at what a new environment brings, then make it', async () => {
    const { work } = await sheets();
    await act(async () => work.workbench.show({ kind: 'create', wish: {} }));
    await write('#jp-Lcc-createName', 'analysis');
    expect(host.textContent).toContain('There is an environment analysis already.');
    await write('#jp-Lcc-createName', 'my env');
    await write('#jp-Lcc-createPackages', 'numpy>=2 ');
    await press('Preview');
    expect(server.environmentsClient.planCreate).toHaveBeenCalledWith({
      name: 'my-env',
      packages: ['python', 'numpy>=2'],
      register_kernel: true
    });
    expect(host.textContent).toContain('1 package is installed. 2 MB are downloaded.');
    await press('Create');
    expect(server.environmentsClient.createEnvironment).toHaveBeenCalledTimes(1);
    expect(work.workbench.sheet).toBeNull();
  });

  it('complete names from the channels by keyboard', async () => {
    jest.useFakeTimers();
    try {
      const { work } = await sheets();
      await act(async () => work.workbench.show({ kind: 'create', wish: { name: 'x', packages: [] } }));
      await write('#jp-Lcc-createPackages', 'num');
      await act(async () => {
        await jest.advanceTimersByTimeAsync(500);
      });
      expect([...host.querySelectorAll('[role=option]')].map(each => each.textContent)).toEqual([
        'numpy',
        'numba'
      ]);
      await key('#jp-Lcc-createPackages', 'ArrowDown');
      await key('#jp-Lcc-createPackages', 'Enter');
      expect(host.querySelector('.jp-Lcc-chip')?.textContent).toBe('numpy');
      expect(host.querySelectorAll('[role=option]')).toHaveLength(0);
    } finally {
      jest.useRealTimers();
    }
  });

  it('say why nothing fits, word for word, and keep what was filled in', async () => {
    const { work } = await sheets();
    await act(async () =>
      work.workbench.show({ kind: 'create', wish: { name: 'x', packages: ['tensorflow=9'] } })
    );
    server.environmentsClient.planCreate.mockRejectedValueOnce(
      new LccError('unsatisfiable', 'Because:\n└─ no')
    );
    await press('Preview');
    expect(host.querySelector('[role=alert]')?.textContent).toBe('Because:\n└─ no');
    expect(host.querySelector('.jp-Lcc-chip')?.textContent).toBe('tensorflow=9');
  });

  it('ask for the file first', async () => {
    const { work } = await sheets();
    await act(async () => work.workbench.show({ kind: 'create', wish: { name: 'x', file: null } }));
    await act(async () => host.querySelectorAll<HTMLInputElement>('[type=radio]')[1]?.click());
    await press('Create');
    expect(host.textContent).toContain('Choose a file first.');
    expect(server.environmentsClient.createEnvironment).not.toHaveBeenCalled();
  });

  it('name what a change does to running notebooks, and empty the basket once it is asked for', async () => {
    const { work } = await sheets();
    server.plan = aPlan({
      add: [aPlanItem('numpy')],
      running_kernels: [{ kernel_id: 'k', spec_name: 's', path: 'train.ipynb', state: 'busy' }],
      post_link: ['openjdk']
    });
    await act(async () =>
      work.environmentActions.propose({ kind: 'change', name: 'analysis', wish: { install: ['numpy'] } })
    );
    expect(host.textContent).toContain('Running: train.ipynb.');
    expect(host.textContent).toContain('scripts that are not run: openjdk');
    await press('Change it');
    expect(server.environmentsClient.changeEnvironment).toHaveBeenCalledWith('analysis', {
      install: ['numpy']
    });
    expect(work.workbench.sheet).toBeNull();
  });

  it('have nothing to press where there is nothing to do', async () => {
    const { work } = await sheets();
    server.plan = aPlan();
    await act(async () =>
      work.environmentActions.propose({ kind: 'rollback', name: 'analysis', version: 1 })
    );
    expect(host.textContent).toContain('There is nothing to do.');
    expect(() => button('Roll back')).toThrow();
  });

  it('keep an environment as a file in the form that was chosen', async () => {
    const { work, saved } = await sheets();
    await act(async () => work.workbench.show({ kind: 'export', name: 'analysis' }));
    await act(async () => host.querySelectorAll<HTMLInputElement>('[type=radio]')[3]?.click());
    expect(server.environmentsClient.exportEnvironment).toHaveBeenLastCalledWith('analysis', {
      format: 'lock',
      all: false
    });
    await press('Download');
    expect(saved).toHaveBeenCalledTimes(1);
  });
});
