import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { ListHistory, ListText, Revision } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { problemWords } from '../problems';
import { publishedWords, revisionMark } from '../words';

interface IHistorySheetProps {
  name: string;
  /** The newest revision that is known; null where the list was removed. */
  current: number | null;
  speech: Speech;
  now: Date;
  history(): Promise<ListHistory>;
  revision(number: number): Promise<ListText>;
  restore(number: number): Promise<void>;
  onClose(): void;
}

/** Who published what and why, and the way back. */
export function HistorySheet(props: IHistorySheetProps): JSX.Element {
  const { name, current, speech, history, restore, onClose } = props;
  const { trans } = speech;
  const [revisions, setRevisions] = React.useState<readonly Revision[] | null>(null);
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  const [attempt, setAttempt] = React.useState(0);
  const alive = useAlive();
  React.useEffect(() => {
    setProblem(null);
    history().then(
      answer => alive.current && setRevisions(answer.revisions),
      reason => alive.current && setProblem(problemWords(speech, asLccError(reason)))
    );
  }, [name, attempt]);
  const bringBack = async (number: number): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await restore(number);
      onClose();
    } catch (reason) {
      if (alive.current) {
        setBusy(false);
        setProblem(problemWords(speech, asLccError(reason)));
      }
    }
  };
  return (
    <SheetFrame
      title={trans.__('History of %1', name)}
      speech={speech}
      busy={busy || (revisions === null && problem === null)}
      onClose={onClose}
      footer={
        <>
          <span className="jp-Lcc-spacer" />
          {problem !== null && (
            <button type="button" className="jp-Lcc-button" onClick={() => setAttempt(attempt + 1)}>
              {trans.__('Try again')}
            </button>
          )}
          <button type="button" className="jp-Lcc-button" data-first onClick={onClose}>
            {trans.__('Close')}
          </button>
        </>
      }
    >
      {revisions === null && problem === null && <Busy text={trans.__('Reading the history…')} />}
      {revisions?.length === 0 && <p className="jp-Lcc-empty">{trans.__('Nothing was published yet.')}</p>}
      {revisions && revisions.length > 0 && (
        <ul className="jp-Lcc-list" aria-label={trans.__('Revisions of %1', name)}>
          {revisions.map(revision => (
            <RevisionRow
              key={revision.id}
              {...props}
              entry={revision}
              isCurrent={revision.number === current && !revision.removed}
              busy={busy}
              onRestore={number => void bringBack(number)}
            />
          ))}
        </ul>
      )}
      {busy && <Busy text={trans.__('Beginning…')} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}

interface IRevisionRowProps extends IHistorySheetProps {
  entry: Revision;
  isCurrent: boolean;
  busy: boolean;
  onRestore(number: number): void;
}

function RevisionRow(props: IRevisionRowProps): JSX.Element {
  const { entry, isCurrent, busy, speech, now, revision: read, onRestore } = props;
  const { trans } = speech;
  const [open, setOpen] = React.useState(false);
  const [text, setText] = React.useState<string | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  const alive = useAlive();
  const { number } = entry;
  React.useEffect(() => {
    if (open && text === null) {
      setProblem(null);
      read(number).then(
        answer => alive.current && setText(answer.text),
        reason => alive.current && setProblem(problemWords(speech, asLccError(reason)))
      );
    }
  }, [open]);
  const Caret = open ? caretDownIcon : caretRightIcon;
  const textId = `jp-Lcc-revision-${number}`;
  const mark = revisionMark(speech, entry);
  return (
    <li className="jp-Lcc-versionRow">
      <div className="jp-Lcc-rowTop">
        <span className="jp-Lcc-nameText">
          {isCurrent ? trans.__('Revision %1, now', number) : trans.__('Revision %1', number)}
        </span>
        <span className="jp-Lcc-hint">{publishedWords(speech, entry, now)}</span>
      </div>
      {entry.message !== '' && <p>{entry.message}</p>}
      {mark !== null && <p className="jp-Lcc-hint">{mark}</p>}
      {!entry.removed && (
        <div className="jp-Lcc-jobButtons">
          <button
            type="button"
            className="jp-Lcc-link jp-Lcc-lossToggle"
            aria-expanded={open}
            aria-controls={open ? textId : undefined}
            aria-label={trans.__('Text of revision %1', number)}
            onClick={() => setOpen(!open)}
          >
            <Caret.react tag="span" className="jp-Lcc-caret" />
            {trans.__('Text')}
          </button>
          {!isCurrent && (
            <button
              type="button"
              className="jp-Lcc-button"
              aria-label={trans.__('Restore revision %1', number)}
              disabled={busy}
              onClick={() => onRestore(number)}
            >
              {trans.__('Restore')}
            </button>
          )}
        </div>
      )}
      {open && (
        <div id={textId}>
          {text === null && problem === null && <Busy text={trans.__('Reading…')} />}
          {problem !== null && <p className="jp-Lcc-error">{problem}</p>}
          {text !== null && (
            <pre className="jp-Lcc-log" tabIndex={0} aria-label={trans.__('Text of revision %1', number)}>
              {text}
            </pre>
          )}
        </div>
      )}
    </li>
  );
}
