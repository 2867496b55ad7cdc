import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

import { MACHINE } from './targets';

/** What we need of an open document: is it unsaved, and can it be saved? */
export interface ISavable {
  readonly path: string;
  /** The path without the drive of a contents provider, as the server's sessions have it. */
  readonly localPath?: string;
  readonly model: { readonly dirty: boolean; readonly readOnly: boolean } | null;
  save(): Promise<void>;
}

// Notebooks, consoles, editors, terminals and what other extensions open are told apart by what they have, not
// by their class: so nothing of them has to be bundled or required.
interface ILoose {
  readonly context?: Partial<ISavable> & { readonly sessionContext?: ISessionContext };
  readonly sessionContext?: ISessionContext;
  readonly content?: ILoose & { readonly session?: { readonly name?: unknown }; readonly path?: unknown };
  readonly console?: ILoose;
}

interface ISessionContext {
  readonly session?: { readonly kernel?: { readonly id?: string } | null } | null;
  changeKernel?(model: { name: string }): Promise<unknown>;
}

/**
 * The documents that are open in this page, seen by kernel and terminal.
 */
export class OpenDocuments {
  constructor(
    private readonly _shell: Pick<JupyterFrontEnd.IShell, 'widgets' | 'currentWidget' | 'activateById'>
  ) {}

  /** The target the document in front belongs to, or null. */
  current(): string | null {
    const widget = this._shell.currentWidget;
    return widget ? this.targetOf(widget) : null;
  }

  /** The target of the document an event happened in; null outside of documents. */
  at(node: EventTarget | null): string | null {
    if (!(node instanceof Node)) {
      return null;
    }
    for (const widget of this._all()) {
      if (widget.node.contains(node)) {
        return this.targetOf(widget) ?? this._byPath(pathOf(widget)) ?? this.current();
      }
    }
    return null;
  }

  /** The target a widget shows: its kernel or its terminal, or null. */
  targetOf(widget: Widget): string | null {
    const kernelId = kernelOf(widget);
    if (kernelId) {
      return `kernel:${kernelId}`;
    }
    const { content } = loose(widget);
    const name = content?.session?.name;
    return widgetIsTerminal(widget) && typeof name === 'string' ? `terminal:${name}` : null;
  }

  /** The documents that use a target; with the machine, all that are open. */
  of(targetId: string): ISavable[] {
    const found = new Set<ISavable>();
    for (const widget of this._all()) {
      const context = loose(widget).context;
      if (context && isSavable(context) && (targetId === MACHINE || this.targetOf(widget) === targetId)) {
        found.add(context);
      }
    }
    return [...found];
  }

  /** The documents with unsaved changes that use a target and can be saved. */
  unsaved(targetId: string): ISavable[] {
    return this.of(targetId).filter(({ model }) => model?.dirty && !model.readOnly);
  }

  /**
   * Bring an open document to the front and give it a kernel again, if it has lost the one of this target; false
   * if it isn't open. Rejects if the kernel doesn't start.
   */
  async revive(path: string, targetId: string, kernelName: string | null): Promise<boolean> {
    for (const widget of this._all()) {
      const { context, sessionContext } = loose(widget);
      const its = sessionContext ?? context?.sessionContext;
      if (!its || !context || !isSavable(context) || localPathOf(context) !== path) {
        continue;
      }
      this._shell.activateById(widget.id);
      const kernelId = its.session?.kernel?.id;
      const isGone = kernelId === undefined || `kernel:${kernelId}` === targetId;
      if (isGone && kernelName !== null) {
        await its.changeKernel?.({ name: kernelName });
      }
      return true;
    }
    return false;
  }

  /** Bring an open document of a target to the front; false if none is open. */
  activate(targetId: string): boolean {
    for (const widget of this._all()) {
      if (this.targetOf(widget) === targetId) {
        this._shell.activateById(widget.id);
        return true;
      }
    }
    return false;
  }

  private _byPath(path: string | null): string | null {
    if (path === null) {
      return null;
    }
    for (const widget of this._all()) {
      if (loose(widget).context?.path === path) {
        return this.targetOf(widget);
      }
    }
    return null;
  }

  private *_all(): IterableIterator<Widget> {
    for (const area of ['main', 'down']) {
      try {
        yield* this._shell.widgets(area);
      } catch {
        // Notebook 7 has fewer areas and throws on one it doesn't know.
      }
    }
  }
}

function kernelOf(widget: Widget): string | null {
  const { context, sessionContext, console: panel } = loose(widget);
  const found = [sessionContext, context?.sessionContext, panel?.sessionContext];
  return found.map(each => each?.session?.kernel?.id).find(id => typeof id === 'string') ?? null;
}

/** Its path as the server's sessions have it. */
export function localPathOf(context: ISavable): string {
  return context.localPath ?? context.path;
}

function pathOf(widget: Widget): string | null {
  const path = loose(widget).content?.path;
  return typeof path === 'string' ? path : null;
}

function widgetIsTerminal(widget: Widget): boolean {
  return widget.node.querySelector('.jp-Terminal') !== null || widget.hasClass('jp-Terminal');
}

function isSavable(context: Partial<ISavable>): context is ISavable {
  return (
    typeof context.save === 'function' && typeof context.path === 'string' && context.model !== undefined
  );
}

function loose(widget: Widget): ILoose {
  return widget as Widget & ILoose;
}
