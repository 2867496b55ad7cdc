import {
  aLease,
  aTarget,
  at,
  aView,
  aWarned,
  FakeBoard,
  FakeServer,
  NOW,
  settled,
  speechInEnglish
} from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import type { Target } from '../../api/generated';
import { DEFAULT_SETTINGS, type ILccSettings } from '../../settings';
import type { ISavable } from '../documents';
import { IdleModel } from '../model';
import { WorkSaver } from '../saving';
import { Warnings } from '../warnings';

class Scene {
  readonly server = new FakeServer();
  readonly board = new FakeBoard();
  readonly alerts: string[] = [];
  readonly marks: boolean[] = [];
  settings: ILccSettings = DEFAULT_SETTINGS;
  unsaved: ISavable[] = [];
  shutDown = jest.fn(async () => true);
  readonly model = new IdleModel(this.server.client, '0.1.0', () => Date.now());
  readonly warnings: Warnings = new Warnings({
    model: this.model,
    speech: speechInEnglish(),
    board: this.board,
    saver: new WorkSaver({
      documentsOf: () => this.unsaved,
      report: async () => undefined,
      failureChanged: () => this.warnings.update(),
      words: { readOnly: 'It is read-only.', tooLong: 'It takes long.' }
    }),
    announcer: { alert: sentence => this.alerts.push(sentence), tell: () => undefined },
    titleMark: { set: marked => this.marks.push(marked) },
    settings: () => this.settings,
    shutDown: this.shutDown
  });

  async say(...targets: Target[]): Promise<void> {
    this.server.view = aView(targets, { taken_at: new Date().toISOString() });
    await this.model.refresh();
  }

  get isMarked(): boolean {
    return this.marks[this.marks.length - 1] ?? false;
  }
}

function aDocument(save: () => Promise<void>): ISavable & { model: { dirty: boolean; readOnly: boolean } } {
  const document = {
    path: 'work/train.ipynb',
    model: { dirty: true, readOnly: false },
    save: jest.fn(async () => {
      await save();
      document.model.dirty = false;
    })
  };
  return document;
}

