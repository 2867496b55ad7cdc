import { expect, test } from '@playwright/test';

import { Lab } from './lab';
import { LabServer, type IServerOptions } from './server';

async function withServer(
  options: IServerOptions,
  work: (server: LabServer) => Promise<void>
): Promise<void> {
  const server = await LabServer.start(options);
  try {
    server.addNotebook('explore.ipynb');
    await work(server);
  } finally {
    await server.stop();
  }
}

test('works below a base URL, as in a SageMaker space', async ({ page }) => {
  await withServer({ baseUrl: '/jupyterlab/default/' }, async server => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openPanel();
    await expect(lab.row('explore.ipynb')).toContainText(/stops \d\d:\d\d/);
    await lab
      .row('explore.ipynb')
      .getByRole('button', { name: /as long as is allowed/ })
      .click();
    await expect(lab.row('explore.ipynb')).toContainText(/kept until/);
  });
});

test('says what to do where the server extension is disabled', async ({ page }) => {
  await withServer({ enabled: false }, async server => {
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await expect(lab.panel).toContainText('The server part of this panel is not running.');
    await expect(lab.panel).toContainText('jupyter server extension enable jupyter_lcc');
    await expect(lab.panel.getByRole('button', { name: 'Try again' })).toBeVisible();
    expect(await lab.axe('#jupyter-lcc-panel')).toEqual([]);
  });
});

test('speaks Korean without a language pack', async ({ page }) => {
  const settings = { '@jupyterlab/translation-extension:plugin': { locale: 'ko_KR' } };
  await withServer({ settings }, async server => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openPanel();
    await expect(lab.panel).toContainText('커널과 터미널');
    await expect(lab.row('explore.ipynb')).toContainText(/째 유휴/);
    await lab.setWidth(200);
    expect(await lab.overflow()).toBe(0);
  });
});

test('says that the server has gone, and comes back by itself', async ({ page }) => {
  await withServer({}, async server => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openPanel();
    await expect(lab.row('explore.ipynb')).toBeVisible();
    await page.route('**/lcc/**', route => route.abort());
    await lab.execute('jupyter-lcc:refresh');
    await expect(lab.panel).toContainText('The server does not answer.');
    await expect(lab.row('explore.ipynb')).toBeVisible();
    await page.unroute('**/lcc/**');
    await lab.panel.getByRole('button', { name: 'Try again' }).click();
    await expect(lab.panel).not.toContainText('The server does not answer.');
  });
});

test('only watches in observe mode', async ({ page }) => {
  await withServer({ args: ['--LccIdle.mode=observe'] }, async server => {
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openPanel();
    await expect(lab.panel).toContainText('Only watching: nothing will be shut down.');
    await expect(lab.row('explore.ipynb')).toContainText(/would stop \d\d:\d\d/);
  });
});

test('lives in Notebook 7 too', async ({ page }) => {
  await withServer({ args: ['--JupyterNotebookApp.expose_app_in_browser=True'] }, async server => {
    await page.goto(server.page('tree'));
    await page.waitForFunction(() => 'jupyterapp' in window);
    const isKnown = (): Promise<boolean> =>
      page.evaluate(() => {
        const { jupyterapp } = window as unknown as {
          jupyterapp: { commands: { hasCommand(id: string): boolean } };
        };
        return jupyterapp.commands.hasCommand('jupyter-lcc:keep');
      });
    await expect.poll(isKnown).toBe(true);
    await expect(page.locator('#jupyter-lcc-panel')).toHaveCount(1);
  });
});
