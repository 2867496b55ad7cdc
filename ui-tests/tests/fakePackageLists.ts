import type { Page, Route } from '@playwright/test';

/** Fake answers of the server about package lists: every way a list can stand, races, sources that don't answer. */
export interface IFakeLists {
  lists: object[];
  sources?: object[];
  mayAdd?: boolean;
  diff?: object;
  text?: string;
  problems?: object[];
  /** What publishing answers; by default a job. */
  published?: { status: number; body: object };
  whyNot?: string;
  /** Answer the lists with this status and problem instead. */
  problem?: { status: number; body: object };
  /** What was asked for: method, path below `lcc/`, body. */
  asked?: { method: string; path: string; body: unknown; ifMatch: string | undefined }[];
}

const AT = '2026-11-20T10:00:00Z';
const NO_PLAN = {
  add: [],
  remove: [],
  change: [],
  download_bytes: 0,
  running_kernels: [],
  post_link: [],
  notes: []
};

export function fakeRevision(number: number, change: object = {}): object {
  return {
    number,
    id: `id${number}`,
    parent: null,
    at: AT,
    author: 'kim',
    message: `change ${number}`,
    list_sha256: null,
    lock_sha256: null,
    restored_from: null,
    removed: false,
    outside: false,
    ...change
  };
}

export function fakeList(name: string, change: object = {}): object {
  return {
    name,
    source: 'team',
    environment: name,
    status: 'in_sync',
    required: false,
    mode: 'notify',
    revision: fakeRevision(7),
    synced_revision: 7,
    synced_at: AT,
    etag: '000007-id7',
    package_count: 152,
    set_hash: 'sha256:3f2ab91c77aa',
    wanted_hash: 'sha256:3f2ab91c77aa',
    locked: true,
    platforms: ['linux-64', 'osx-arm64'],
    drift: NO_PLAN,
    changed: { items: [], known: true },
    refused: [],
    keep: [],
    running_kernels: [],
    job_id: null,
    from_copy: false,
    checked_at: AT,
    message: '',
    ...change
  };
}

export function fakeSource(id: string, change: object = {}): object {
  return {
    id,
    kind: 'directory',
    place: `/shared/${id}/lists-of-the-whole-team`,
    configured: false,
    mode: 'notify',
    writable: true,
    safe: true,
    why_not_safe: null,
    hidden: [],
    problem: null,
    ...change
  };
}

export function fakeDiff(name: string, change: object = {}): object {
  const item = {
    build: 'py_0',
    channel: 'conda-forge',
    manager: 'conda',
    size_bytes: 1,
    download_bytes: 1_000_000
  };
  return {
    ...NO_PLAN,
    add: Array.from({ length: 200 }, (_, index) => ({ ...item, name: `package-${index}`, version: '2.0' })),
    remove: [{ ...item, name: 'zlib', version: '1.3' }],
    change: [{ ...item, name: 'rich', manager: 'pip', channel: null, from: '13.0', to: '14.0' }],
    name,
    environment: name,
    status: 'drifted',
    plan_hash: 'h1',
    etag: '000007-id7',
    revision: fakeRevision(7),
    platform: 'linux-64',
    changed: {
      items: [{ name: 'zlib', manager: 'conda', synced: null, installed: '1.3', wanted: null, by: 'here' }],
      known: true
    },
    refused: [],
    keep: [],
    solved_here: false,
    from_copy: false,
    message: '',
    ...change
  };
}

/** Let a page have these answers instead of the server's. */
export async function fakeLists(page: Page, fake: IFakeLists): Promise<void> {
  const json = (route: Route, body: object, status = 200): Promise<void> =>
    route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) });
  const note = (route: Route): void => {
    const request = route.request();
    const path = new URL(request.url()).pathname.replace(/^.*\/lcc\//, '');
    const body: unknown = request.postDataJSON();
    fake.asked?.push({ method: request.method(), path, body, ifMatch: request.headers()['if-match'] });
  };
  const job = (kind: string): object => ({
    id: 'list-job',
    kind,
    key: 'list:new',
    subject: 'new',
    state: 'queued',
    created_at: AT,
    started_at: null,
    finished_at: null,
    progress: null,
    cancelling: false,
    error: null,
    result: null
  });
  const states = (): object => ({
    lists: fake.lists,
    sources: fake.sources ?? [fakeSource('team')],
    may_add_sources: fake.mayAdd ?? true,
    platform: 'linux-64',
    taken_at: AT
  });
  const text = (name: string): object => ({
    name,
    source: 'team',
    text: fake.text ?? 'channels:\n  - conda-forge\ndependencies:\n  - python=3.12\n',
    understood: null,
    problem: null,
    revision: fakeRevision(7),
    etag: '000007-id7',
    lock_fits: true
  });
  await page.route('**/lcc/about?*', async route => {
    const answer = await route.fetch();
    const about = (await answer.json()) as { features: object };
    const feature = { available: fake.whyNot === undefined, why_not: fake.whyNot ?? null };
    await json(route, { ...about, features: { ...about.features, package_lists: feature } });
  });
  await page.route(/\/lcc\/package-lists(\?|$)/, route =>
    fake.problem ? json(route, fake.problem.body, fake.problem.status) : json(route, states())
  );
  await page.route(/\/lcc\/package-list-checks/, route => json(route, states()));
  await page.route(/\/lcc\/package-lists\/[^/?]+(\?|$)/, route => {
    note(route);
    return route.request().method() === 'GET'
      ? json(route, text('team-base'))
      : json(route, fake.published?.body ?? job('lists.publish'), fake.published?.status ?? 202);
  });
  await page.route(/\/lcc\/package-lists\/[^/]+\/diff/, route =>
    json(route, fake.diff ?? fakeDiff('team-base'))
  );
  await page.route(/\/lcc\/package-lists\/[^/]+\/sync/, route => {
    note(route);
    return json(route, job('environment.sync'), 202);
  });
  await page.route(/\/lcc\/package-lists\/[^/]+\/(publish|restore)/, route => {
    note(route);
    return json(route, fake.published?.body ?? job('lists.publish'), fake.published?.status ?? 202);
  });
  await page.route(/\/lcc\/package-lists\/[^/]+\/history/, route =>
    json(route, {
      revisions: [fakeRevision(7), fakeRevision(6, { restored_from: 4 }), fakeRevision(5, { removed: true })]
    })
  );
  await page.route(/\/lcc\/package-lists\/[^/]+\/revisions\//, route => json(route, text('team-base')));
  await page.route(/\/lcc\/package-list-validations/, route =>
    json(route, { understood: null, problems: fake.problems ?? [] })
  );
  await page.route(/\/lcc\/package-list-sources/, route => {
    note(route);
    return json(route, fakeSource('new'), 201);
  });
}
