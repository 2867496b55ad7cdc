import { expect, test } from '@playwright/test';

import { fakeEnvironment, fakeJob, fakePackage, fakeServer, type IFake } from './fakeEnvironments';
import { Lab } from './lab';
import { LabServer } from './server';

/** More than anybody has, to see that it stays smooth. */
const MANY: IFake = {
  environments: Array.from({ length: 100 }, (_, index) => fakeEnvironment(`env-${index}`)),
  packages: Array.from({ length: 1000 }, (_, index) =>
    fakePackage(`package-${index}`, { requested: index % 9 === 0 })
  ),
  trash: [
    {
      id: 't1',
      name: 'old',
      deleted_at: '2026-11-20T10:00:00Z',
      purged_at: '2026-12-20T10:00:00Z',
      size_bytes: 500_000_000
    }
  ],
  jobs: [
    fakeJob('fresh'),
    fakeJob('late', {
      state: 'failed',
      progress: null,
      error: { code: 'unsatisfiable', message: 'Cannot solve:\n└─ tensorflow 9 does not exist', detail: {} }
    })
  ],
  versions: [
    {
      number: 2,
      at: '2026-11-20T10:00:00Z',
      command: 'install numpy',
      package_count: 152,
      added: 3,
      removed: 0,
      changed: 1,
      current: true,
      restorable: true
    }
  ],
  findings: [
    { code: 'ipykernel_missing', level: 'error', message: '', advice: '', fix: 'install_ipykernel' }
  ],
  plan: {
    add: Array.from({ length: 300 }, (_, index) => ({
      name: `package-${index}`,
      version: '2.0',
      build: 'py_0',
      channel: 'conda-forge',
      manager: 'conda',
      size_bytes: 1,
      download_bytes: 1_000_000
    })),
    remove: [],
    change: [],
    download_bytes: 300_000_000,
    running_kernels: [],
    post_link: [],
    notes: []
  }
};

test.describe('the states of the environments section', () => {
  let server: LabServer;

  test.beforeAll(async () => {
    server = await LabServer.start();
  });

  test.afterAll(() => server.stop());

  test('a hundred environments and a thousand packages stay smooth', async ({ page }) => {
    await fakeServer(page, MANY);
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await expect(lab.panel.locator('.jp-Lcc-env')).toHaveCount(101);
    await lab.panel.getByRole('searchbox', { name: 'Filter environments' }).fill('env-77');
    await expect(lab.panel.locator('.jp-Lcc-env')).toHaveCount(2);
    await lab.panel.getByRole('button', { name: 'env-77', exact: true }).click();
    const list = lab.panel.getByRole('list', { name: 'Packages of env-77' });
    await expect(list.getByRole('listitem').first()).toContainText('package-0');
    expect(await list.getByRole('listitem').count()).toBeLessThan(60);
    await list.evaluate(node => node.parentElement?.scrollTo(0, 1e6));
    await expect(list.getByRole('listitem').last()).toContainText('package-999');
    expect(await list.getByRole('listitem').count()).toBeLessThan(60);
    await lab.panel.getByRole('searchbox', { name: 'Filter the packages of env-77' }).fill('package-50');
    await expect(list.getByRole('listitem')).toHaveCount(11);
  });

  test('says what to do where the engine is missing, where the server fails, and where nothing is there', async ({
    page
  }) => {
    const fake: IFake = { environments: [], whyNot: 'rattler_missing' };
    await fakeServer(page, fake);
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await expect(lab.panel).toContainText('pip install py-rattler');
    await expect(lab.panel.getByRole('button', { name: 'New environment' })).toBeDisabled();
    delete fake.whyNot;
    fake.problem = { status: 503, body: { code: 'unreachable', message: 'no', detail: {} } };
    await (await Lab.open(page, server)).openPanel();
    await expect(lab.panel).toContainText('The server does not answer.');
    delete fake.problem;
    await lab.panel.getByRole('button', { name: 'Try again' }).click();
    await expect(lab.panel).toContainText('No environment yet.');
  });

  for (const theme of ['JupyterLab Light', 'JupyterLab Dark'] as const) {
    test(`has nothing axe finds, and fits 200 pixels (${theme})`, async ({ page }) => {
      await fakeServer(page, { ...MANY, environments: MANY.environments.slice(0, 4) });
      const lab = await Lab.open(page, server);
      await lab.setTheme(theme);
      await lab.openPanel();
      await lab.execute('jupyter-lcc:show-environment', { name: 'env-1' });
      await lab.execute('jupyter-lcc:show-jobs', { job_id: 'fresh' });
      await lab.panel.getByRole('button', { name: 'Remove package-1', exact: true }).click();
      await lab.panel.getByRole('button', { name: 'Trash' }).click();
      await lab.setWidth(200);
      expect(await lab.overflow()).toBe(0);
      expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
      for (const tab of ['Versions', 'Health']) {
        await lab.panel.getByRole('tab', { name: tab }).click();
        await expect(lab.panel.getByRole('tabpanel')).not.toContainText('…');
        expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
      }
      await lab.panel.getByRole('tab', { name: 'Packages' }).click();
      await lab.panel.getByRole('button', { name: 'Preview' }).click();
      await expect(page.getByRole('dialog')).toContainText('300 packages are installed');
      expect(await lab.axe('.jp-Lcc-sheet')).toEqual([]);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
    });
  }

  test('an environment is described by keyboard alone', async ({ page }) => {
    await fakeServer(page, MANY);
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await expect(lab.panel.locator('.jp-Lcc-env').first()).toBeVisible();
    await lab.panel.getByRole('button', { name: 'New environment' }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog').getByRole('textbox', { name: 'Name' })).toBeFocused();
    await page.keyboard.type('mine');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const packages = page.getByRole('dialog').getByRole('combobox', { name: 'Packages' });
    await expect(packages).toBeFocused();
    await page.keyboard.type('num');
    await expect(page.getByRole('option', { name: 'numpy' })).toBeVisible();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog')).toContainText('numpy');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expect(lab.panel.getByRole('button', { name: 'New environment' })).toBeFocused();
  });
});
