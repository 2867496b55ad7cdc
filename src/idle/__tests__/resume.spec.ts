import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import {
  aStopped,
  at,
  aView,
  FakeBoard,
  FakeServer,
  NOW,
  settled,
  speechInEnglish
} from '../../__tests__/fakes';
import type { Stopped } from '../../api/generated';
import { IdleActions } from '../actions';
import { OpenDocuments } from '../documents';
import { IdleModel } from '../model';
import { ResumeTeller } from '../resumeTeller';

class Scene {
  readonly server = new FakeServer();
  readonly board = new FakeBoard();
  readonly commands = new CommandRegistry();
  readonly opened: unknown[] = [];
  readonly widgets: Widget[] = [];
  readonly activated: string[] = [];
  readonly show = jest.fn();
  isHidden = false;
  readonly model = new IdleModel(this.server.client, '0.1.0', () => NOW);
  readonly documents = new OpenDocuments({
    widgets: () => this.widgets[Symbol.iterator](),
    currentWidget: null,
    activateById: id => void this.activated.push(id)
  });
  readonly actions = new IdleActions(
    this.model,
    speechInEnglish(),
    this.board,
    { tell: () => undefined },
    this.documents,
    this.commands
  );

  constructor() {
    this.commands.addCommand('docmanager:open', {
      execute: args => void this.opened.push(args),
      describedBy: { args: { type: 'object', properties: { path: { type: 'string' } } } }
    });
    new ResumeTeller({
      model: this.model,
      speech: speechInEnglish(),
      board: this.board,
      isOn: () => true,
      isHidden: () => this.isHidden,
      canReopen: stopped => this.actions.reopenable(stopped).length > 0,
      show: this.show,
      reopen: stopped => void this.actions.reopen(stopped)
    });
  }

  async say(...unseen: Stopped[]): Promise<void> {
    this.server.unseen = unseen;
    this.server.view = aView([], { stopped_unseen: unseen.length });
    await this.model.refresh();
  }
}

function aNotebook(kernel: string | null, changeKernel: () => Promise<void>): Widget {
  const widget = new Widget();
  widget.id = 'notebook';
  const sessionContext = { session: kernel === null ? null : { kernel: { id: kernel } }, changeKernel };
  return Object.assign(widget, {
    sessionContext,
    context: {
      path: 'RTC:work/train.ipynb',
      localPath: 'work/train.ipynb',
      model: { dirty: false, readOnly: false },
      save: async () => undefined
    }
  });
}

describe('what was shut down', () => {
  it('is told when the page is loaded, and once', async () => {
    const scene = new Scene();
    await scene.say(aStopped(), aStopped({ id: 's2' }));
    expect(scene.board.messages).toEqual(['train.ipynb and 1 other were shut down while you were away.']);
    await scene.say(aStopped(), aStopped({ id: 's2' }));
    expect(scene.board.count).toBe(1);
    scene.board.press('Show');
    expect(scene.show).toHaveBeenCalledTimes(1);
    expect(scene.board.messages).toEqual([]);
  });

  it('is told later only if nobody could see the page', async () => {
    const scene = new Scene();
    await scene.say();
    await scene.say(aStopped());
    expect(scene.board.count).toBe(0);
    scene.isHidden = true;
    await scene.say(aStopped(), aStopped({ id: 's2' }));
    expect(scene.board.count).toBe(1);
    await scene.say();
    expect(scene.board.messages).toEqual([]); // read in another tab
  });

  it('opens again with its kernel, the newest last', async () => {
    const scene = new Scene();
    const old = aStopped({
      id: 's2',
      stopped_at: at(-7200),
      kernel_name: null,
      documents: [
        {
          path: 'old.py',
          type: 'file',
          result: 'no_page',
          message: null,
          message_sentence: null,
          output_path: null
        }
      ]
    });
    await scene.say(aStopped(), old);
    scene.board.press('Reopen all');
    await settled();
    expect(scene.opened).toEqual([
      { path: 'old.py' },
      { path: 'work/train.ipynb', kernel: { name: 'python3' } }
    ]);
  });

  it.each([
    ['whose kernel is gone', null, 1],
    ['that still has the old kernel', 'k1', 1],
    ['that has another kernel already', 'k9', 0]
  ])('gives an open notebook %s a kernel, or leaves it', async (_, kernel, times) => {
    const scene = new Scene();
    const changeKernel = jest.fn(async () => undefined);
    scene.widgets.push(aNotebook(kernel, changeKernel));
    await scene.actions.reopen([aStopped()]);
    expect(scene.activated).toEqual(['notebook']);
    expect(changeKernel).toHaveBeenCalledTimes(times);
    expect(scene.opened).toEqual([]);
  });

  it('goes on with the others when one can’t be opened, and says so', async () => {
    const scene = new Scene();
    scene.widgets.push(aNotebook(null, () => Promise.reject(new Error('no such kernel'))));
    const other = {
      path: 'b.ipynb',
      type: 'notebook',
      result: 'saved',
      message: null,
      message_sentence: null,
      output_path: null
    } as const;
    await scene.actions.reopen([aStopped({ id: 's2', documents: [other] }), aStopped()]);
    expect(scene.opened).toEqual([{ path: 'b.ipynb', kernel: { name: 'python3' } }]);
    expect([...scene.board.shown.values()]).toEqual([expect.objectContaining({ type: 'error' })]);
  });

  it('is dismissed by what was read, not by what came since', async () => {
    const scene = new Scene();
    await scene.say(aStopped());
    scene.server.unseen = [aStopped({ id: 's9' })];
    await scene.actions.dismiss();
    expect(scene.server.client.dismissStopped).toHaveBeenCalledWith({ ids: ['s1'] });
    expect(scene.model.state.unseen.map(({ id }) => id)).toEqual(['s9']);
  });

  it('is not asked for while there is nothing, nor of an older server', async () => {
    const scene = new Scene();
    await scene.say();
    expect(scene.server.client.stopped).not.toHaveBeenCalled();
    const older: Record<string, unknown> = { ...aView() };
    ['machine', 'keeps_on', 'stopped_unseen'].forEach(name => delete older[name]);
    scene.server.view = older as unknown as typeof scene.server.view;
    await scene.model.refresh();
    expect(scene.model.state).toMatchObject({ phase: 'ready', unseen: [], view: { keeps_on: [] } });
    expect(scene.model.state.view?.machine.stop.available).toBe(false);
  });
});
