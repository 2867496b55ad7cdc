import { expect, test } from '@playwright/test';

import { fakeEnvironment, fakeServer } from './fakeEnvironments';
import { fakeList, fakeLists, fakeRevision, fakeSource, type IFakeLists } from './fakePackageLists';
import { Lab } from './lab';
import { LabServer } from './server';

/** A list in every state there is. */
const ALL: IFakeLists = {
  lists: [
    fakeList('team-base', {
      status: 'drifted_and_behind',
      required: true,
      synced_revision: 6,
      set_hash: 'sha256:0000aaaa1111',
      keep: ['black'],
      changed: {
        items: [
          {
            name: 'numpy',
            manager: 'conda',
            synced: '1.26 py_0',
            installed: '2.0 py_0',
            wanted: '1.26 py_0',
            by: 'here'
          },
          { name: 'rich', manager: 'pip', synced: '13.0', installed: '13.0', wanted: '14.0', by: 'list' }
        ],
        known: true
      }
    }),
    fakeList('equal'),
    fakeList('copied', { status: 'behind', from_copy: true }),
    fakeList('coming', { status: 'not_installed', synced_at: null, synced_revision: null, set_hash: null }),
    fakeList('forbidden', {
      status: 'refused',
      refused: [
        { rule: 'denied_packages: evil*', subject: 'evil', message: 'evil is denied.', platform: null }
      ]
    }),
    fakeList('far', { status: 'unreachable', revision: null, message: 'No route to s3://elsewhere.' }),
    fakeList('torn', { status: 'invalid', message: 'line 4: not YAML' })
  ],
  sources: [
    fakeSource('team', { kind: 's3', place: 's3://a-bucket-of-the-team/lists', configured: true }),
    fakeSource('mine', { safe: false, why_not_safe: 'its file system has no locks', problem: 'timed out' })
  ]
};

const BOTH = {
  base: 'dependencies:\n  - numpy=1\n',
  mine: 'dependencies:\n  - numpy=2\n  - rich\n',
  theirs: 'dependencies:\n  - numpy=3\n',
  text: 'dependencies:\n  - numpy=3\n  - rich\n',
  conflicts: [{ section: 'conda', name: 'numpy', base: 'numpy=1', mine: 'numpy=2', theirs: 'numpy=3' }],
  etag: '000008-id8',
  revision: fakeRevision(8, { author: 'lee' })
};

