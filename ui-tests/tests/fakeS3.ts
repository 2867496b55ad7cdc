import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * A FAKE of AWS: moto speaks the S3 protocol on loopback, in a process of its own. Servers ask it over HTTP by their
 * own boto3. It keeps objects and their versions in memory, and lets anybody in.
 */
export class FakeS3 {
  private constructor(
    private readonly _url: string,
    private readonly _process: ChildProcess
  ) {}

  static async start(): Promise<FakeS3> {
    const child = spawn(
      process.env['PYTHON'] ?? 'python',
      ['-u', '-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'],
      { stdio: ['ignore', 'ignore', 'pipe'] }
    );
    let said = '';
    // Also what it logs later is read, or it would wait for somebody to read it.
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', line => {
        said += `${line}\n`;
        const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (found) {
          resolve(found);
        }
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`moto did not start:\n${said}`)));
    });
    return new FakeS3(url, child);
  }

  /** What leads boto3 here, and nowhere else. */
  get env(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_S3: this._url,
      AWS_ACCESS_KEY_ID: 'FAKE-ID-OF-A-KEY',
      AWS_SECRET_ACCESS_KEY: 'FAKE-SECRET',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true'
    };
  }

  /** Make a bucket that keeps each version of its objects, as an administrator does. */
  async addBucket(name: string): Promise<void> {
    const ask = async (path: string, body?: string): Promise<void> => {
      const answer = await fetch(`${this._url}/${path}`, { method: 'PUT', body });
      if (!answer.ok) {
        throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      }
    };
    await ask(name);
    await ask(
      `${name}?versioning`,
      '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
    );
  }

  /** How many objects lie in a bucket. */
  async count(bucket: string): Promise<number> {
    const answer = await (await fetch(`${this._url}/${bucket}?list-type=2`)).text();
    return answer.split('<Contents>').length - 1;
  }

  async stop(): Promise<void> {
    if (this._process.exitCode === null) {
      const ended = new Promise(resolve => this._process.once('exit', resolve));
      this._process.kill();
      await ended;
    }
  }
}
