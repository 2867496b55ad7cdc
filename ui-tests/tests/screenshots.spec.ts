import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@playwright/test';

import { LocalChannel } from './channel';
import { fakeEnvironment, fakeJob, fakePackage, fakeServer } from './fakeEnvironments';
import { Lab } from './lab';
import { LabServer } from './server';

const IMAGES = join(__dirname, '../../docs/images');

/** The pictures of the README, from what is really there. */
test('pictures', async ({ page }) => {
  test.setTimeout(300_000);
  mkdirSync(IMAGES, { recursive: true });
  const server = await LabServer.start({
    args: [
      '--LccIdle.kernel_timeout_seconds=120',
      '--LccIdle.terminal_timeout_seconds=3600',
      '--LccIdle.warn_seconds=60',
      '--LccIdle.check_interval_seconds=2'
    ]
  });
  try {
    for (const name of ['explore.ipynb', 'features.ipynb', 'train.ipynb']) {
      server.addNotebook(name, 'model.fit(x, y)');
    }
    await page.setViewportSize({ width: 1200, height: 820 });
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    const pinned = await lab.openNotebook('features.ipynb');
    await lab.execute('terminal:create-new');
    await lab.openNotebook('train.ipynb');
    await lab.run('import time; time.sleep(600)');
    await server.post('lcc/idle/leases', { target_id: `kernel:${pinned}`, seconds: 7200, note: 'lunch' });
    await lab.openPanel();
    const picture = async (name: string): Promise<void> => {
      await page.screenshot({ path: join(IMAGES, `${name}.png`) });
    };
    await expect(lab.row('train.ipynb')).toContainText('Working');
    await page.locator('.jp-Notebook:visible .jp-CodeCell').last().hover();
    await picture('panel');

    await lab.row('train.ipynb').getByRole('button', { name: 'Why? train.ipynb' }).click();
    await lab.panel.screenshot({ path: join(IMAGES, 'why.png') });
    await lab.row('train.ipynb').getByRole('button', { name: 'Why? train.ipynb' }).click();

    await expect(lab.notice('explore.ipynb is idle')).toBeVisible({ timeout: 120_000 });
    await picture('warning');
    await lab.setTheme('JupyterLab Dark');
    await picture('warning-dark');
    await lab.setTheme('JupyterLab Light');

    await lab.execute('jupyter-lcc:edit-limits');
    await lab.panel.screenshot({ path: join(IMAGES, 'limits.png') });
    await lab.panel.getByRole('button', { name: 'Limits' }).click();

    await expect(lab.panel).toContainText('explore.ipynb was shut down', { timeout: 120_000 });
    await expect(lab.notice('explore.ipynb is idle')).toHaveCount(0);
    await page.waitForTimeout(1000);
    await picture('stopped');
  } finally {
    await server.stop();
  }
});

test('the panel in Korean', async ({ browser }) => {
  const server = await LabServer.start({
    settings: { '@jupyterlab/translation-extension:plugin': { locale: 'ko_KR' } },
    args: ['--LccIdle.check_interval_seconds=2']
  });
  try {
    server.addNotebook('train.ipynb');
    const page = await browser.newPage({ viewport: { width: 1200, height: 820 }, locale: 'ko-KR' });
    const lab = await Lab.open(page, server);
    await lab.openNotebook('train.ipynb');
    await lab.execute('terminal:create-new');
    await lab.openPanel();
    await expect(lab.panel).toContainText('커널과 터미널');
    await expect(lab.row('train.ipynb')).toContainText('종료');
    await page.waitForTimeout(6000);
    await lab.panel.screenshot({ path: join(IMAGES, 'korean.png') });
  } finally {
    await server.stop();
  }
});

