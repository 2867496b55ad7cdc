import { expect, test } from '@playwright/test';

import { Lab } from './lab';
import { LabServer } from './server';

const LIMIT_SECONDS = 25;
const STOP_TIMEOUT = { timeout: 60_000 };

test.describe('a warning', () => {
  // Each has a server of its own, and most of its time is waiting.
  test.describe.configure({ mode: 'parallel' });
  let server: LabServer;

  test.beforeEach(async () => {
    server = await LabServer.start({
      args: [
        `--LccIdle.kernel_timeout_seconds=${LIMIT_SECONDS}`,
        '--LccIdle.warn_seconds=18',
        '--LccIdle.check_interval_seconds=1'
      ]
    });
    server.addNotebook('train.ipynb');
    server.addNotebook('twin.ipynb');
  });
  test.afterEach(() => server.stop());

  test('is in every tab, and a keep in one takes it back in both', async ({ page, context }) => {
    const lab = await Lab.open(page, server);
    const id = await lab.openNotebook('train.ipynb');
    const other = await Lab.open(await context.newPage(), server, 'lab/workspaces/other?reset');
    const text = 'train.ipynb is idle and will be shut down';
    await expect(lab.notice(text)).toBeVisible(STOP_TIMEOUT);
    await expect(other.notice(text)).toBeVisible();
    expect(await other.page.title()).toMatch(/^⚠ /);
    await other.notice(text).getByRole('button', { name: 'Keep 1 h' }).click();
    await expect(other.notice(/Kept until \d\d:\d\d\./)).toBeVisible();
    await expect(lab.notice(text)).toHaveCount(0);
    await expect(other.notice(text)).toHaveCount(0);
    expect(await lab.page.title()).not.toContain('⚠');
    await page.waitForTimeout((LIMIT_SECONDS + 5) * 1000);
    expect(await server.kernelIds()).toEqual([id]);
  });

  test('is shown in a tab that is opened after it was sent', async ({ page, context }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    const text = 'train.ipynb is idle and will be shut down';
    await expect(lab.notice(text)).toBeVisible(STOP_TIMEOUT);
    const late = await Lab.open(await context.newPage(), server, 'lab/workspaces/late?reset');
    await expect(late.notice(text)).toBeVisible();
  });

  test('is followed by the shutdown, and why can be read afterwards', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    await lab.openPanel();
    await expect(lab.row('train.ipynb')).toContainText(/stops .*, in 0:\d\d/, STOP_TIMEOUT);
    await expect.poll(() => server.kernelIds(), STOP_TIMEOUT).toEqual([]);
    const why = /train.ipynb was shut down at \d\d:\d\d: nobody used it for 25 s\./;
    await expect(lab.panel).toContainText(why);
    await page.reload();
    const again = await Lab.open(page, server, 'lab');
    await again.openPanel();
    await expect(again.panel).toContainText(why);
  });

  test('saves unsaved work', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    await page.locator('.jp-Notebook .jp-CodeCell .cm-content').click();
    await page.keyboard.type(' + 40');
    expect(server.read('train.ipynb')).not.toContain('40');
    await expect(lab.notice('train.ipynb is idle')).toBeVisible(STOP_TIMEOUT);
    await expect.poll(() => server.read('train.ipynb')).toContain('40');
  });

  test('does not come to what a person types in, and comes to its untouched twin', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('twin.ipynb');
    const typed = await lab.openNotebook('train.ipynb');
    const notebook = page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)');
    await notebook.locator('.jp-MarkdownCell').dblclick();
    const deadline = Date.now() + (LIMIT_SECONDS + 20) * 1000;
    while (Date.now() < deadline) {
      await page.keyboard.type('a');
      await page.waitForTimeout(500);
    }
    expect(await server.kernelIds()).toEqual([typed]);
  });

  test('lets a person shut down at once', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    const notice = lab.notice('train.ipynb is idle');
    await expect(notice).toBeVisible(STOP_TIMEOUT);
    await notice.getByRole('button', { name: 'Shut down now' }).click();
    await expect.poll(() => server.kernelIds(), { timeout: 5000 }).toEqual([]);
  });
});
