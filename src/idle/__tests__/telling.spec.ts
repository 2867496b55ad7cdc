import { aDecision, FakeBoard, FakeServer, NOW, settled, speechInEnglish } from '../../__tests__/fakes';
import { Announcer } from '../announcer';
import { IdleModel } from '../model';
import { StopTeller } from '../stopTeller';
import { keepChoices } from '../targets';
import { TitleMark } from '../titleMark';

describe('StopTeller', () => {
  it('tells what the monitor shut down since the page was opened, once', async () => {
    const server = new FakeServer();
    const board = new FakeBoard();
    const model = new IdleModel(server.client, '0.1.0', () => NOW);
    const old = aDecision({ target_id: 'kernel:old', name: 'old.ipynb' });
    server.log = [old];
    new StopTeller(model, speechInEnglish(), board, () => true);
    await model.refresh();
    expect(board.messages).toEqual([]);
    server.log = [
      aDecision({ target_id: 'kernel:asked', reason: 'asked', actor: 'user' }),
      aDecision({ target_id: 'kernel:new', name: 'new.ipynb' }),
      old
    ];
    await model.refresh();
    await model.refresh();
    expect(board.messages).toEqual([
      expect.stringMatching(/^new.ipynb was shut down at .*: nobody used it for 1 h\.$/)
    ]);
  });

  it('is silent where notifications are off', async () => {
    const server = new FakeServer();
    const board = new FakeBoard();
    const model = new IdleModel(server.client, '0.1.0', () => NOW);
    new StopTeller(model, speechInEnglish(), board, () => false);
    await model.refresh();
    server.log = [aDecision()];
    await model.refresh();
    expect(board.messages).toEqual([]);
  });
});

describe('TitleMark', () => {
  it('stays when the title changes meanwhile, and goes without a trace', async () => {
    document.title = 'train.ipynb - JupyterLab';
    const mark = new TitleMark();
    mark.set(true);
    expect(document.title).toBe('⚠ train.ipynb - JupyterLab');
    document.title = 'other.ipynb - JupyterLab';
    await settled();
    expect(document.title).toBe('⚠ other.ipynb - JupyterLab');
    mark.dispose();
    expect(document.title).toBe('other.ipynb - JupyterLab');
  });
});

describe('Announcer', () => {
  it('speaks in live regions, and takes them away', () => {
    const announcer = new Announcer();
    announcer.alert('soon');
    expect(document.querySelector('[aria-live=assertive]')?.textContent).toBe('soon');
    announcer.tell('kept');
    expect(document.querySelector('[aria-live=polite]')?.textContent).toBe('kept');
    announcer.dispose();
    expect(document.querySelector('[aria-live]')).toBeNull();
  });
});

describe('keepChoices', () => {
  it('offers no time the policy would shorten', () => {
    expect(keepChoices([3600, 14_400, 28_800], 28_800)).toEqual([3600, 14_400, 28_800]);
    expect(keepChoices([3600, 14_400, 28_800], 7200)).toEqual([3600, 7200]);
    expect(keepChoices([3600], 600)).toEqual([600]);
  });
});