test('the machine, and who keeps it on', async ({ page }) => {
  const server = await LabServer.start({
    args: ['--LccIdle.stop_machine=server', '--LccIdle.check_interval_seconds=1', '--LccIdle.usd_per_hour=1.41']
  });
  try {
    for (const name of ['explore.ipynb', 'train.ipynb']) {
      server.addNotebook(name, 'model.fit(x, y)');
    }
    await page.setViewportSize({ width: 1200, height: 980 });
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.openNotebook('train.ipynb');
    await lab.run('import time; time.sleep(600)');
    await lab.execute('terminal:create-new');
    await page.locator('.jp-Terminal .xterm').click();
    const code = "import time; end = time.time() + 60; exec('while time.time() < end: pass')";
    await page.keyboard.type(`setsid -f python3 -c "${code}"\n`);
    await lab.execute('jupyter-lcc:who-keeps');
    await expect(lab.row('Job python3')).toContainText('Working', { timeout: 40_000 });
    await lab.panel.screenshot({ path: join(IMAGES, 'machine.png') });
    await lab.setTheme('JupyterLab Dark');
    await lab.panel.screenshot({ path: join(IMAGES, 'machine-dark.png') });
    // Or the next server on this machine sees it too.
    await lab.row('Job python3').getByRole('button', { name: /^Shut down Job/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Shut down' }).click();
    await expect(lab.row('Job python3')).toHaveCount(0);
  } finally {
    await server.stop();
  }
});

test('the way back', async ({ page, context }) => {
  const server = await LabServer.start({
    args: [
      '--LccIdle.kernel_timeout_seconds=12',
      '--LccIdle.warn_seconds=6',
      '--LccIdle.check_interval_seconds=1'
    ]
  });
  try {
    server.addNotebook('explore.ipynb', 'model.fit(x, y)');
    const lab = await Lab.open(page, server);
    await lab.openNotebook('explore.ipynb');
    await lab.run(
      'frame = b"x" * 2_100_000; labels = list(range(120_000)); folds = {n: n for n in range(900)}; name = "fold 3"'
    );
    await page.locator('.jp-Notebook .jp-CodeCell .cm-content').click();
    await page.keyboard.type('  # try again');
    await expect.poll(() => server.kernelIds(), { timeout: 60_000 }).toEqual([]);
    await page.close();

    const back = await Lab.open(await context.newPage(), server, 'lab?reset');
    await back.page.setViewportSize({ width: 1200, height: 820 });
    await back.openPanel();
    await expect(back.notice('while you were away')).toBeVisible();
    await back.page.waitForTimeout(1500);
    await back.page.screenshot({ path: join(IMAGES, 'resume.png') });
    await back.panel.getByRole('button', { name: /Lost from memory/ }).click();
    await back.setTheme('JupyterLab Dark');
    await back.page.screenshot({ path: join(IMAGES, 'resume-dark.png') });
    await back.setTheme('JupyterLab Light');
    await back.setWidth(200);
    const clip = { x: 0, y: 0, width: 240, height: 820 };
    await back.page.screenshot({ path: join(IMAGES, 'narrow.png'), clip });
  } finally {
    await server.stop();
  }
});

test('environments', async ({ page }) => {
  test.setTimeout(180_000);
  const channel = new LocalChannel();
  const server = await LabServer.start({ files: { '.condarc': channel.condarc } });
  try {
    await page.setViewportSize({ width: 1200, height: 820 });
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await lab.panel.getByRole('button', { name: 'This machine', exact: true }).click();
    await lab.panel.getByRole('button', { name: 'New environment' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByRole('textbox', { name: 'Name' }).fill('analysis');
    await sheet.getByRole('combobox', { name: 'Packages' }).fill('al');
    await expect(page.getByRole('option', { name: 'alpha' })).toBeVisible();
    await page.screenshot({ path: join(IMAGES, 'environments-create.png') });
    await page.getByRole('option', { name: 'alpha' }).click();
    await sheet.getByRole('button', { name: 'Preview' }).click();
    await expect(sheet).toContainText('packages are installed', { timeout: 60_000 });
    await page.screenshot({ path: join(IMAGES, 'environments-plan.png') });
    await sheet.getByRole('button', { name: 'Create' }).click();
    const notice = lab.notice('analysis is ready.');
    await expect(notice).toBeVisible({ timeout: 60_000 });
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(IMAGES, 'environments-ready.png') });
    await notice.getByRole('button', { name: 'Open notebook with this kernel' }).click();
    await page.locator('.jp-Notebook:visible .jp-CodeCell .cm-content').click();
    await page.keyboard.type('import sys; sys.prefix');
    await page.keyboard.press('Shift+Enter');
    await expect(page.locator('.jp-Notebook:visible .jp-OutputArea-output')).toContainText('analysis', {
      timeout: 60_000
    });
    await lab.execute('jupyter-lcc:show-environment', { name: 'analysis' });
    await expect(lab.panel.getByRole('list', { name: 'Packages of analysis' })).toBeVisible();
    await page.screenshot({ path: join(IMAGES, 'environments.png') });
    await lab.setTheme('JupyterLab Dark');
    await page.screenshot({ path: join(IMAGES, 'environments-dark.png') });
  } finally {
    await server.stop();
    channel.remove();
  }
});

/** Fake answers: states that come and go too fast, or not on this machine. */
test('environments in odd states', async ({ page }) => {
  const server = await LabServer.start();
  try {
    await fakeServer(page, {
      environments: [
        fakeEnvironment('analysis'),
        fakeEnvironment('base', {
          managed: false,
          made_by: 'conda',
          prefix: '/opt/conda',
          kernel: null,
          persistent: false,
          advice: 'clone_to_keep'
        }),
        fakeEnvironment('geo', { status: 'broken', kernel: null })
      ],
      packages: [fakePackage('numpy', { requested: true })],
      findings: [{ code: 'ipykernel_missing', level: 'error', message: '', advice: '', fix: 'install_ipykernel' }],
      jobs: [fakeJob('train')]
    });
    await page.setViewportSize({ width: 1200, height: 1160 });
    const lab = await Lab.open(page, server);
    await lab.openPanel();
    await lab.panel.getByRole('button', { name: 'This machine', exact: true }).click();
    await lab.execute('jupyter-lcc:diagnose-environment', { name: 'geo' });
    await lab.panel.getByRole('button', { name: 'Log of Make train' }).first().click();
    await page.waitForTimeout(1500);
    await lab.panel.evaluate(node => node.scrollTo(0, 0));
    await lab.panel.screenshot({ path: join(IMAGES, 'environments-states.png') });
  } finally {
    await server.stop();
  }
});
