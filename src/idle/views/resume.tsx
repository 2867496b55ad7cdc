import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Stopped, Variable } from '../../api/generated';
import {
  lossOf,
  savedOf,
  sizeOf,
  stoppedBecause,
  stoppedNameOf,
  whyIncompleteOf,
  type Speech
} from '../words';

export interface IResumeProps {
  unseen: readonly Stopped[];
  now: Date;
  speech: Speech;
  busy: boolean;
  canReopen(stopped: Stopped): boolean;
  isLossOpen(stoppedId: string): boolean;
  onLoss(stoppedId: string): void;
  onOpenPath(path: string): void;
  onReopen(stopped: readonly Stopped[]): void;
  onDismiss(): void;
}

const HEADING_ID = 'jp-Lcc-resume-heading';

/** What was shut down while nobody was here: when, why, what was saved, what was lost, and the way back. */
export function Resume(props: IResumeProps): JSX.Element | null {
  const { unseen, speech, busy, canReopen, onReopen, onDismiss } = props;
  const { trans } = speech;
  const reopenable = unseen.filter(canReopen);
  if (unseen.length === 0) {
    return null;
  }
  return (
    <section className="jp-Lcc-resume" aria-labelledby={HEADING_ID}>
      <h2 className="jp-Lcc-resumeHeading" id={HEADING_ID}>
        {trans.__('While you were away')}
      </h2>
      <ul className="jp-Lcc-list">
        {unseen.map(stopped => (
          <Row {...props} key={stopped.id} stopped={stopped} />
        ))}
      </ul>
      <div className="jp-Lcc-choices">
        {reopenable.length > 0 && (
          <button className="jp-Lcc-button jp-mod-accept" onClick={() => onReopen(reopenable)}>
            {trans.__('Reopen all')}
          </button>
        )}
        <button className="jp-Lcc-button" disabled={busy} onClick={onDismiss}>
          {trans.__('Dismiss')}
        </button>
      </div>
    </section>
  );
}

function Row(props: IResumeProps & { stopped: Stopped }): JSX.Element {
  const { stopped, now, speech, canReopen, onOpenPath, onReopen } = props;
  const { trans } = speech;
  const name = stoppedNameOf(speech, stopped);
  const reopenLabel = trans.__('Reopen %1', name);
  return (
    <li className="jp-Lcc-resumeRow" data-stopped={stopped.target_id}>
      <div className="jp-Lcc-rowTop">
        <span
          className="jp-Lcc-nameText"
          title={stopped.documents.map(({ path }) => path).join('\n') || name}
        >
          {name}
        </span>
        {canReopen(stopped) && (
          <button className="jp-Lcc-link" aria-label={reopenLabel} onClick={() => onReopen([stopped])}>
            {trans.__('Reopen')}
          </button>
        )}
      </div>
      <p>{stoppedBecause(speech, stopped, now)}</p>
      {stopped.documents.map(document => (
        <React.Fragment key={document.path}>
          <p className={document.result === 'failed' ? 'jp-Lcc-error' : undefined}>
            {savedOf(speech, document)}
          </p>
          {document.output_path !== null && (
            <Output path={document.output_path} speech={speech} onOpenPath={onOpenPath} />
          )}
        </React.Fragment>
      ))}
      <Loss {...props} />
    </li>
  );
}

/** Where output is that arrived while nobody watched; a path outside of the file browser's root can't be opened. */
function Output({
  path,
  speech,
  onOpenPath
}: {
  path: string;
  speech: Speech;
  onOpenPath(path: string): void;
}): JSX.Element {
  return (
    <p>
      {speech.trans.__('Its output is kept at')}{' '}
      {path.startsWith('/') ? (
        <code>{path}</code>
      ) : (
        <button className="jp-Lcc-link jp-Lcc-path" onClick={() => onOpenPath(path)}>
          {path}
        </button>
      )}
    </p>
  );
}

function Loss({
  stopped,
  speech,
  isLossOpen,
  onLoss
}: IResumeProps & { stopped: Stopped }): JSX.Element | null {
  const said = lossOf(speech, stopped);
  const variables = stopped.manifest?.variables ?? [];
  const id = `jp-Lcc-lost-${stopped.id}`;
  if (said === null) {
    return null;
  }
  if (variables.length === 0) {
    return <p>{said}</p>;
  }
  const open = isLossOpen(stopped.id);
  const Caret = open ? caretDownIcon : caretRightIcon;
  const whyIncomplete = stopped.manifest && whyIncompleteOf(speech, stopped.manifest);
  return (
    <>
      <button
        className="jp-Lcc-link jp-Lcc-lossToggle"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => onLoss(stopped.id)}
      >
        <Caret.react tag="span" className="jp-Lcc-caret" />
        {said}
      </button>
      {open && <Variables id={id} variables={variables} speech={speech} />}
      {open && whyIncomplete && <p className="jp-Lcc-hint">{whyIncomplete}</p>}
    </>
  );
}

function Variables({
  id,
  variables,
  speech
}: {
  id: string;
  variables: readonly Variable[];
  speech: Speech;
}): JSX.Element {
  const { trans } = speech;
  return (
    <table className="jp-Lcc-evidence" id={id}>
      <caption className="jp-Lcc-hidden">{trans.__('What the kernel held in memory')}</caption>
      <thead>
        <tr>
          <th scope="col">{trans.__('Name')}</th>
          <th scope="col">{trans.__('Type')}</th>
          <th scope="col">{trans.__('Size')}</th>
        </tr>
      </thead>
      <tbody>
        {variables.map(variable => (
          <tr key={variable.name}>
            <th scope="row">{variable.name}</th>
            <td>{variable.type}</td>
            <td>{sizeOf(speech, variable)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
