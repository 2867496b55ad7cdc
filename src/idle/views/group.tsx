import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

interface IGroupProps {
  id: string;
  title: string;
  open: boolean;
  onToggle(): void;
  children?: React.ReactNode;
}

/** A section of the panel that opens and closes. */
export function Group({ id, title, open, onToggle, children }: IGroupProps): JSX.Element {
  const bodyId = `jp-Lcc-group-${id}`;
  const headingId = `${bodyId}-heading`;
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-Lcc-group" aria-labelledby={headingId}>
      <h2 className="jp-Lcc-groupHeading" id={headingId}>
        <button
          className="jp-Lcc-groupToggle"
          aria-expanded={open}
          aria-controls={open ? bodyId : undefined}
          onClick={onToggle}
        >
          <Caret.react tag="span" className="jp-Lcc-caret" />
          {title}
        </button>
      </h2>
      {open && (
        <div className="jp-Lcc-groupBody" id={bodyId}>
          {children}
        </div>
      )}
    </section>
  );
}
