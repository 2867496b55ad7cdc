import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/** A real conda channel in a folder, made of what the Python tests run with; its Python and its kernels really start. */
export class LocalChannel {
  readonly url: string;
  private readonly _folder: string;

  constructor() {
    this._folder = mkdtempSync(join(tmpdir(), 'lcc-channel-'));
    this.url = execFileSync(
      process.env['PYTHON'] ?? 'python',
      ['-m', 'tests.environments.channel', join(this._folder, 'channel')],
      { cwd: ROOT, encoding: 'utf8' }
    ).trim();
  }

  /** A `.condarc` with this channel alone. */
  get condarc(): string {
    return `channels:\n  - ${this.url}\n`;
  }

  remove(): void {
    rmSync(this._folder, { recursive: true, force: true });
  }
}