test.describe('the states of the package lists section', () => {
  let server: LabServer;

  test.beforeAll(async () => {
    server = await LabServer.start();
  });

  test.afterAll(() => server.stop());

  test('says what to do where nothing is there, nothing answers, or nothing can be installed', async ({
    page
  }) => {
    const fake: IFakeLists = { lists: [], sources: [] };
    await fakeLists(page, fake);
    await (await Lab.open(page, server)).openPanel();
    const lab = new Lab(page);
    await expect(lab.panel).toContainText('Add a source first');
    await expect(lab.panel.getByRole('button', { name: 'Publish…' })).toBeDisabled();
    fake.whyNot = 'rattler_missing';
    fake.problem = { status: 503, body: { code: 'unreachable', message: 'no', detail: {} } };
    await (await Lab.open(page, server)).openPanel();
    await expect(lab.panel).toContainText('Lists can be looked at, not synced');
    await expect(lab.panel).toContainText('The server does not answer.');
    delete fake.problem;
    fake.lists = ALL.lists;
    await lab.panel.getByRole('button', { name: 'Try again' }).click();
    await expect(lab.panel).toContainText('In sync');
  });

  for (const theme of ['JupyterLab Light', 'JupyterLab Dark'] as const) {
    test(`has nothing axe finds, and fits 200 pixels (${theme})`, async ({ page }) => {
      await fakeServer(page, { environments: [fakeEnvironment('team-base')] });
      await fakeLists(page, {
        ...ALL,
        problems: [
          { message: 'It is no spec.', line: 2, column: 3, level: 'error', rule: null },
          { message: 'evil is denied.', line: 4, column: 3, level: 'warning', rule: 'denied_packages: evil*' }
        ]
      });
      const lab = await Lab.open(page, server);
      await lab.setTheme(theme);
      await lab.openPanel();
      await lab.execute('jupyter-lcc:show-package-list', { name: 'team-base' });
      await lab.panel.getByRole('button', { name: /^Sources/ }).click();
      await lab.setWidth(200);
      await expect(lab.panel).toContainText('Source unreachable: the list as read last is used');
      await expect(lab.panel).toContainText('numpy changed here: 1.26 → 2.0');
      expect(await lab.overflow()).toBe(0);
      expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
      const sheet = page.getByRole('dialog');
      for (const [command, words] of [
        ['sync-package-list', '200 packages are installed'],
        ['edit-package-list', 'It is no spec.'],
        ['publish-package-list', 'Publish as'],
        ['package-list-history', 'It brings revision 4 back.'],
        ['add-list-source', 'A folder of the server']
      ] as const) {
        await lab.execute(`jupyter-lcc:${command}`, { name: 'team-base' });
        await expect(sheet).toContainText(words);
        expect(await lab.axe('.jp-Lcc-sheet')).toEqual([]);
        await page.keyboard.press('Escape');
        await expect(sheet).toHaveCount(0);
      }
    });
  }

  test('syncs by keyboard alone, exactly what was shown', async ({ page }) => {
    const fake: IFakeLists = { ...ALL, asked: [] };
    await fakeLists(page, fake);
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    const show = lab.panel.getByRole('button', { name: 'Preview sync of team-base' });
    await show.focus();
    await page.keyboard.press('Enter');
    const sheet = page.getByRole('dialog');
    await expect(sheet).toContainText('200 packages are installed, 1 changes its version, 1 is removed.');
    await expect(sheet.getByRole('button', { name: 'Cancel' })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(show).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(sheet.getByRole('button', { name: 'Sync' })).toBeEnabled();
    await page.keyboard.press('Tab');
    await expect(sheet.getByRole('button', { name: 'Sync' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(sheet).toHaveCount(0);
    const [asked] = fake.asked?.filter(({ path }) => path.endsWith('/sync')) ?? [];
    expect(asked?.body).toEqual({ etag: '000007-id7', plan_hash: 'h1', keep: null, dry_run: false });
  });

  test('shows both sides of a lost race, joins them, and publishes over what was first', async ({ page }) => {
    const lost = { code: 'lost_race', message: 'lee was first.', detail: { ...BOTH, field: 'team-base' } };
    const fake: IFakeLists = { ...ALL, asked: [], published: { status: 412, body: lost } };
    await fakeLists(page, fake);
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await lab.execute('jupyter-lcc:edit-package-list', { name: 'team-base' });
    const sheet = page.getByRole('dialog');
    await sheet.getByRole('textbox', { name: 'environment.yml' }).fill(BOTH.mine);
    await sheet.getByRole('button', { name: 'Publish' }).click();
    await expect(sheet).toContainText('Two people changed team-base at once');
    await expect(sheet.getByRole('button', { name: 'Publish both' })).toBeDisabled();
    await sheet.getByText('Both sides').click();
    await expect(sheet.getByLabel('Published first', { exact: true })).toContainText('numpy=3');
    expect(await lab.axe('.jp-Lcc-sheet')).toEqual([]);
    await sheet.getByRole('radio', { name: 'Yours: numpy=2' }).check();
    await expect(sheet.getByRole('textbox', { name: 'Both joined' })).toHaveValue(BOTH.mine);
    delete fake.published;
    await sheet.getByRole('button', { name: 'Publish both' }).click();
    await expect(sheet).toHaveCount(0);
    const puts = fake.asked?.filter(({ method }) => method === 'PUT') ?? [];
    expect(puts.map(({ ifMatch }) => ifMatch)).toEqual(['"000007-id7"', '"000008-id8"']);
    expect(puts[1]?.body).toMatchObject({ text: BOTH.mine });
  });
});
