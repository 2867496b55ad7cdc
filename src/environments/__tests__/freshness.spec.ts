import type { Event, Kernel } from '@jupyterlab/services';
import { Signal, Stream } from '@lumino/signaling';

import { aJob, makeWork } from '../../__tests__/fakeWork';
import { settled } from '../../__tests__/fakes';
import { ENVIRONMENTS_EVENT, JOB_EVENT, WorkEvents } from '../../api/events';
import { WorkFreshness } from '../freshness';

describe('WorkFreshness', () => {
  let made: ReturnType<typeof makeWork>;
  let stream: Stream<Event.IManager, Event.Emission>;
  let freshness: WorkFreshness;
  const kernels = new Signal<object, Kernel.IModel[]>({});

  const pass = async (ms: number): Promise<void> => {
    await jest.advanceTimersByTimeAsync(ms);
    await settled();
  };
  const say = (schema_id: string): void => stream.emit({ schema_id, kind: 'changed' });
  const asked = (): { jobs: number; environments: number } => ({
    jobs: made.server.jobsClient.jobs.mock.calls.length,
    environments: made.server.environmentsClient.environments.mock.calls.length
  });

  beforeEach(() => {
    jest.useFakeTimers();
    made = makeWork();
    stream = new Stream<Event.IManager, Event.Emission>({} as Event.IManager);
    freshness = new WorkFreshness(
      made.work.jobs,
      made.work.environments,
      new WorkEvents({ stream }),
      kernels
    );
  });

  afterEach(() => {
    freshness.dispose();
    jest.useRealTimers();
  });

  it('asks nothing while nobody looks and nothing happens', async () => {
    await pass(600_000);
    say(ENVIRONMENTS_EVENT);
    say('https://schema.jupyter.org/other/v1');
    await pass(5000);
    expect(asked()).toEqual({ jobs: 0, environments: 0 });
  });

  it('learns of work that goes on in a page that was just reloaded, and of its end', async () => {
    const told: string[] = [];
    made.work.jobs.finished.connect((_, { id }) => told.push(id));
    made.server.jobs = [aJob()];
    say(JOB_EVENT);
    await pass(300);
    made.server.jobs = [aJob({ state: 'succeeded' })];
    say(JOB_EVENT);
    await pass(300);
    expect(told).toEqual(['j1']);
  });

  it('asks four times a second at most', async () => {
    for (let index = 0; index < 40; index++) {
      say(JOB_EVENT);
      await pass(25);
    }
    expect(asked().jobs).toBeLessThanOrEqual(5);
  });

  it('finds the end of a job without events', async () => {
    made.server.jobs = [aJob()];
    await made.work.environments.wake();
    await made.work.jobs.wake();
    made.server.jobs = [aJob({ state: 'succeeded' })];
    const before = asked().environments;
    await pass(3500);
    expect(made.work.jobs.active).toHaveLength(0);
    expect(asked().environments).toBeGreaterThan(before);
  });

  it('learns of a kernel that starts in an environment', async () => {
    await made.work.environments.wake();
    await pass(1000);
    const before = asked().environments;
    kernels.emit([{ id: 'k', name: 'lcc-analysis' }]);
    await pass(1000);
    kernels.emit([{ id: 'k', name: 'lcc-analysis', execution_state: 'busy' }]);
    await pass(1000);
    expect(asked().environments).toBe(before + 1);
  });

  it('asks now and then by itself once somebody has looked', async () => {
    await made.work.environments.wake();
    await pass(65_000);
    expect(asked().environments).toBeGreaterThan(1);
  });
});
