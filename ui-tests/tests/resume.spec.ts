import { expect, test } from '@playwright/test';

import { Lab } from './lab';
import { LabServer } from './server';

const STOP_TIMEOUT = { timeout: 45_000 };

test.describe('what was shut down', () => {
  let server: LabServer;

  test.beforeEach(async () => {
    server = await LabServer.start({
      args: [
        '--LccIdle.kernel_timeout_seconds=12',
        '--LccIdle.warn_seconds=6',
        '--LccIdle.check_interval_seconds=1'
      ]
    });
    server.addNotebook('train.ipynb');
  });
  test.afterEach(() => server.stop());

  test('is saved first, greets a person who comes back, and opens again with its kernel', async ({
    page,
    context
  }) => {
    const lab = await Lab.open(page, server);
    const old = await lab.openNotebook('train.ipynb');
    await lab.run('numbers = list(range(200000)); name = "train"');
    await page.locator('.jp-Notebook .jp-CodeCell .cm-content').click();
    await page.keyboard.type(' + 40');
    await expect.poll(() => server.kernelIds(), STOP_TIMEOUT).toEqual([]);
    expect(server.read('train.ipynb')).toContain('40');
    await page.close();

    const back = await Lab.open(await context.newPage(), server, 'lab?reset');
    const greeting = back.notice('train.ipynb was shut down while you were away.');
    await expect(greeting).toBeVisible();
    await greeting.getByRole('button', { name: 'Show' }).click();
    const card = back.panel.getByRole('region', { name: 'While you were away' });
    await expect(card).toContainText(/Stopped \d\d:\d\d: idle for \d+ s \(limit 12 s, .*\)\./);
    await expect(card).toContainText(/train.ipynb (is saved|had no unsaved changes)\./);
    await card.getByRole('button', { name: /Lost from memory: 2 variables/ }).click();
    await expect(card.getByRole('row').nth(1)).toContainText('numbers');
    expect(await back.axe('#jupyter-lcc-panel')).toEqual([]);
    await back.setWidth(200);
    expect(await back.overflow()).toBe(0);

    await card.getByRole('button', { name: 'Reopen all' }).click();
    await expect(back.row('train.ipynb')).toBeVisible();
    const [fresh] = await server.kernelIds();
    expect(fresh).not.toBe(old);
    await expect(back.page.locator('.jp-NotebookPanel')).toBeVisible();
    await card.getByRole('button', { name: 'Dismiss' }).click();
    await expect(card).toHaveCount(0);
    expect((await server.get<{ stopped: unknown[] }>('lcc/idle/stopped')).stopped).toEqual([]);
  });

  test('is put off once for a document that can’t be saved, and says which and why', async ({ page }) => {
    const lab = await Lab.open(page, server);
    const id = await lab.openNotebook('train.ipynb');
    await page.locator('.jp-Notebook .jp-CodeCell .cm-content').click();
    await page.keyboard.type(' + 40');
    await page.waitForTimeout(1000);
    server.addNotebook('train.ipynb', 'somebody else wrote this');
    await expect(lab.notice('Unsaved changes in train.ipynb could not be saved!')).toBeVisible(STOP_TIMEOUT);
    await expect(lab.notice(/The shutdown of train.ipynb was put off once at .*/)).toBeVisible(STOP_TIMEOUT);
    expect(await server.kernelIds()).toEqual([id]);
    expect(server.read('train.ipynb')).toContain('somebody else');
  });
});
