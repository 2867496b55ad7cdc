import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Speech } from './idle/words';

interface ISheetProps {
  title: string;
  speech: Speech;
  busy?: boolean;
  onClose(): void;
  onSubmit?(): void;
  footer: React.ReactNode;
  children: React.ReactNode;
}

/**
 * A dialog over the page. The browser's own: it keeps the keyboard inside, the rest of the page away from screen
 * readers, and closes with Escape.
 */
export function SheetFrame(props: ISheetProps): JSX.Element {
  const { title, speech, busy, onClose, onSubmit, footer, children } = props;
  const { trans } = speech;
  const dialog = React.useRef<HTMLDialogElement>(null);
  // A layout effect ends while the dialog is still in the page: only then the focus goes back where it came from.
  React.useLayoutEffect(() => {
    const node = dialog.current;
    if (node && !node.open) {
      node.showModal();
      node.querySelector<HTMLElement>('[data-first]')?.focus();
    }
    return () => node?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="jp-Lcc-sheet"
      aria-labelledby="jp-Lcc-sheetTitle"
      aria-busy={busy === true}
      // JupyterLab's shortcuts are for the page below.
      data-lm-suppress-shortcuts="true"
      onCancel={event => {
        event.preventDefault();
        onClose();
      }}
    >
      <form
        method="dialog"
        className="jp-Lcc-sheetForm"
        onSubmit={event => {
          event.preventDefault();
          onSubmit?.();
        }}
      >
        <header className="jp-Lcc-sheetHeader">
          <h2 id="jp-Lcc-sheetTitle">{title}</h2>
          <button
            type="button"
            className="jp-Lcc-iconButton"
            aria-label={trans.__('Close')}
            title={trans.__('Close')}
            onClick={onClose}
          >
            <closeIcon.react tag="span" className="jp-Lcc-buttonIcon" />
          </button>
        </header>
        <div className="jp-Lcc-sheetBody">{children}</div>
        <footer className="jp-Lcc-sheetFooter">{footer}</footer>
      </form>
    </dialog>
  );
}

/** What went wrong, word for word: a solver's reasons have many lines. */
export function Failure({ text }: { text: string }): JSX.Element {
  return (
    <pre className="jp-Lcc-failure" role="alert" tabIndex={0}>
      {text}
    </pre>
  );
}

/** Something is going on, and how long it takes can't be told. */
export function Busy({ text }: { text: string }): JSX.Element {
  return (
    <p className="jp-Lcc-busy" role="status">
      <span className="jp-Lcc-spinner" aria-hidden="true" />
      {text}
    </p>
  );
}

/** Whether the sheet is still there when an answer comes. */
export function useAlive(): React.MutableRefObject<boolean> {
  const alive = React.useRef(true);
  React.useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);
  return alive;
}
