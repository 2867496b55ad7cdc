import { PresenceReporter } from '../presence';

type Listener = (event: Event) => void;

class Scene {
  readonly reports: string[][] = [];
  readonly listeners = new Map<string, Listener>();
  readonly warned = new Set<string>();
  target: string | null = 'kernel:k1';
  answer: () => Promise<void> = async () => undefined;
  readonly reporter = new PresenceReporter({
    document: {
      addEventListener: (type: string, listener: unknown) =>
        void this.listeners.set(type, listener as Listener),
      removeEventListener: (type: string) => void this.listeners.delete(type)
    },
    targetAt: () => this.target,
    isWarned: id => this.warned.has(id),
    report: ids => {
      this.reports.push(ids);
      return this.answer();
    }
  });

  input(type = 'keydown', isTrusted = true): void {
    this.listeners.get(type)?.({ type, isTrusted, target: null } as unknown as Event);
  }
}

describe('PresenceReporter', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => jest.useRealTimers());

  it('tells the first input at once, for the document and the machine', () => {
    const scene = new Scene();
    scene.input();
    expect(scene.reports).toEqual([['kernel:k1', 'instance']]);
  });

  it.each(['mousemove', 'focus', 'scroll', 'pointermove', 'visibilitychange'])(
    'does not listen to %s',
    type => {
      const scene = new Scene();
      expect(scene.listeners.has(type)).toBe(false);
      expect([...scene.listeners.keys()].sort()).toEqual(['keydown', 'pointerdown', 'wheel']);
    }
  );

  it('does not believe events a script made', () => {
    const scene = new Scene();
    scene.input('keydown', false);
    jest.advanceTimersByTime(120_000);
    expect(scene.reports).toEqual([]);
  });

  it('tells at most once a minute, and at its end what came meanwhile', () => {
    const scene = new Scene();
    for (let second = 0; second < 90; second++) {
      scene.input('wheel');
      jest.advanceTimersByTime(1000);
    }
    jest.advanceTimersByTime(300_000);
    expect(scene.reports).toHaveLength(3);
  });

  it('tells nothing more when there was one input only', () => {
    const scene = new Scene();
    scene.input();
    jest.advanceTimersByTime(600_000);
    expect(scene.reports).toHaveLength(1);
  });

  it('tells another document at once', () => {
    const scene = new Scene();
    scene.input();
    scene.target = 'terminal:1';
    scene.input();
    expect(scene.reports).toEqual([['kernel:k1', 'instance'], ['terminal:1']]);
  });

  it('speaks of the machine alone where there is no document', () => {
    const scene = new Scene();
    scene.target = null;
    scene.input('pointerdown');
    expect(scene.reports).toEqual([['instance']]);
  });

  it('tells at once about a warned target, whatever was told before', () => {
    const scene = new Scene();
    scene.input();
    jest.advanceTimersByTime(5000);
    scene.warned.add('kernel:k1');
    scene.input();
    scene.input();
    expect(scene.reports).toEqual([['kernel:k1', 'instance'], ['kernel:k1']]);
  });

  it('tells the next input soon when it was not heard', async () => {
    const scene = new Scene();
    scene.answer = () => Promise.reject(new Error('offline'));
    scene.input();
    await Promise.resolve();
    await Promise.resolve();
    jest.advanceTimersByTime(3000);
    scene.input();
    expect(scene.reports).toHaveLength(2);
  });

  it('lets go', () => {
    const scene = new Scene();
    scene.input();
    scene.input();
    scene.reporter.dispose();
    jest.advanceTimersByTime(120_000);
    expect(scene.listeners.size).toBe(0);
    expect(scene.reports).toHaveLength(1);
  });
});
