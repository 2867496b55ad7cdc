import { Widget } from '@lumino/widgets';

import { OpenDocuments } from '../documents';

interface IParts {
  kernel?: string;
  terminal?: string;
  path?: string;
  dirty?: boolean;
  viewOf?: string;
}

function aWidget({ kernel, terminal, path, dirty, viewOf }: IParts): Widget {
  const widget = new Widget();
  const sessionContext = kernel ? { session: { kernel: { id: kernel } } } : undefined;
  if (terminal) {
    widget.addClass('jp-Terminal');
  }
  const context = path && {
    path,
    model: { dirty, readOnly: false },
    sessionContext,
    save: async () => undefined
  };
  const content = terminal ? { session: { name: terminal } } : viewOf ? { path: viewOf } : undefined;
  return Object.assign(widget, { context, content, sessionContext });
}

function shellOf(...widgets: Widget[]): { documents: OpenDocuments; activated: string[] } {
  const activated: string[] = [];
  const documents = new OpenDocuments({
    widgets: (area?: string) => {
      if (area !== 'main') {
        throw new Error('Invalid area'); // as Notebook 7 does
      }
      return widgets[Symbol.iterator]();
    },
    currentWidget: widgets[0] ?? null,
    activateById: id => void activated.push(id)
  });
  return { documents, activated };
}

describe('OpenDocuments', () => {
  it('knows kernels and terminals', () => {
    const { documents } = shellOf();
    expect(documents.targetOf(aWidget({ kernel: 'k1' }))).toBe('kernel:k1');
    expect(documents.targetOf(aWidget({ terminal: '1' }))).toBe('terminal:1');
    expect(documents.targetOf(aWidget({ path: 'a.md' }))).toBeNull();
  });

  it('finds the document an event happened in', () => {
    const editor = aWidget({ path: 'a.py', kernel: 'k2' });
    const inside = editor.node.appendChild(document.createElement('span'));
    const { documents } = shellOf(aWidget({ kernel: 'k1' }), editor);
    expect(documents.at(inside)).toBe('kernel:k2');
    expect(documents.at(document.body)).toBeNull();
    expect(documents.at(null)).toBeNull();
  });

  it('takes the view of an output for its notebook', () => {
    const view = aWidget({ viewOf: 'b.ipynb' });
    const { documents } = shellOf(
      aWidget({ path: 'a.ipynb', kernel: 'k1' }),
      aWidget({ path: 'b.ipynb', kernel: 'k2' }),
      view
    );
    expect(documents.at(view.node)).toBe('kernel:k2');
  });

  it('falls back to the document in front', () => {
    const other = aWidget({});
    const { documents } = shellOf(aWidget({ kernel: 'k1' }), other);
    expect(documents.at(other.node)).toBe('kernel:k1');
  });

  it('finds unsaved documents of a target', () => {
    const { documents } = shellOf(
      aWidget({ path: 'a.ipynb', kernel: 'k1', dirty: true }),
      aWidget({ path: 'b.ipynb', kernel: 'k1', dirty: false }),
      aWidget({ path: 'c.ipynb', kernel: 'k2', dirty: true })
    );
    expect(documents.unsaved('kernel:k1').map(({ path }) => path)).toEqual(['a.ipynb']);
  });

  it('brings an open document to the front', () => {
    const widget = aWidget({ terminal: '1' });
    widget.id = 'w1';
    const { documents, activated } = shellOf(widget);
    expect(documents.activate('terminal:1')).toBe(true);
    expect(documents.activate('terminal:2')).toBe(false);
    expect(activated).toEqual(['w1']);
  });
});
