import { expect, test } from '@playwright/test';

import { Lab } from './lab';
import { LabServer } from './server';

test.describe('the machine', () => {
  let server: LabServer;

  test.afterEach(() => server.stop());

  test('is warned of, kept, and stopped when a person says so', async ({ page }) => {
    server = await LabServer.start({
      args: [
        '--LccIdle.stop_machine=server',
        '--LccIdle.instance_timeout_seconds=12',
        '--LccIdle.warn_seconds=9',
        '--LccIdle.check_interval_seconds=1'
      ]
    });
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    const warning = lab.notice('Nobody uses this machine. It will be stopped at');
    await expect(warning).toBeVisible({ timeout: 40_000 });
    await expect(lab.panel).toContainText(/This machine will be stopped at \d\d:\d\d if nobody uses it\./);
    await expect(lab.panel.getByRole('timer', { name: 'This machine' })).toHaveText(/^0:\d\d$/);
    await warning.getByRole('button', { name: 'Keep 1 h' }).click();
    await expect(lab.panel).toContainText(/Everything is kept on until \d\d:\d\d/);
    await expect(warning).toHaveCount(0);
    await lab.panel.getByRole('button', { name: 'Who keeps this machine on?' }).click();
    await expect(lab.panel.getByRole('list', { name: 'Who keeps this machine on' })).toContainText(
      /Everything somebody keeps it.* until \d\d:\d\d/
    );

    await lab.panel.getByRole('button', { name: 'Stop the machine' }).click();
    await expect(page.getByRole('dialog')).toContainText('Everything that runs on it ends.');
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => server.hasEnded, { timeout: 20_000 }).toBe(true);
  });

  test('says who keeps it on, and shows a job that was detached', async ({ page }) => {
    server = await LabServer.start({
      args: ['--LccIdle.stop_machine=server', '--LccIdle.check_interval_seconds=1']
    });
    server.addNotebook('train.ipynb');
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    await lab.run('import time; time.sleep(60)');
    await lab.execute('jupyter-lcc:who-keeps');
    const holding = lab.panel.getByRole('list', { name: 'Who keeps this machine on' });
    await expect(holding.getByRole('listitem').filter({ hasText: 'train.ipynb' }).first()).toContainText(
      /it works .* until it ends/
    );
    await holding.getByRole('button', { name: 'train.ipynb' }).click();
    await expect(lab.row('train.ipynb').locator(':focus')).toHaveCount(1);

    await lab.execute('terminal:create-new');
    await page.locator('.jp-Terminal .xterm').click();
    // It ends by itself, should this test fail.
    const code = "import time; end = time.time() + 60; exec('while time.time() < end: pass')";
    await page.keyboard.type(`setsid -f python3 -c "${code}"; exit\n`);
    const job = lab.row('Job python3');
    await expect(job).toContainText('Working', { timeout: 30_000 });
    await expect(lab.panel.getByRole('heading', { name: 'Jobs on their own' })).toBeVisible();
    await expect(lab.panel).toContainText('Working: 2 kernels, terminals and jobs. The machine stays on');
    expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
    await job.getByRole('button', { name: /^Shut down Job/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Shut down' }).click();
    await expect(job).toHaveCount(0);
    await lab.setWidth(200);
    expect(await lab.overflow()).toBe(0);
  });
});
