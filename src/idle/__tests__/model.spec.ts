import { ABOUT, aDecision, aTarget, at, aView, FakeServer, NOW } from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import { IdleModel } from '../model';

function modelOf(server: FakeServer, version = '0.1.0', now = NOW): IdleModel {
  return new IdleModel(server.client, version, () => now);
}

describe('IdleModel', () => {
  it('is ready with what the server says', async () => {
    const server = new FakeServer();
    server.view = aView([aTarget()]);
    const model = modelOf(server);
    const phases: string[] = [];
    model.stateChanged.connect(({ state }) => phases.push(state.phase));
    expect(model.state.phase).toBe('loading');
    await model.refresh();
    expect(phases).toEqual(['ready']);
    expect(model.find('kernel:k1')?.name).toBe('train.ipynb');
    expect(model.find('instance')?.kind).toBe('instance');
    expect(model.find('kernel:gone')).toBeNull();
  });

  it('counts on the server’s clock', async () => {
    const server = new FakeServer();
    const model = modelOf(server, '0.1.0', NOW - 90_000);
    await model.refresh();
    expect(model.now().toISOString()).toBe(at(0));
  });

  it('keeps the last answer when the server goes away, and says so', async () => {
    const server = new FakeServer();
    server.view = aView([aTarget()]);
    const model = modelOf(server);
    await model.refresh();
    server.client.idle.mockRejectedValueOnce(new LccError('unreachable', 'gone'));
    await model.refresh();
    expect(model.state).toMatchObject({ phase: 'failed', error: { code: 'unreachable' } });
    expect(model.state.view?.targets).toHaveLength(1);
    await model.refresh();
    expect(model.state).toMatchObject({ phase: 'ready', error: null });
    expect(server.client.about).toHaveBeenCalledTimes(2); // a restarted server may be another version
  });

  it('does not try when the server speaks another contract', async () => {
    const server = new FakeServer();
    const other: unknown = { ...ABOUT, api_version: 2 };
    server.client.about.mockResolvedValue(other as typeof ABOUT);
    const model = modelOf(server);
    await model.refresh();
    expect(model.state.phase).toBe('incompatible');
    expect(server.client.idle).not.toHaveBeenCalled();
  });

  it.each([
    ['0.1.0', '0.1.0', null],
    ['0.2.0', '0.1.0', '0.2.0'],
    ['0.2.0a1', '0.2.0-alpha.1', null]
  ])('compares the versions %s and %s', async (ofServer, ofPanel, other) => {
    const server = new FakeServer();
    server.client.about.mockResolvedValue({ ...ABOUT, version: ofServer });
    const model = modelOf(server, ofPanel);
    await model.refresh();
    expect(model.otherVersion).toBe(other);
  });

  it('reads the shutdowns out of the log', async () => {
    const server = new FakeServer();
    server.log = [
      aDecision({ change: 'appeared' }),
      ...[1, 2, 3, 4, 5, 6].map(n => aDecision({ target_id: `kernel:${n}` })),
      aDecision({ change: 'gone' })
    ];
    const model = modelOf(server);
    await model.refresh();
    expect(model.state.happened.map(({ target_id: id }) => id)).toEqual(
      [1, 2, 3, 4, 5].map(n => `kernel:${n}`)
    );
  });

  it('works without the log', async () => {
    const server = new FakeServer();
    server.client.decisions.mockRejectedValue(new LccError('internal', 'disk'));
    const model = modelOf(server);
    await model.refresh();
    expect(model.state.phase).toBe('ready');
  });

  it('shares one further request among calls that come meanwhile', async () => {
    const server = new FakeServer();
    const model = modelOf(server);
    await Promise.all([model.refresh(), model.refresh(), model.refresh(), model.refresh()]);
    expect(server.client.idle).toHaveBeenCalledTimes(2);
  });

  it('never edits its own copy: a keep is pending, then read back', async () => {
    const server = new FakeServer();
    server.view = aView([aTarget()]);
    const model = modelOf(server);
    await model.refresh();
    const pending: boolean[] = [];
    model.stateChanged.connect(({ state }) => pending.push(state.pending.has('kernel:k1')));
    server.view = aView([aTarget({ stops_at: at(3600), reason: 'leased' })]);
    await model.keep('kernel:k1', 3599.6, 'why');
    expect(server.client.keep).toHaveBeenCalledWith({
      target_id: 'kernel:k1',
      seconds: 3600,
      note: 'why',
      pid: null
    });
    expect(pending[0]).toBe(true);
    expect(pending[pending.length - 1]).toBe(false);
    expect(model.find('kernel:k1')?.reason).toBe('leased');
  });

  it('hands on a refusal, and looks anew', async () => {
    const server = new FakeServer();
    const model = modelOf(server);
    server.client.shutDown.mockRejectedValue(new LccError('too_late', 'late', {}, 409));
    await expect(model.shutDown('kernel:k1')).rejects.toMatchObject({ code: 'too_late' });
    expect(model.state.pending.size).toBe(0);
    expect(server.client.idle).toHaveBeenCalledTimes(1);
  });

  it('is silent once it is disposed of', async () => {
    const model = modelOf(new FakeServer());
    const changed = jest.fn();
    model.stateChanged.connect(changed);
    model.dispose();
    await model.refresh();
    expect(changed).not.toHaveBeenCalled();
  });
});
