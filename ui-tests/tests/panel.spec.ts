import { expect, test } from '@playwright/test';

import { Lab } from './lab';
import { LabServer } from './server';

test.describe('the panel', () => {
  let server: LabServer;

  test.beforeAll(async () => {
    server = await LabServer.start();
    server.addNotebook('explore.ipynb');
    server.addNotebook('train.ipynb');
  });
  test.afterAll(() => server.stop());
  test.afterEach(async () => {
    for (const id of await server.targetIds()) {
      await server.post(`lcc/idle/targets/${encodeURIComponent(id)}/shutdown`, {});
    }
    await expect.poll(() => server.targetIds()).toEqual([]);
  });

  test('shows a running kernel and a terminal, and counts their idle time', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.execute('terminal:create-new');
    await lab.openPanel();
    await expect(lab.row('explore.ipynb')).toContainText('MB');
    await expect(lab.row('explore.ipynb')).toContainText(/stops \d\d:\d\d/);
    await expect(lab.row('Terminal 1')).toContainText(/stops \d\d:\d\d/);
    const state = lab.row('explore.ipynb').locator('.jp-Lcc-state');
    await expect(state).toHaveText(/^Idle for \d+ s$/);
    const before = await state.textContent();
    await expect(state).not.toHaveText(before ?? '');
  });

  test('says that a kernel works, and why it is kept', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    await lab.run('import time; time.sleep(30)');
    await lab.openPanel();
    await expect(lab.row('train.ipynb')).toContainText('Working');
    await expect(lab.panel).toContainText('Working: train.ipynb');
    await lab.row('train.ipynb').getByRole('button', { name: 'Why? train.ipynb' }).click();
    await expect(lab.row('train.ipynb')).toContainText('It works, so it is kept.');
    await expect(lab.row('train.ipynb').getByRole('row', { name: /Kernel says/ })).toContainText('busy');
    await lab.row('train.ipynb').getByRole('button', { name: 'Shut down train.ipynb' }).click();
    await expect(page.getByRole('dialog')).toContainText('It is working. What it does now is lost.');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(await server.kernelIds()).toHaveLength(1);
  });

  test('keeps by menu, pins and gives back', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openPanel();
    const row = lab.row('explore.ipynb');
    await row.getByRole('button', { name: 'Keep explore.ipynb for a time' }).click();
    await page.getByRole('menuitem', { name: 'Keep for 4 h' }).click();
    await expect(row).toContainText(/kept until \d\d:\d\d/);
    const pin = row.getByRole('button', { name: 'Stop keeping explore.ipynb' });
    await expect(pin).toHaveAttribute('aria-pressed', 'true');
    await pin.click();
    await expect(row).toContainText(/stops \d\d:\d\d/);
    await lab.panel.getByRole('button', { name: 'Keep everything on for 1 h' }).click();
    await expect(lab.panel).toContainText(/Everything is kept on until \d\d:\d\d/);
    await lab.panel.getByRole('button', { name: 'End' }).click();
    await expect(lab.panel).not.toContainText('Everything is kept on');
  });

  test('shuts all idle kernels down, after asking', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openNotebook('train.ipynb');
    await lab.openPanel();
    await lab.panel.getByRole('button', { name: 'Shut down all idle kernels' }).click();
    await expect(page.getByRole('dialog')).toContainText('2 idle kernels are shut down.');
    await page.getByRole('dialog').getByRole('button', { name: 'Shut down' }).click();
    await expect.poll(() => server.kernelIds()).toEqual([]);
    await expect(lab.panel).toContainText(/explore.ipynb was shut down at .*: somebody asked for it\./);
  });

  test('refuses limits outside the bounds, and says them', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.execute('jupyter-lcc:edit-limits');
    const field = lab.panel.getByRole('group', { name: 'Shut an idle kernel down after' });
    await field.getByLabel('Amount').fill('5');
    await field.getByLabel('Unit').selectOption('s');
    await lab.panel.getByRole('button', { name: 'Save' }).click();
    await expect(field.getByRole('alert')).toHaveText('At least 1 min, or never.');
    await field.getByLabel('Unit').selectOption('min');
    await lab.panel.getByRole('button', { name: 'Save' }).click();
    await expect(lab.panel).toContainText('Saved.');
    await expect(field).toContainText('Now: 5 min, set by you');
    await lab.panel.getByRole('button', { name: 'Reset to default' }).click();
    await expect(field).toContainText('Now: 1 h, the default');
  });

  test('is in the status bar and in the palette', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    const status = page.getByRole('button', { name: /Next: explore.ipynb stops at/ });
    await expect(status).toContainText(/explore.ipynb stops \d\d:\d\d/);
    await status.click();
    await expect(lab.panel).toBeVisible();
    const ids = (await lab.commandIds()).filter(id => id.startsWith('jupyter-lcc:'));
    expect(ids).toEqual(
      expect.arrayContaining(
        [
          'dismiss-stopped',
          'edit-limits',
          'end-lease',
          'keep',
          'open-panel',
          'refresh',
          'reopen',
          'show-target',
          'shut-down',
          'shut-down-all',
          'who-keeps',
          'why'
        ].map(name => `jupyter-lcc:${name}`)
      )
    );
    await lab.execute('apputils:activate-command-palette');
    await page.keyboard.type('life cycle');
    await expect(page.locator('.lm-CommandPalette-content')).toContainText('Show the Life Cycle Panel');
    await page.keyboard.press('Escape');
  });

  test('can be used by keyboard alone', async ({ page }) => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await page.keyboard.press('Control+Alt+l');
    await expect(lab.panel).toBeVisible();
    await expect(lab.row('explore.ipynb')).toBeVisible();
    const keep = lab.row('explore.ipynb').getByRole('button', { name: 'Keep explore.ipynb for a time' });
    for (let tabs = 0; tabs < 20 && !(await keep.evaluate(node => node === document.activeElement)); tabs++) {
      await page.keyboard.press('Tab');
    }
    await expect(keep).toBeFocused();
    const outline = await keep.evaluate(node => getComputedStyle(node).outlineStyle);
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menuitem', { name: 'Keep for 1 h' })).toBeVisible();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect(lab.row('explore.ipynb')).toContainText(/kept until/);
  });

  for (const theme of ['JupyterLab Light', 'JupyterLab Dark'] as const) {
    test(`has nothing axe finds, and fits 200 pixels (${theme})`, async ({ page }) => {
      const lab = await Lab.open(page, server);
      await lab.openNotebook('explore.ipynb');
      await lab.openPanel();
      await lab.execute('jupyter-lcc:why');
      await lab.execute('jupyter-lcc:edit-limits');
      await lab.setTheme(theme);
      expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
      expect(await lab.axe('.jp-Lcc-StatusItem')).toEqual([]);
      await lab.setWidth(200);
      expect(await lab.overflow()).toBe(0);
      expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
    });
  }
});
