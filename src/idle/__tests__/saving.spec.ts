import { settled } from '../../__tests__/fakes';
import type { SaveReport } from '../../api/generated';
import type { ISavable } from '../documents';
import { WorkSaver } from '../saving';

interface IDocument {
  path: string;
  localPath?: string;
  model: { dirty: boolean; readOnly: boolean };
  save: jest.Mock<Promise<void>, []>;
}

function aDocument(path: string, work: () => Promise<void> = async () => undefined): IDocument {
  const document: IDocument = {
    path,
    model: { dirty: true, readOnly: false },
    save: jest.fn(async () => {
      await work();
      document.model.dirty = false;
    })
  };
  return document;
}

class Scene {
  documents: ISavable[] = [];
  readonly reports: SaveReport[] = [];
  report = async (report: SaveReport): Promise<void> => void this.reports.push(report);
  readonly failureChanged = jest.fn();
  readonly saver = new WorkSaver({
    documentsOf: () => this.documents,
    report: report => this.report(report),
    failureChanged: this.failureChanged,
    words: { readOnly: 'read-only', tooLong: 'too long' }
  });

  get results(): string[] {
    return this.reports.map(({ path, result, message }) => [path, result, message].filter(Boolean).join(' '));
  }
}

describe('WorkSaver, when the server asks', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('saves each document and reports what became of it', async () => {
    const scene = new Scene();
    const clean = aDocument('clean.ipynb');
    clean.model.dirty = false;
    const locked = aDocument('locked.py');
    locked.model.readOnly = true;
    const refused = aDocument('full.md', () => Promise.reject(new Error('disk full')));
    const saved = { ...aDocument('x'), path: 'RTC:train.ipynb', localPath: 'train.ipynb' };
    saved.save = jest.fn(async () => void (saved.model.dirty = false));
    scene.documents = [clean, locked, refused, saved];
    await scene.saver.asked('kernel:k1');
    expect(scene.results.sort()).toEqual([
      'clean.ipynb unchanged',
      'full.md failed disk full',
      'locked.py failed read-only',
      'train.ipynb saved'
    ]);
    expect(scene.reports.every(({ target_id: id }) => id === 'kernel:k1')).toBe(true);
    expect(clean.save).not.toHaveBeenCalled();
    expect(locked.save).not.toHaveBeenCalled();
  });

  it('does not wait for ever for an answer in a dialog, nor asks for a second one', async () => {
    const scene = new Scene();
    const stuck = aDocument('train.ipynb', () => new Promise(() => undefined));
    scene.documents = [stuck, aDocument('other.py')];
    void scene.saver.asked('kernel:k1');
    await settled();
    expect(scene.results).toEqual(['other.py saved']);
    jest.advanceTimersByTime(5000);
    await settled();
    expect(scene.results).toEqual(['other.py saved', 'train.ipynb failed too long']);
    void scene.saver.asked('kernel:k1');
    await settled();
    expect(stuck.save).toHaveBeenCalledTimes(1);
  });

  it('takes a save that leaves the document dirty for a failure', async () => {
    const scene = new Scene();
    scene.documents = [{ ...aDocument('train.ipynb'), save: async () => undefined }];
    await scene.saver.asked('kernel:k1');
    expect(scene.results).toEqual(['train.ipynb failed too long']);
  });

  it('saves all the same when nobody takes the report', async () => {
    const scene = new Scene();
    const document = aDocument('train.ipynb');
    scene.documents = [document];
    scene.report = () => Promise.reject(new Error('gone'));
    await scene.saver.asked('kernel:k1');
    expect(document.save).toHaveBeenCalledTimes(1);
  });

  it('reports what it saved at the warning as saved when the server asks', async () => {
    const scene = new Scene();
    const document = aDocument('train.ipynb');
    scene.documents = [document];
    scene.saver.guard('kernel:k1', 60);
    await settled();
    await scene.saver.asked('kernel:k1');
    expect(scene.results).toEqual(['train.ipynb saved', 'train.ipynb saved']);
    expect(document.save).toHaveBeenCalledTimes(1);
    scene.saver.release('kernel:k1');
    await scene.saver.asked('kernel:k1');
    expect(scene.results[2]).toBe('train.ipynb unchanged');
  });

  it('remembers a failure only while the target is warned', async () => {
    const scene = new Scene();
    scene.documents = [aDocument('train.ipynb', () => Promise.reject(new Error('no')))];
    await scene.saver.asked('kernel:k1');
    expect(scene.saver.failureOf('kernel:k1')).toBeNull();
    scene.saver.guard('kernel:k1', 60);
    await settled();
    expect(scene.saver.failureOf('kernel:k1')).toBe('train.ipynb');
    expect(scene.failureChanged).toHaveBeenCalledTimes(1);
    scene.saver.release('kernel:k1');
    expect(scene.saver.failureOf('kernel:k1')).toBeNull();
  });
});
