import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test, type Browser } from '@playwright/test';

import { LocalChannel } from './channel';
import { FakeS3 } from './fakeS3';
import { Lab } from './lab';
import { LabServer } from './server';

interface IList {
  name: string;
  status: string;
  set_hash: string | null;
  wanted_hash: string | null;
}

/** Somebody with a server, and a tab of it. */
class Person {
  constructor(
    readonly server: LabServer,
    readonly lab: Lab
  ) {}

  static async comes(browser: Browser, server: LabServer): Promise<Person> {
    const lab = await Lab.open(await (await browser.newContext()).newPage(), server);
    await lab.openPanel();
    return new Person(server, lab);
  }

  /** Share a place: all that has to be set up. */
  async shares(kind: string, place: string): Promise<void> {
    await this.lab.execute('jupyter-lcc:add-list-source');
    const sheet = this.lab.page.getByRole('dialog');
    await sheet.getByText(kind, { exact: true }).click();
    await sheet.getByRole('textbox', { name: 'Place' }).fill(place);
    await sheet.getByRole('button', { name: 'Add the source' }).click();
    await expect(sheet).toHaveCount(0);
  }

  /** Publish an environment as a new list of its name in a place, or over the one that is there. */
  async publishes(environment: string, place: string | null): Promise<void> {
    const name = place === null ? environment : undefined;
    await this.lab.execute('jupyter-lcc:publish-package-list', { environment, name });
    const sheet = this.lab.page.getByRole('dialog');
    if (place !== null) {
      await sheet.getByRole('combobox', { name: 'Source' }).selectOption(place);
    }
    await sheet.getByRole('button', { name: 'Publish' }).click();
    await expect(sheet).toHaveCount(0);
  }

  async list(name: string): Promise<IList | undefined> {
    const { lists } = await this.server.get<{ lists: IList[] }>('lcc/package-lists');
    return lists.find(list => list.name === name);
  }

  /** Wait for how an environment stands to its list. */
  async sees(list: string, words: string): Promise<void> {
    await expect(this.lab.listRow(list)).toContainText(words, { timeout: 60_000 });
  }

  /** Look at what a sync would do, and let it be done. */
  async syncs(list: string, shown: string): Promise<void> {
    await this.lab.panel.getByRole('button', { name: `Preview sync of ${list}` }).click();
    const sheet = this.lab.page.getByRole('dialog');
    await expect(sheet).toContainText(shown);
    await sheet.getByRole('button', { name: 'Sync' }).click();
    await this.sees(list, 'In sync');
  }
}

/** Two people with a server each, side by side, and places that both can write to. */
test.describe('a list two people share', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lcc-shared-'));
  /** The administrator's, which would be taken if nobody chose. */
  const other = mkdtempSync(join(tmpdir(), 'lcc-other-'));
  const bucket = 'lists-of-the-team';
  let channel: LocalChannel;
  let s3: FakeS3;
  let servers: LabServer[];

  test.beforeAll(async () => {
    channel = new LocalChannel();
    s3 = await FakeS3.start();
    await s3.addBucket(bucket);
    const options = {
      env: s3.env,
      files: { '.condarc': channel.condarc },
      args: [`--LccPackageLists.sources=${other}`, '--LccPackageLists.poll_seconds=5']
    };
    servers = await Promise.all([LabServer.start(options), LabServer.start(options)]);
  });

  test.afterAll(async () => {
    await Promise.all(servers.map(server => server.stop()));
    await s3.stop();
    for (const each of [folder, other]) {
      rmSync(each, { recursive: true, force: true });
    }
    channel.remove();
  });

  const places = [
    { kind: 'Folder', place: folder, list: 'in-a-folder', kept: async () => readdirSync(folder).length },
    { kind: 'S3', place: `s3://${bucket}/lists`, list: 'in-s3', kept: () => s3.count(bucket) }
  ] as const;
  for (const { kind, place, list, kept } of places) {
    test(`is seen, synced, and exactly the same on both (${kind})`, async ({ browser }) => {
      const [she, he] = await Promise.all(servers.map(server => Person.comes(browser, server)));
      if (!she || !he) {
        throw new Error('both are here');
      }
      expect(await kept()).toBe(0);
      for (const person of [she, he]) {
        await person.shares(kind, place);
      }
      const same = async (): Promise<string | null | undefined> => {
        const [hers, his] = await Promise.all([she.list(list), he.list(list)]);
        expect(hers).toMatchObject({ status: 'in_sync', set_hash: hers?.wanted_hash });
        expect(his).toMatchObject({ status: 'in_sync', set_hash: hers?.set_hash });
        return his?.set_hash;
      };

      await she.server.post('lcc/environments', {
        name: list,
        packages: ['python', 'alpha=1.0'],
        register_kernel: false
      });
      await expect(she.lab.notice(`${list} is ready.`).first()).toBeVisible({ timeout: 60_000 });
      await she.publishes(list, place);
      await he.sees(list, 'Not installed here yet');
      expect(await kept()).toBeGreaterThan(0);
      await he.syncs(list, 'packages are installed');
      const first = await same();

      // She goes on.
      await she.server.post(`lcc/environments/${list}/changes`, { install: ['alpha=2.0'] });
      await she.sees(list, 'Drifted: packages were changed here');
      await she.publishes(list, null);
      await he.sees(list, 'Behind: the list has changed');
      await he.syncs(list, '1.0 → 2.0');
      const second = await same();
      expect(second).not.toBe(first);

      // He tries something by hand.
      await he.server.post(`lcc/environments/${list}/changes`, { install: ['alpha=1.0', 'lonely'] });
      await he.sees(list, 'Drifted: packages were changed here');
      await he.lab.execute('jupyter-lcc:show-package-list', { name: list });
      await he.sees(list, 'alpha changed here: 2.0 → 1.0');
      await he.sees(list, 'lonely installed here: 1.5');
      expect((await he.list(list))?.set_hash).not.toBe(second);
      await he.syncs(list, '1 changes its version, 1 is removed.');
      expect(await same()).toBe(second);
    });
  }

  test('is solved first where it was written by hand, and shown before anything is done', async ({
    browser
  }) => {
    const [server] = servers;
    if (!server) {
      throw new Error('one is here');
    }
    const he = await Person.comes(browser, server);
    mkdirSync(join(other, 'by-hand'));
    writeFileSync(join(other, 'by-hand', 'environment.yml'), 'dependencies: [python, alpha=1.0]\n');
    await he.sees('by-hand', 'Not installed here yet');
    await he.syncs('by-hand', 'so its versions were chosen here');
    expect(await he.list('by-hand')).toMatchObject({ status: 'in_sync' });
  });
});
