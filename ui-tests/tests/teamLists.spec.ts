import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from '@playwright/test';

import { LocalChannel } from './channel';
import { Lab } from './lab';
import { LabServer } from './server';

interface ILists {
  lists: { name: string; status: string; set_hash: string | null; wanted_hash: string | null }[];
}

/** Two people with a server each, side by side, and one folder that both can write to. */
test('what one publishes another sees, syncs, and has exactly', async ({ browser }) => {
  const channel = new LocalChannel();
  const folder = mkdtempSync(join(tmpdir(), 'lcc-shared-'));
  const options = { files: { '.condarc': channel.condarc }, args: ['--LccPackageLists.poll_seconds=5'] };
  const [hers, his] = await Promise.all([LabServer.start(options), LabServer.start(options)]);
  const list = async (server: LabServer): Promise<ILists['lists'][number] | undefined> =>
    (await server.get<ILists>('lcc/package-lists')).lists.find(({ name }) => name === 'team');
  try {
    const [she, he] = await Promise.all(
      [hers, his].map(async server => {
        const lab = await Lab.open(await (await browser.newContext()).newPage(), server);
        await lab.openPanel();
        await lab.execute('jupyter-lcc:add-list-source');
        const sheet = lab.page.getByRole('dialog');
        await sheet.getByRole('textbox', { name: 'Place' }).fill(folder);
        await sheet.getByRole('button', { name: 'Add the source' }).click();
        await expect(sheet).toHaveCount(0);
        return lab;
      })
    );
    if (!she || !he) {
      throw new Error('both are here');
    }
    const publish = async (): Promise<void> => {
      const sheet = she.page.getByRole('dialog');
      await sheet.getByRole('button', { name: 'Publish' }).click();
      await expect(sheet).toHaveCount(0);
    };

    await hers.post('lcc/environments', { name: 'mine', packages: ['python', 'alpha=1.0'] });
    await expect(she.notice('mine is ready.').first()).toBeVisible({ timeout: 60_000 });
    await she.execute('jupyter-lcc:publish-package-list', { environment: 'mine' });
    await she.page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('team');
    await publish();

    const row = he.panel.locator('.jp-Lcc-listRow');
    const sync = async (shown: string): Promise<void> => {
      await row.getByRole('button', { name: 'Show what sync would do to team' }).click();
      const sheet = he.page.getByRole('dialog');
      await expect(sheet).toContainText(shown);
      await sheet.getByRole('button', { name: 'Sync' }).click();
      await expect(row).toContainText('In sync', { timeout: 60_000 });
    };
    await expect(row).toContainText('Not installed here yet', { timeout: 60_000 });
    await sync('packages are installed');
    const first = await list(his);
    expect(first?.set_hash).toBe(first?.wanted_hash);

    await hers.post('lcc/environments/mine/changes', { install: ['alpha=2.0'] });
    await expect
      .poll(() => hers.get('lcc/environments/mine/packages').then(JSON.stringify), { timeout: 60_000 })
      .toContain('"alpha","version":"2.0"');
    await she.execute('jupyter-lcc:publish-package-list', { environment: 'mine', name: 'team' });
    await publish();
    await expect(row).toContainText('Behind: the list has changed', { timeout: 60_000 });
    await sync('1.0 → 2.0');

    const second = await list(his);
    expect(second?.set_hash).not.toBe(first?.set_hash);
    expect(second?.set_hash).toBe(second?.wanted_hash);
    expect(second?.wanted_hash).toBe((await list(hers))?.wanted_hash);
  } finally {
    await Promise.all([hers.stop(), his.stop()]);
    rmSync(folder, { recursive: true, force: true });
    channel.remove();
  }
});
