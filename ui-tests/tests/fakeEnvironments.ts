import type { Page, Route } from '@playwright/test';

/** Fake answers of the server, for what would take long to make: many environments, many packages, odd states. */
export interface IFake {
  environments: object[];
  trash?: object[];
  jobs?: object[];
  packages?: object[];
  findings?: object[];
  versions?: object[];
  plan?: object;
  offline?: boolean;
  whyNot?: string;
  /** Answer the list with this status and problem instead. */
  problem?: { status: number; body: object };
}

export function fakeEnvironment(name: string, change: object = {}): object {
  return {
    name,
    prefix: `/home/jo/.conda/envs/${name}`,
    persistent: true,
    advice: null,
    managed: true,
    made_by: 'jupyter_lcc',
    status: 'ready',
    python: '3.11.7',
    package_count: 152,
    pip_count: 0,
    size_bytes: 1_240_000_000,
    own_bytes: 310_000_000,
    kernel: { spec_name: `lcc-${name}`, display_name: `Python 3.11 (${name})`, ours: true },
    running_kernels: [],
    channels: ['conda-forge'],
    changed_at: '2026-11-20T10:00:00Z',
    job_id: null,
    ...change
  };
}

export function fakePackage(name: string, change: object = {}): object {
  return {
    name,
    version: '1.2.3',
    build: 'py_0',
    channel: 'conda-forge',
    manager: 'conda',
    requested: false,
    size_bytes: 1_000_000,
    editable: null,
    ...change
  };
}

export function fakeJob(id: string, change: object = {}): object {
  return {
    id,
    kind: 'environment.create',
    key: `env:${id}`,
    subject: id,
    state: 'running',
    created_at: '2026-11-20T10:00:00Z',
    started_at: '2026-11-20T10:00:00Z',
    finished_at: null,
    progress: { done: 34, total: 152, unit: 'packages', label: 'link' },
    cancelling: false,
    error: null,
    result: null,
    ...change
  };
}

/** Let a page have these answers instead of the server's. */
export async function fakeServer(page: Page, fake: IFake): Promise<void> {
  const json = (route: Route, body: object, status = 200): Promise<void> =>
    route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) });
  await page.route('**/lcc/about?*', async route => {
    const answer = await route.fetch();
    const about = (await answer.json()) as { features: object };
    const environments = { available: fake.whyNot === undefined, why_not: fake.whyNot ?? null };
    await json(route, { ...about, features: { ...about.features, environments } });
  });
  await page.route('**/lcc/environments?*', route =>
    fake.problem
      ? json(route, fake.problem.body, fake.problem.status)
      : json(route, {
          environments: fake.environments,
          trash: fake.trash ?? [],
          folder: '/home/jo/.conda/envs',
          channels: {
            defaults: ['conda-forge'],
            allowed: null,
            offline: fake.offline === true,
            problems: []
          },
          quota: { used_bytes: 3_400_000_000, limit_bytes: 10_000_000_000, free_bytes: 40_000_000_000 },
          taken_at: '2026-11-20T10:00:00Z'
        })
  );
  await page.route('**/lcc/environments', route => json(route, fake.plan ?? {}));
  await page.route('**/lcc/environments/*/packages?*', route =>
    json(route, { packages: fake.packages ?? [] })
  );
  await page.route('**/lcc/environments/*/versions?*', route =>
    json(route, { versions: fake.versions ?? [] })
  );
  await page.route('**/lcc/environments/*/doctor?*', route => json(route, { findings: fake.findings ?? [] }));
  await page.route('**/lcc/environments/*/changes', route => json(route, fake.plan ?? {}));
  await page.route('**/lcc/package-cache?*', route =>
    json(route, { path: '/home/jo/.cache', size_bytes: 1_300_000_000, reclaimable_bytes: 800_000_000 })
  );
  await page.route('**/lcc/package-names?*', route => {
    const query = new URL(route.request().url()).searchParams.get('query') ?? '';
    const names = ['numpy', 'numba', 'numexpr', 'pandas', 'pandoc', 'scipy', 'scikit-learn', 'polars'];
    return json(route, { names: names.filter(name => name.startsWith(query)), complete: true, why: null });
  });
  await page.route('**/lcc/jobs?*', route => json(route, { jobs: fake.jobs ?? [] }));
  await page.route('**/lcc/jobs/*/log?*', route => {
    const offset = Number(new URL(route.request().url()).searchParams.get('offset'));
    const text = 'Finding versions that fit\nInstalling numpy 2.1.0\nInstalling pandas 2.2.3\n'.slice(offset);
    return json(route, { text, next_offset: offset + text.length, complete: false });
  });
}
