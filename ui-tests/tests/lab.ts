import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { expect, type Locator, type Page } from '@playwright/test';

import type { LabServer } from './server';

interface IApp {
  started: Promise<void>;
  restored: Promise<void>;
  commands: { execute(id: string, args: unknown): Promise<unknown>; listCommands(): string[] };
  shell: { currentWidget: { sessionContext?: ISessionContext; context?: { ready: Promise<void> } } | null };
}

interface ISessionContext {
  ready: Promise<void>;
  session: { kernel: { id: string; requestExecute(content: { code: string }): unknown } | null } | null;
}

const AXE = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');

/** JupyterLab in one tab. */
export class Lab {
  constructor(readonly page: Page) {}

  static async open(page: Page, server: LabServer, path = 'lab?reset'): Promise<Lab> {
    await page.goto(server.page(path));
    await page.waitForFunction(() => 'jupyterapp' in window);
    await page.evaluate(async () => {
      const app = (window as unknown as { jupyterapp: IApp }).jupyterapp;
      await app.started;
      await app.restored;
    });
    if (path.includes('reset')) {
      // The launcher comes later, and takes the keyboard.
      await expect(page.locator('.jp-Launcher:focus-within')).toBeVisible();
    }
    return new Lab(page);
  }

  async execute(id: string, args: unknown = {}): Promise<void> {
    await this.page.evaluate(
      async ([command, given]) => {
        const app = (window as unknown as { jupyterapp: IApp }).jupyterapp;
        await app.commands.execute(command as string, given);
      },
      [id, args] as const
    );
  }

  commandIds(): Promise<string[]> {
    return this.page.evaluate(() =>
      (window as unknown as { jupyterapp: IApp }).jupyterapp.commands.listCommands()
    );
  }

  /** Open a notebook and give its kernel's id, once it has one. */
  async openNotebook(path: string): Promise<string> {
    await this.execute('docmanager:open', { path, factory: 'Notebook' });
    const id = await this.page.waitForFunction(() => {
      const widget = (window as unknown as { jupyterapp: IApp }).jupyterapp.shell.currentWidget;
      return widget?.sessionContext?.session?.kernel?.id;
    });
    return String(await id.jsonValue());
  }

  /** Run code in the kernel of the notebook in front. */
  async run(code: string): Promise<void> {
    await this.page.evaluate(given => {
      const widget = (window as unknown as { jupyterapp: IApp }).jupyterapp.shell.currentWidget;
      widget?.sessionContext?.session?.kernel?.requestExecute({ code: given });
    }, code);
  }

  async openPanel(): Promise<Locator> {
    await this.execute('jupyter-lcc:open-panel');
    await expect(this.panel).toBeVisible();
    // It takes the keyboard; only then it is a person's turn.
    await expect(this.page.locator('#jupyter-lcc-panel:focus-within')).toBeVisible();
    return this.panel;
  }

  get panel(): Locator {
    return this.page.locator('#jupyter-lcc-panel');
  }

  row(name: string): Locator {
    return this.panel.locator('.jp-Lcc-row').filter({ hasText: name });
  }

  /** A package list. */
  listRow(name: string): Locator {
    return this.panel.locator(`[data-target="list:${name}"]`);
  }

  /** The open notification that speaks of something. */
  notice(text: string | RegExp): Locator {
    return this.page.locator('.Toastify__toast').filter({ hasText: text });
  }

  /** Take the keyboard out of whatever has it, for a picture without its ring. */
  async blur(): Promise<void> {
    await this.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  }

  async setWidth(width: number): Promise<void> {
    await this.page.addStyleTag({
      content: `#jp-left-stack { min-width: ${width}px !important; max-width: ${width}px !important; } #jupyter-lcc-panel { min-width: ${width}px !important; width: ${width}px !important; }`
    });
    await this.page.waitForTimeout(300);
  }

  async setTheme(theme: 'JupyterLab Light' | 'JupyterLab Dark'): Promise<void> {
    await this.execute('apputils:change-theme', { theme });
    await expect(this.page.locator('body')).toHaveAttribute('data-jp-theme-name', theme);
    await this.page.waitForTimeout(500);
  }

  /** What axe finds in our own parts, as readable lines. */
  async axe(selector: string): Promise<string[]> {
    await this.page.evaluate(AXE);
    return this.page.evaluate(async within => {
      interface IFinding {
        id: string;
        nodes: { html: string; failureSummary?: string }[];
      }
      const { axe } = window as unknown as {
        axe: { run(context: string): Promise<{ violations: IFinding[] }> };
      };
      const { violations } = await axe.run(within);
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(node => `${id}: ${node.html} ${node.failureSummary ?? ''}`)
      );
    }, selector);
  }

  /** By how many pixels the panel's content is wider than the panel. */
  overflow(): Promise<number> {
    return this.panel.evaluate(node => node.scrollWidth - node.clientWidth);
  }
}
