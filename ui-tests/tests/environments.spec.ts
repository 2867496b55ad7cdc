import { expect, test } from '@playwright/test';

import { LocalChannel } from './channel';
import { Lab } from './lab';
import { LabServer } from './server';

interface IEnvironments {
  environments: { name: string; prefix: string; kernel: { spec_name: string } | null }[];
}

/** A person's way, on a real server, with real packages, a real Python and a kernel that really runs. */
test.describe.serial('environments', () => {
  let channel: LocalChannel;
  let server: LabServer;

  test.beforeAll(async () => {
    channel = new LocalChannel();
    server = await LabServer.start({ files: { '.condarc': channel.condarc } });
  });

  test.afterAll(async () => {
    await server.stop();
    channel.remove();
  });

  const named = async (name: string): Promise<IEnvironments['environments'][number] | undefined> =>
    (await server.get<IEnvironments>('lcc/environments')).environments.find(each => each.name === name);

  test('from a click to a running cell in a new environment', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await lab.panel.getByRole('button', { name: 'New environment' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByRole('textbox', { name: 'Name' }).fill('analysis');
    const packages = sheet.getByRole('combobox', { name: 'Packages' });
    await packages.fill('lone');
    await page.getByRole('option', { name: 'lonely' }).click();
    await packages.fill('alpha<2');
    await sheet.getByRole('button', { name: 'Preview' }).click();
    await expect(sheet).toContainText(/\d+ packages are installed/);
    const plan = sheet.getByRole('list', { name: 'Packages' });
    await expect(plan.getByRole('listitem').filter({ hasText: 'ipykernel' })).toHaveCount(1);
    await expect(plan.getByRole('listitem').filter({ hasText: /alpha\s*1\.0/ })).toHaveCount(1);
    await sheet.getByRole('button', { name: 'Create' }).click();
    await expect(sheet).toHaveCount(0);
    const notice = lab.notice('analysis is ready.');
    await expect(notice).toBeVisible({ timeout: 60_000 });
    await notice.getByRole('button', { name: 'Open notebook with this kernel' }).click();
    const cell = page.locator('.jp-Notebook:visible .jp-CodeCell').first();
    await expect(cell).toBeVisible();
    await cell.locator('.cm-content').click();
    await page.keyboard.type('import sys, os; print("runs in", sys.prefix, os.environ["CONDA_DEFAULT_ENV"])');
    await page.keyboard.press('Shift+Enter');
    const prefix = (await named('analysis'))?.prefix ?? '';
    expect(prefix).toMatch(/\/\.conda\/envs\/analysis$/);
    await expect(cell.locator('.jp-OutputArea-output')).toContainText(`runs in ${prefix} analysis`, {
      timeout: 60_000
    });
    // The panel knows who runs in it.
    await expect(lab.row('analysis').first()).toContainText('Runs: Untitled.ipynb');
  });

  test('packages are installed with the plan first, and the version before comes back', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.execute('jupyter-lcc:show-environment', { name: 'analysis' });
    const list = lab.panel.getByRole('list', { name: 'Packages of analysis' });
    const filter = lab.panel.getByRole('searchbox', { name: 'Filter the packages of analysis' });
    await filter.fill('lonely');
    await expect(list.getByRole('listitem')).toHaveText(/lonely\s*1\.5/);
    await lab.panel.getByRole('button', { name: 'Remove lonely' }).click();
    await lab.panel.getByRole('combobox', { name: 'Install into analysis' }).fill('placed');
    await page.keyboard.press('Enter');
    await lab.panel.getByRole('button', { name: 'Preview' }).click();
    const sheet = page.getByRole('dialog');
    await expect(sheet).toContainText('1 package is installed, 1 is removed.');
    await expect(sheet).toContainText('Running: Untitled.ipynb.');
    await sheet.getByRole('button', { name: 'Change it' }).click();
    await expect(lab.notice('analysis was changed.')).toBeVisible({ timeout: 60_000 });
    await filter.fill('placed');
    await expect(list.getByRole('listitem')).toHaveText(/placed\s*1\.0/);
    await lab.panel.getByRole('tab', { name: 'Versions' }).click();
    await expect(lab.panel).toContainText('Version 2, now');
    await lab.panel.getByRole('button', { name: 'What has changed since' }).click();
    await expect(lab.panel.getByRole('list', { name: 'Packages' })).toContainText('placed');
    await lab.panel.getByRole('button', { name: 'Roll back to version 1' }).click();
    await sheet.getByRole('button', { name: 'Roll back' }).click();
    await expect(lab.notice('analysis was rolled back.')).toBeVisible({ timeout: 60_000 });
    await lab.panel.getByRole('tab', { name: 'Packages' }).click();
    await filter.fill('lonely');
    await expect(list.getByRole('listitem')).toHaveText(/lonely\s*1\.5/);
  });

  test('says why nothing fits, and lets it be mended in place', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.execute('jupyter-lcc:create-environment', { name: 'no-way', packages: ['alpha>=2', 'gamma'] });
    const sheet = page.getByRole('dialog');
    await sheet.getByRole('button', { name: 'Preview' }).click();
    await expect(sheet.getByRole('alert')).toContainText('gamma');
    await sheet.getByRole('button', { name: 'Take gamma out' }).click();
    await sheet.getByRole('button', { name: 'Preview' }).click();
    await expect(sheet).toContainText('packages are installed');
    await page.keyboard.press('Escape');
    expect(await named('no-way')).toBeUndefined();
  });

  test('is made from a dropped file, deleted, and back with one click', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await lab.panel.getByRole('button', { name: 'New environment' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByText('From a file').click();
    const transfer = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      const text = 'name: dropped\ndependencies:\n  - lonely=1.0\n';
      data.items.add(new File([text], 'environment.yml', { type: 'text/yaml' }));
      return data;
    });
    await sheet.locator('.jp-Lcc-drop').dispatchEvent('drop', { dataTransfer: transfer });
    await expect(sheet.getByRole('textbox', { name: 'Name' })).toHaveValue('dropped');
    await sheet.getByRole('checkbox', { name: 'Register it as a kernel' }).uncheck();
    await sheet.getByRole('button', { name: 'Create' }).click();
    await expect(lab.notice('dropped is ready.')).toBeVisible({ timeout: 60_000 });
    await expect(lab.panel.getByRole('button', { name: 'dropped', exact: true })).toBeVisible();
    expect((await named('dropped'))?.kernel).toBeNull();

    await lab.panel.getByRole('button', { name: 'More for dropped' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const notice = lab.notice('dropped is in the trash.');
    await expect(notice).toBeVisible({ timeout: 60_000 });
    await expect(lab.panel.getByRole('button', { name: 'dropped', exact: true })).toHaveCount(0);
    await notice.getByRole('button', { name: 'Undo' }).click();
    await expect(lab.panel.getByRole('button', { name: 'dropped', exact: true })).toBeVisible({
      timeout: 60_000
    });
  });

  test('the kernel goes and comes with a switch, and the launcher follows', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.execute('jupyter-lcc:show-environment', { name: 'analysis' });
    const cards = page.locator('.jp-LauncherCard[title*="analysis"]');
    await expect(cards.first()).toBeVisible();
    const kernel = lab.panel.getByRole('switch', { name: 'Register analysis as a kernel' });
    await kernel.click();
    await expect(kernel).not.toBeChecked();
    await expect(cards).toHaveCount(0);
    await kernel.click();
    await expect(kernel).toBeChecked({ timeout: 60_000 });
    await expect(cards.first()).toBeVisible();
  });

  test('a job is read, and still there after a reload', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.execute('jupyter-lcc:show-jobs');
    await expect(lab.row('Make analysis').last()).toContainText('Done');
    await lab.panel.getByRole('button', { name: 'Log of Make analysis' }).click();
    await expect(lab.panel.getByRole('log')).not.toBeEmpty();
    await lab.panel.getByRole('button', { name: 'Dismiss all that is over' }).click();
    await expect(lab.panel).toContainText('Nothing is being done.');
  });
});
