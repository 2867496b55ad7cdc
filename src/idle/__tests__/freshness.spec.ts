import type { Event } from '@jupyterlab/services';
import { Stream } from '@lumino/signaling';

import { aTarget, aView, FakeServer, settled } from '../../__tests__/fakes';
import { IDLE_EVENT, IdleEvents } from '../../api/events';
import { Freshness } from '../freshness';
import { IdleModel } from '../model';

class Scene {
  readonly server = new FakeServer();
  readonly model = new IdleModel(this.server.client, '0.1.0');
  readonly stream = new Stream<Event.IManager, Event.Emission>({} as Event.IManager);
  readonly freshness = new Freshness(this.model, new IdleEvents({ stream: this.stream }));

  get looks(): number {
    return this.server.client.idle.mock.calls.length;
  }

  say(kind: string): void {
    this.stream.emit({ schema_id: IDLE_EVENT, kind });
  }

  async pass(ms: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(ms);
    await settled();
  }
}

describe('Freshness', () => {
  let scene: Scene;

  beforeEach(async () => {
    jest.useFakeTimers();
    scene = new Scene();
    await scene.pass(100);
  });
  afterEach(() => {
    scene.freshness.dispose();
    jest.useRealTimers();
  });

  it('asks at once when a page is opened', () => {
    expect(scene.looks).toBe(1);
  });

  it('asks once for many changes that come together', async () => {
    scene.say('changed');
    scene.say('policy');
    scene.say('shut_down');
    await scene.pass(1000);
    expect(scene.looks).toBe(2);
  });

  it('asks at once for a warning', async () => {
    scene.say('warning');
    await scene.pass(0);
    expect(scene.looks).toBe(2);
  });

  it('asks slowly by itself', async () => {
    await scene.pass(125_000);
    expect(scene.looks).toBe(3);
  });

  it('looks again a few times at what has just begun', async () => {
    scene.server.view = aView([aTarget({ state: 'unknown' })]);
    scene.say('changed');
    await scene.pass(40_000);
    expect(scene.looks).toBe(6);
  });

  it('lets go', async () => {
    scene.freshness.dispose();
    scene.say('warning');
    await scene.pass(200_000);
    expect(scene.looks).toBe(1);
  });
});
