import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const TOKEN = 'a-token-of-the-tests';
const START_MS = 60_000;

/** How a server ends isn't what these tests are about. */
const STOP_MS = 10_000;

export interface IServerOptions {
  /** Command line options of the server, e.g. `--LccIdle.warn_seconds=10`. */
  args?: readonly string[];
  baseUrl?: string;
  /** JupyterLab settings by plugin id. */
  settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Variables of its environment besides our own. */
  env?: Readonly<Record<string, string>>;
  /** Files by their path below the home folder, e.g. `.condarc`. */
  files?: Readonly<Record<string, string>>;
  /** Whether our server extension is enabled. */
  enabled?: boolean;
}

/** A real server on a free loopback port, with a home of its own. */
export class LabServer {
  private constructor(
    readonly url: string,
    private readonly _folder: string,
    private readonly _process: ChildProcess
  ) {}

  static async start(options: IServerOptions = {}): Promise<LabServer> {
    const { args = [], baseUrl = '/', settings = {}, env = {}, files = {}, enabled = true } = options;
    const folder = mkdtempSync(join(tmpdir(), 'lcc-ui-'));
    const work = join(folder, 'work');
    mkdirSync(work);
    const all = { '@jupyterlab/apputils-extension:notification': { fetchNews: 'false' }, ...settings };
    for (const [plugin, values] of Object.entries(all)) {
      writeSettings(folder, plugin, values);
    }
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const port = await freePort();
    const child = spawn(
      process.env['JUPYTER'] ?? 'jupyter',
      [
        'lab',
        '--no-browser',
        '--allow-root',
        '--ip=127.0.0.1',
        `--port=${port}`,
        '--ServerApp.port_retries=0',
        `--ServerApp.base_url=${baseUrl}`,
        `--IdentityProvider.token=${TOKEN}`,
        '--LabApp.expose_app_in_browser=True',
        `--ServerApp.jpserver_extensions={"jupyter_lcc": ${enabled ? 'True' : 'False'}}`,
        ...args
      ],
      {
        cwd: work,
        env: { ...process.env, ...env, HOME: folder, JUPYTER_CONFIG_DIR: join(folder, '.jupyter') },
        stdio: ['ignore', 'ignore', 'pipe']
      }
    );
    const server = new LabServer(`http://127.0.0.1:${port}${baseUrl}`, folder, child);
    let said = '';
    child.stderr?.on('data', chunk => {
      said = (said + String(chunk)).slice(-4000);
    });
    const deadline = Date.now() + START_MS;
    while (!(await server.answers())) {
      if (Date.now() > deadline || child.exitCode !== null) {
        await server.stop();
        throw new Error(`the server did not start:\n${said}`);
      }
      await new Promise(resolve => setTimeout(resolve, 200));
    }
    return server;
  }

  /** The address of a page, with the token. */
  page(path: string): string {
    return `${this.url}${path}${path.includes('?') ? '&' : '?'}token=${TOKEN}`;
  }

  /** Ask the server itself, behind the panel's back. */
  async get<T>(path: string): Promise<T> {
    const response = await this._fetch(path);
    return (await response.json()) as T;
  }

  /** What runs, as the server tells the panel. */
  async targetIds(): Promise<string[]> {
    return (await this.get<{ targets: { id: string }[] }>('lcc/idle')).targets.map(({ id }) => id);
  }

  async post(path: string, body: unknown): Promise<void> {
    await this._fetch(path, { method: 'POST', body: JSON.stringify(body) });
  }

  /** Publish a text over the revision an ETag names; null: as a new list. */
  async putList(name: string, text: string, message: string, etag: string | null): Promise<void> {
    const answer = await this._fetch(`lcc/package-lists/${name}`, {
      method: 'PUT',
      headers: etag === null ? {} : { 'If-Match': `"${etag}"` },
      body: JSON.stringify({ text, message })
    });
    if (!answer.ok) {
      throw new Error(await answer.text());
    }
  }

  async kernelIds(): Promise<string[]> {
    return (await this.get<{ id: string }[]>('api/kernels')).map(({ id }) => id);
  }

  /** Put a notebook with one markdown and one code cell into the working folder. */
  addNotebook(name: string, code = '1 + 1'): void {
    const notebook = {
      cells: [
        { cell_type: 'markdown', id: 'a', metadata: {}, source: '# Notes' },
        { cell_type: 'code', id: 'b', metadata: {}, execution_count: null, outputs: [], source: code }
      ],
      metadata: { kernelspec: { name: 'python3', display_name: 'Python 3 (ipykernel)', language: 'python' } },
      nbformat: 4,
      nbformat_minor: 5
    };
    writeFileSync(join(this._folder, 'work', name), JSON.stringify(notebook));
  }

  /** Change the settings of a plugin; pages opened from now on have them. */
  set(plugin: string, values: Readonly<Record<string, unknown>>): void {
    writeSettings(this._folder, plugin, values);
  }

  /** What stands on the disk. */
  read(name: string): string {
    return readFileSync(join(this._folder, 'work', name), 'utf8');
  }

  /** Has its process ended? */
  get hasEnded(): boolean {
    return this._process.exitCode !== null;
  }

  async stop(): Promise<void> {
    if (this._process.exitCode === null) {
      const ended = new Promise(resolve => this._process.once('exit', resolve));
      this._process.kill('SIGTERM');
      const tooLong = setTimeout(() => this._process.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(tooLong);
    }
    rmSync(this._folder, { recursive: true, force: true });
  }

  private async answers(): Promise<boolean> {
    try {
      return (await this._fetch('api')).ok;
    } catch {
      return false;
    }
  }

  private _fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const separator = path.includes('?') ? '&' : '?';
    return fetch(`${this.url}${path}${separator}no_track_activity=1`, {
      ...init,
      headers: { ...init.headers, Authorization: `token ${TOKEN}` }
    });
  }
}

function writeSettings(home: string, plugin: string, values: Readonly<Record<string, unknown>>): void {
  const [name = '', part = ''] = plugin.split(':');
  const file = join(home, '.jupyter/lab/user-settings', name, `${part}.jupyterlab-settings`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(values));
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise(resolve => probe.close(resolve));
  return port;
}
