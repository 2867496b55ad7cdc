import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from '@playwright/test';

import { LocalChannel } from './channel';
import { fakeEnvironment, fakeJob, fakePackage, fakeServer } from './fakeEnvironments';
import { Lab } from './lab';
import { LabServer } from './server';

/** So that all of a section is seen. */
const TALL = 1000;
const IMAGES = join(__dirname, '../../docs/images');

/** How an environment stands to its list. */
interface IStands {
  name: string;
  status: string;
  etag: string | null;
}

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
    await lab.blur();
    await page.locator('.jp-Notebook:visible .jp-CodeCell').last().hover();
    await picture('panel');

    await lab.row('train.ipynb').getByRole('button', { name: 'Why? train.ipynb' }).click();
    await lab.panel.screenshot({ path: join(IMAGES, 'why.png') });
    await lab.row('train.ipynb').getByRole('button', { name: 'Why? train.ipynb' }).click();

    await expect(lab.notice('explore.ipynb is idle')).toBeVisible({ timeout: 120_000 });
    await page.waitForTimeout(1500); // till it has slid in
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
    await lab.blur();
    await lab.panel.screenshot({ path: join(IMAGES, 'korean.png') });
  } finally {
    await server.stop();
  }
});

test('the machine, and who keeps it on', async ({ page }) => {
  const server = await LabServer.start({
    args: [
      '--LccIdle.stop_machine=server',
      '--LccIdle.check_interval_seconds=1',
      '--LccIdle.usd_per_hour=1.41'
    ]
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
    await lab.blur();
    await lab.panel.screenshot({ path: join(IMAGES, 'machine.png') });
    await lab.setTheme('JupyterLab Dark');
    await lab.panel.screenshot({ path: join(IMAGES, 'machine-dark.png') });
    // Or the next server on this machine sees it too.
    await lab
      .row('Job python3')
      .getByRole('button', { name: /^Shut down Job/ })
      .click();
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
    await back.blur();
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
    await lab.blur();
    await page.waitForTimeout(2500); // till it no longer glows
    await page.screenshot({ path: join(IMAGES, 'environments.png') });
    await lab.setTheme('JupyterLab Dark');
    await page.screenshot({ path: join(IMAGES, 'environments-dark.png') });
  } finally {
    await server.stop();
    channel.remove();
  }
});

/** Everything is real: two servers, a folder that both can write to, and packages that are installed. */
test('package lists', async ({ browser }) => {
  test.setTimeout(300_000);
  const channel = new LocalChannel();
  const folder = mkdtempSync(join(tmpdir(), 'team-lists-'));
  const options = {
    files: { '.condarc': channel.condarc },
    args: [`--LccPackageLists.sources=${folder}`, '--LccPackageLists.poll_seconds=5']
  };
  const servers = await Promise.all(
    ['lee', 'kim'].map(name => LabServer.start({ ...options, env: { USER: name, LOGNAME: name } }))
  );
  const [lee, kim] = servers;
  try {
    if (!lee || !kim) {
      throw new Error('both are here');
    }
    const text = (...packages: string[]): string =>
      ['channels:', `  - ${channel.url}`, 'dependencies:', ...packages.map(each => `  - ${each}`), ''].join(
        '\n'
      );
    const stands = async (server: LabServer, name: string): Promise<IStands | undefined> =>
      (await server.get<{ lists: IStands[] }>('lcc/package-lists')).lists.find(list => list.name === name);
    const publish = async (name: string, message: string, ...packages: string[]): Promise<void> => {
      const before = (await stands(lee, name))?.etag ?? null;
      await lee.putList(name, text(...packages), message, before);
      await expect
        .poll(async () => (await stands(kim, name))?.etag, { timeout: 60_000 })
        .not.toBe(before ?? undefined);
    };
    const sync = async (...names: string[]): Promise<void> => {
      for (const name of names) {
        await kim.post(`lcc/package-lists/${name}/sync`, {});
      }
      for (const name of names) {
        await expect.poll(async () => (await stands(kim, name))?.status, { timeout: 60_000 }).toBe('in_sync');
      }
    };
    await publish('common', 'What all of us need', 'python', 'ipykernel', 'alpha=1.0');
    await publish('reports', 'As in the spring', 'python', 'ipykernel', 'alpha=2.0');
    await publish('vision', 'The beginning', 'python', 'ipykernel', 'alpha=1.0');
    await sync('common', 'reports', 'vision');
    await publish('vision', 'The new alpha is faster', 'python', 'ipykernel', 'alpha=2.0', 'lonely');
    await publish('audio', 'For the new team', 'python', 'ipykernel', 'gamma');
    await kim.post('lcc/environments/reports/changes', { install: ['alpha=1.0', 'lonely'] });

    const open = async (server: LabServer, shown: string, locale = 'en-GB'): Promise<Lab> => {
      const page = await browser.newPage({ viewport: { width: 1200, height: TALL }, locale });
      const lab = await Lab.open(page, server);
      await lab.openPanel();
      for (const section of ['machine', 'targets', 'environments', 'jobs']) {
        await lab.panel.locator(`[aria-controls="jp-Lcc-group-${section}"]`).click();
      }
      await expect(lab.listRow('common')).toBeVisible();
      await lab.execute('jupyter-lcc:show-package-list', { name: shown });
      await expect(lab.listRow(shown)).toContainText('linux-64');
      // What was pointed at no longer glows.
      await page.mouse.move(700, 400);
      await page.waitForTimeout(2500);
      await lab.panel.evaluate(node => node.scrollTo(0, 0));
      return lab;
    };
    const lab = await open(kim, 'reports');
    const { page } = lab;
    await expect(lab.listRow('reports')).toContainText('alpha changed here: 2.0 → 1.0');
    await expect(lab.listRow('vision')).toContainText('Behind');
    await lab.panel.screenshot({ path: join(IMAGES, 'package-lists.png') });
    await lab.setTheme('JupyterLab Dark');
    await lab.panel.screenshot({ path: join(IMAGES, 'package-lists-dark.png') });
    await page.setViewportSize({ width: 1200, height: 820 });
    await lab.setTheme('JupyterLab Light');

    const sheet = page.getByRole('dialog');
    await lab.execute('jupyter-lcc:sync-package-list', { name: 'reports' });
    await expect(sheet).toContainText('1 is removed');
    await sheet.getByText('Who changed what since the last sync').click();
    await page.screenshot({ path: join(IMAGES, 'package-lists-sync.png') });
    await page.keyboard.press('Escape');
    await lab.notice('reports').locator('button').filter({ hasNotText: 'Preview' }).first().click();
    await expect(lab.notice('reports')).toHaveCount(0);

    await lab.execute('jupyter-lcc:publish-package-list', { environment: 'reports', name: 'reports' });
    await sheet
      .getByRole('textbox', { name: 'Message' })
      .fill('The old alpha: the new one breaks the tables');
    await page.screenshot({ path: join(IMAGES, 'package-lists-publish.png') });
    await page.keyboard.press('Escape');

    await lab.execute('jupyter-lcc:package-list-history', { name: 'vision' });
    await expect(sheet).toContainText('The beginning');
    await page.screenshot({ path: join(IMAGES, 'package-lists-history.png') });
    await page.keyboard.press('Escape');

    // Both change it at once.
    await lab.execute('jupyter-lcc:edit-package-list', { name: 'vision' });
    const field = sheet.getByRole('textbox', { name: 'environment.yml' });
    await expect(field).toHaveValue(/alpha=2\.0/);
    await field.fill(text('python', 'ipykernel', 'alpha=1.0', 'lonely', 'placed'));
    await sheet
      .getByRole('textbox', { name: 'Message' })
      .fill('Add placed; the old alpha, as the new one is slow');
    await expect(sheet).toContainText('Nothing is wrong with it');
    await publish('vision', 'Only the tested alpha', 'python', 'ipykernel', 'alpha>=2.0', 'lonely');
    await sheet.getByRole('button', { name: 'Publish' }).click();
    await expect(sheet).toContainText('Two people changed vision at once');
    await sheet.getByRole('radio', { name: 'Yours' }).check();
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(IMAGES, 'package-lists-merge.png') });
    await page.keyboard.press('Escape');

    await page.setViewportSize({ width: 1200, height: TALL });
    await lab.setWidth(200);
    await lab.blur();
    await lab.panel.screenshot({ path: join(IMAGES, 'package-lists-narrow.png') });
    await page.close();
    kim.set('@jupyterlab/translation-extension:plugin', { locale: 'ko_KR' });
    await (
      await open(kim, 'reports', 'ko-KR')
    ).panel.screenshot({ path: join(IMAGES, 'package-lists-korean.png') });

    const bound = await LabServer.start({
      ...options,
      args: [...options.args, '--LccPackageLists.required=common', '--LccPackageLists.denied_packages=lonely']
    });
    servers.push(bound);
    await expect
      .poll(async () => (await stands(bound, 'common'))?.status, { timeout: 60_000 })
      .toBe('in_sync');
    await (await open(bound, 'vision')).panel.screenshot({ path: join(IMAGES, 'package-lists-refused.png') });
  } finally {
    await Promise.all(servers.map(server => server.stop()));
    rmSync(folder, { recursive: true, force: true });
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
      findings: [
        { code: 'ipykernel_missing', level: 'error', message: '', advice: '', fix: 'install_ipykernel' }
      ],
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
