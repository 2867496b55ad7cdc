import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { CheckedText, Conflicting, MergedList, PutList } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { bothOf } from '../both';
import { withSide, type Side } from '../merging';
import { problemWords } from '../problems';
import { conflictWords, publishedWords } from '../words';
import { Editor, isRefused, MessageField, useValidation } from './editor';

interface IMergeSheetProps {
  name: string;
  both: MergedList;
  message: string;
  speech: Speech;
  now: Date;
  validate(text: string): Promise<CheckedText>;
  put(body: PutList, etag: string): Promise<void>;
  /** Somebody was faster once more. */
  onRace(both: MergedList, message: string): void;
  onClose(): void;
}

/** Two people changed a list at once: both sides, joined, and a choice where they contradict each other. */
export function MergeSheet(props: IMergeSheetProps): JSX.Element {
  const { name, both, speech, now, validate, put, onRace, onClose } = props;
  const { trans } = speech;
  const [text, setText] = React.useState(both.text);
  const [message, setMessage] = React.useState(props.message);
  const [sides, setSides] = React.useState<ReadonlyMap<number, Side>>(new Map());
  const [byHand, setByHand] = React.useState<ReadonlySet<number>>(new Set());
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  const alive = useAlive();
  const validation = useValidation(text, validate, speech);
  const open = both.conflicts.length - sides.size;
  const blocked = busy || open > 0 || isRefused(validation, text);
  const choose = (index: number, conflict: Conflicting, side: Side): void => {
    const changed = withSide(text, conflict, side);
    setSides(new Map([...sides, [index, side]]));
    // The joined text has their side: only mine may have to be written by hand.
    const hard = new Set(byHand);
    if (changed === null && (side === 'mine' || byHand.has(index))) {
      hard.add(index);
    } else {
      hard.delete(index);
    }
    setByHand(hard);
    if (changed !== null) {
      setText(changed);
    }
  };
  const publish = async (): Promise<void> => {
    if (blocked) {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await put({ text, message: message.trim(), source: null }, both.etag);
      onClose();
    } catch (reason) {
      const error = asLccError(reason);
      const again = error.code === 'lost_race' ? bothOf(error.detail) : null;
      if (!alive.current) {
        return;
      }
      if (again) {
        onRace(again, message);
      } else {
        setBusy(false);
        setProblem(problemWords(speech, error));
      }
    }
  };
  return (
    <SheetFrame
      title={trans.__('Two people changed %1 at once', name)}
      speech={speech}
      busy={busy}
      onClose={onClose}
      onSubmit={() => void publish()}
      footer={
        <>
          {open > 0 && (
            <span className="jp-Lcc-hint">
              {trans._n('Choose a side in %1 conflict first.', 'Choose a side in %1 conflicts first.', open)}
            </span>
          )}
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <button type="submit" className="jp-Lcc-button jp-mod-primary" disabled={blocked}>
            {trans.__('Publish both')}
          </button>
        </>
      }
    >
      <p>
        {trans.__(
          'Revision %1 was published first (%2). Nothing was overwritten: below, your changes are added to it.',
          both.revision.number,
          publishedWords(speech, both.revision, now)
        )}
      </p>
      {both.revision.message !== '' && <p>{trans.__('It says: %1', both.revision.message)}</p>}
      {both.conflicts.map((conflict, index) => (
        <Conflict
          key={index}
          index={index}
          conflict={conflict}
          side={sides.get(index) ?? null}
          byHand={byHand.has(index)}
          speech={speech}
          onSide={side => choose(index, conflict, side)}
        />
      ))}
      <details className="jp-Lcc-details">
        <summary>{trans.__('Both sides')}</summary>
        <div className="jp-Lcc-sides">
          <Pane title={trans.__('Yours')} text={both.mine} />
          <Pane title={trans.__('Published first')} text={both.theirs} />
        </div>
      </details>
      <Editor
        id="jp-Lcc-mergedText"
        label={trans.__('Both joined')}
        text={text}
        validation={validation}
        disabled={busy}
        speech={speech}
        onChange={setText}
      />
      <MessageField id="jp-Lcc-mergeMessage" message={message} speech={speech} onChange={setMessage} />
      {busy && <Busy text={trans.__('Beginning…')} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}

interface IConflictProps {
  index: number;
  conflict: Conflicting;
  side: Side | null;
  byHand: boolean;
  speech: Speech;
  onSide(side: Side): void;
}

function Conflict({ index, conflict, side, byHand, speech, onSide }: IConflictProps): JSX.Element {
  const { trans } = speech;
  const none = trans.__('removed');
  const choices: readonly [Side, string][] = [
    ['mine', trans.__('Yours: %1', conflict.mine ?? none)],
    ['theirs', trans.__('Published first: %1', conflict.theirs ?? none)]
  ];
  return (
    <fieldset className="jp-Lcc-conflict">
      <legend>{conflictWords(speech, conflict)}</legend>
      {choices.map(([each, label]) => (
        <label key={each} className="jp-Lcc-formChoice">
          <input
            type="radio"
            name={`jp-Lcc-conflict-${index}`}
            checked={side === each}
            onChange={() => onSide(each)}
          />
          <span className="jp-Lcc-conflictSide">{label}</span>
        </label>
      ))}
      <p className="jp-Lcc-hint">{trans.__('Before: %1', conflict.base ?? trans.__('not there'))}</p>
      {byHand && (
        <p className="jp-Lcc-warning" role="status">
          {trans.__('Write this side into the text below yourself.')}
        </p>
      )}
    </fieldset>
  );
}

function Pane({ title, text }: { title: string; text: string }): JSX.Element {
  return (
    <div>
      <h3 className="jp-Lcc-listHeading">{title}</h3>
      <pre className="jp-Lcc-log" tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </div>
  );
}