describe('Warnings', () => {
  beforeEach(() => jest.useFakeTimers({ now: NOW }));
  afterEach(() => jest.useRealTimers());

  it('warns with the time that is left, announces it once and marks the title', async () => {
    const scene = new Scene();
    await scene.say(aWarned(), aTarget({ id: 'kernel:k2' }));
    expect(scene.board.messages).toHaveLength(1);
    expect(scene.board.messages[0]).toMatch(/^train.ipynb is idle and will be shut down at .*, in 1 min\.$/);
    jest.advanceTimersByTime(31_000);
    expect(scene.board.messages[0]).toMatch(/in 30 s\.$/);
    expect(scene.board.count).toBe(1);
    expect(scene.alerts).toHaveLength(1);
    expect(scene.isMarked).toBe(true);
    expect(scene.warnings.isWarned('kernel:k1')).toBe(true);
    expect(scene.warnings.isWarned('kernel:k2')).toBe(false);
  });

  it('takes the warning back when somebody keeps it elsewhere', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    await scene.say(aTarget({ lease: aLease() }));
    expect(scene.board.messages).toEqual([]);
    expect(scene.isMarked).toBe(false);
  });

  it('does not repeat a warning that was closed, but warns of the next one', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    scene.board.dismiss('1');
    await scene.say(aWarned({ warned_at: at(-0.2) }));
    jest.advanceTimersByTime(10_000);
    expect(scene.board.messages).toEqual([]);
    await scene.say(aWarned({ warned_at: at(100), stops_at: at(160) }));
    expect(scene.board.messages).toHaveLength(1);
    expect(scene.alerts).toHaveLength(2);
  });

  it('keeps by its button, and says until when', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    scene.server.view = aView([aTarget({ lease: aLease() })]);
    scene.board.press('Keep 1 h');
    await settled();
    expect(scene.server.client.keep).toHaveBeenCalledWith(
      expect.objectContaining({ target_id: 'kernel:k1', seconds: 3600 })
    );
    const [notice] = [...scene.board.shown.values()];
    expect(notice).toMatchObject({ type: 'success' });
    expect(notice?.message).toMatch(/^Kept until \d\d:\d\d\.$/);
    expect(notice?.actions).toBeUndefined();
  });

  it('says when less was granted than asked for', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    scene.server.client.keep.mockResolvedValue(
      aLease({ granted_seconds: 1800, clipped_by: 'max_lease_seconds' })
    );
    scene.server.view = aView([aTarget()]);
    scene.board.press('Keep 1 h');
    await settled();
    expect(scene.board.messages[0]).toContain('the administrator allows at most 30 min');
  });

  it('says that it is too late', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    scene.server.client.keep.mockRejectedValue(new LccError('too_late', 'x', {}, 409));
    scene.board.press('Keep 1 h');
    await settled();
    jest.advanceTimersByTime(3000);
    expect(scene.board.messages).toEqual(['Too late: it is already being shut down.']);
  });

  it('goes on warning when a person thinks better of shutting down', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    scene.shutDown.mockResolvedValue(false);
    scene.board.press('Shut down now');
    await settled();
    expect(scene.board.messages).toHaveLength(1);
    scene.shutDown.mockResolvedValue(true);
    scene.board.press('Shut down now');
    await settled();
    expect(scene.board.messages).toEqual([]);
  });

  it('joins many warnings to one, whose button keeps them all', async () => {
    const scene = new Scene();
    const many = [1, 2, 3, 4].map(n => aWarned({ id: `kernel:${n}`, stops_at: at(60 + n) }));
    await scene.say(...many);
    expect(scene.board.messages).toHaveLength(1);
    expect(scene.board.messages[0]).toMatch(/^4 idle kernels and terminals/);
    scene.board.press('Keep all 1 h');
    await settled();
    expect(scene.server.client.keep.mock.calls.map(([body]) => body.target_id).sort()).toEqual(
      many.map(({ id }) => id)
    );
  });

  it('does not show anew what was closed when many become few', async () => {
    const scene = new Scene();
    const many = [1, 2, 3, 4].map(n => aWarned({ id: `kernel:${n}` }));
    await scene.say(...many);
    scene.board.dismiss('1');
    await scene.say(...many.slice(1));
    expect(scene.board.messages).toEqual([]);
  });

  it('parts a joined warning that is open', async () => {
    const scene = new Scene();
    const many = [1, 2, 3, 4].map(n => aWarned({ id: `kernel:${n}` }));
    await scene.say(...many);
    await scene.say(...many.slice(1));
    expect(scene.board.messages).toHaveLength(3);
  });

  it.each(['observe', 'off'] as const)('is silent in the mode %s', async mode => {
    const scene = new Scene();
    scene.server.view = aView([aWarned()], { mode });
    await scene.model.refresh();
    expect(scene.board.count).toBe(0);
    expect(scene.isMarked).toBe(false);
  });

  it('announces and saves, but shows nothing, where notifications are off', async () => {
    const scene = new Scene();
    const document = aDocument(async () => undefined);
    scene.unsaved = [document];
    scene.settings = { ...DEFAULT_SETTINGS, notifications: false, markTitle: false };
    await scene.say(aWarned());
    expect(scene.board.count).toBe(0);
    expect(scene.alerts).toHaveLength(1);
    expect(scene.isMarked).toBe(false);
    expect(document.save).toHaveBeenCalledTimes(1);
  });

  it('saves unsaved work when it warns, and again shortly before the end', async () => {
    const scene = new Scene();
    const document = aDocument(async () => undefined);
    scene.unsaved = [document];
    await scene.say(aWarned());
    expect(document.save).toHaveBeenCalledTimes(1);
    await settled();
    document.model.dirty = true;
    jest.advanceTimersByTime(50_000);
    expect(document.save).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(9_000);
    expect(document.save).toHaveBeenCalledTimes(2);
  });

  it('says in the warning what could not be saved', async () => {
    const scene = new Scene();
    scene.unsaved = [aDocument(() => Promise.reject(new Error('disk full')))];
    await scene.say(aWarned());
    await settled();
    expect(scene.board.messages[0]).toContain('Unsaved changes in work/train.ipynb could not be saved!');
  });

  it('cleans up', async () => {
    const scene = new Scene();
    await scene.say(aWarned());
    scene.warnings.dispose();
    expect(scene.board.messages).toEqual([]);
    expect(scene.isMarked).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });
});
