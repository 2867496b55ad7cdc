import { ServerConnection } from '@jupyterlab/services';

import { LccClient } from '../client';
import { LccError } from '../errors';

interface IAsked {
  method: string;
  url: string;
  body: string;
  ifMatch?: string;
}

/** A client whose server gives one answer, and what it was asked. */
function clientOf(answer: () => Response): { client: LccClient; asked: IAsked[] } {
  const asked: IAsked[] = [];
  class FakeRequest {
    readonly headers = new Headers();
    constructor(
      readonly url: string,
      readonly init: RequestInit
    ) {}
  }
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://here/jupyterlab/default/',
    appendToken: false,
    Request: FakeRequest as unknown as typeof Request,
    Headers,
    fetch: async input => {
      const { url, init } = input as unknown as FakeRequest;
      const ifMatch = new Headers(init.headers).get('If-Match');
      asked.push({
        method: init.method ?? '',
        url,
        body: String(init.body ?? ''),
        ...(ifMatch === null ? {} : { ifMatch })
      });
      return answer();
    }
  });
  return { client: new LccClient(settings), asked };
}

function answerOf(status: number, text: string): Response {
  return {
    ok: status < 400,
    status,
    statusText: 'Said',
    text: async () => text
  } as unknown as Response;
}

async function errorOf(promise: Promise<unknown>): Promise<LccError> {
  try {
    await promise;
  } catch (reason) {
    if (reason instanceof LccError) {
      return reason;
    }
    throw reason;
  }
  throw new Error('it did not fail');
}

describe('LccClient', () => {
  it('asks below the base URL, quietly, and adds nothing the server does not know', async () => {
    const { client, asked } = clientOf(() => answerOf(200, '{"decisions": []}'));
    await expect(client.decisions({ limit: 7, target_id: 'terminal:a b' })).resolves.toEqual({
      decisions: []
    });
    expect(asked).toEqual([
      {
        method: 'GET',
        url: 'http://here/jupyterlab/default/lcc/idle/decisions?limit=7&target_id=terminal%3Aa%20b&no_track_activity=1',
        body: ''
      }
    ]);
  });

  it('fills the pieces of a path, percent-encoded', async () => {
    const { client, asked } = clientOf(() => answerOf(202, ''));
    await expect(client.shutDown('terminal:a/b')).resolves.toBeUndefined();
    expect(asked[0]).toMatchObject({
      method: 'POST',
      url: 'http://here/jupyterlab/default/lcc/idle/targets/terminal%3Aa%2Fb/shutdown'
    });
  });

  it('sends a body as JSON', async () => {
    const { client, asked } = clientOf(() => answerOf(204, ''));
    await client.presence({ target_ids: ['instance'] });
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ target_ids: ['instance'] });
  });

  it('gives a problem body its code and detail', async () => {
    const problem = { code: 'out_of_bounds', message: 'No.', detail: { field: 'warn_seconds', min: 10 } };
    const { client } = clientOf(() => answerOf(422, JSON.stringify(problem)));
    expect(await errorOf(client.changePolicy({ warn_seconds: 1 }))).toMatchObject({
      ...problem,
      status: 422
    });
  });

  it.each([
    ['a page of a proxy', 502, '<html>Bad gateway</html>', 'unreachable'],
    ['JSON of somebody else', 404, '{"message": "Not found"}', 'unreadable_answer'],
    ['a list', 500, '[]', 'unreadable_answer'],
    ['what is not JSON', 200, '<html>Log in</html>', 'unreadable_answer']
  ])('gives %s a code', async (_, status, text, code) => {
    const { client } = clientOf(() => answerOf(status, text));
    expect((await errorOf(client.idle())).code).toBe(code);
  });

  it('knows a server without us by the 404 of about', async () => {
    const { client } = clientOf(() => answerOf(404, '{"message": "Not Found"}'));
    expect((await errorOf(client.about())).code).toBe('server_extension_missing');
  });

  it('says that nothing answered', async () => {
    const { client } = clientOf(() => {
      throw new TypeError('Failed to fetch');
    });
    const error = await errorOf(client.idle());
    expect(error.code).toBe('unreachable');
    expect(error.message).toContain('Failed to fetch');
  });

  it('says a plan and the doing of it apart, and quotes names', async () => {
    const { client, asked } = clientOf(() => answerOf(200, '{}'));
    await client.planChange('my env', { install: ['numpy'] });
    await client.changeEnvironment('my env', { install: ['numpy'] });
    await client.versionDiff('my env', { from: 1 });
    await client.purgeEnvironment('all');
    const base = 'http://here/jupyterlab/default/lcc';
    expect(asked).toEqual([
      {
        method: 'POST',
        url: `${base}/environments/my%20env/changes`,
        body: '{"install":["numpy"],"dry_run":true}'
      },
      {
        method: 'POST',
        url: `${base}/environments/my%20env/changes`,
        body: '{"install":["numpy"],"dry_run":false}'
      },
      {
        method: 'GET',
        url: `${base}/environments/my%20env/versions/diff?from=1&no_track_activity=1`,
        body: ''
      },
      { method: 'DELETE', url: `${base}/environment-trash/all`, body: '' }
    ]);
  });

  it('changes a package list only over the state it was made from', async () => {
    const { client, asked } = clientOf(() => answerOf(202, '{}'));
    const body = { text: 'dependencies: []', message: '', source: null };
    await client.putPackageList('team', body, '000007-id7');
    await client.putPackageList('new', body, null);
    expect(asked.map(({ method, ifMatch }) => [method, ifMatch])).toEqual([
      ['PUT', '"000007-id7"'],
      ['PUT', undefined]
    ]);
  });
});
