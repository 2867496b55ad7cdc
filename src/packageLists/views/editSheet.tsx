import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { CheckedText, ListText, MergedList, PutList, SourceState } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { bothOf } from '../both';
import { faultOfListName, NEW_LIST } from '../names';
import { problemWords } from '../problems';
import { publishedWords } from '../words';
import { Editor, isRefused, MessageField, useValidation } from './editor';
import { firstSource, NewList } from './place';

interface IEditSheetProps {
  /** null: a new list. */
  name: string | null;
  taken: readonly string[];
  sources: readonly SourceState[];
  speech: Speech;
  now: Date;
  read(name: string): Promise<ListText>;
  validate(text: string): Promise<CheckedText>;
  put(name: string, body: PutList, etag: string | null): Promise<void>;
  /** Somebody else published first. */
  onRace(name: string, both: MergedList, message: string): void;
  onClose(): void;
}

/** The text of a list: read from its source, looked at as it is typed, and published. */
export function EditSheet(props: IEditSheetProps): JSX.Element {
  const { name, taken, sources, speech, now, read, validate, put, onRace, onClose } = props;
  const { trans } = speech;
  const [there, setThere] = React.useState<ListText | null>(null);
  const [text, setText] = React.useState(name === null ? NEW_LIST : '');
  const [message, setMessage] = React.useState('');
  const [newName, setNewName] = React.useState('');
  const [source, setSource] = React.useState(() => firstSource(sources));
  const [tried, setTried] = React.useState(false);
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  const [attempt, setAttempt] = React.useState(0);
  const alive = useAlive();
  const validation = useValidation(text, validate, speech);
  const loading = name !== null && there === null;
  React.useEffect(() => {
    if (name !== null) {
      setProblem(null);
      read(name).then(
        answer => {
          if (alive.current) {
            setThere(answer);
            setText(answer.text);
          }
        },
        reason => alive.current && setProblem(problemWords(speech, asLccError(reason)))
      );
    }
  }, [name, attempt]);
  const same = there !== null && text === there.text && there.lock_fits;
  const blocked = busy || loading || same || isRefused(validation, text);
  const publish = async (): Promise<void> => {
    setTried(true);
    if (blocked || (name === null && faultOfListName(newName, taken) !== null)) {
      return;
    }
    const called = name ?? newName;
    setBusy(true);
    setProblem(null);
    try {
      const body = { text, message: message.trim(), source: name === null ? source : null };
      await put(called, body, there?.etag ?? null);
      onClose();
    } catch (reason) {
      const error = asLccError(reason);
      const both = error.code === 'lost_race' ? bothOf(error.detail) : null;
      if (!alive.current) {
        return;
      }
      if (both) {
        onRace(called, both, message);
      } else {
        setBusy(false);
        setProblem(problemWords(speech, error));
      }
    }
  };
  return (
    <SheetFrame
      title={name === null ? trans.__('New package list') : trans.__('Edit the list %1', name)}
      speech={speech}
      busy={busy || (loading && problem === null)}
      onClose={onClose}
      onSubmit={() => void publish()}
      footer={
        <>
          {same && <span className="jp-Lcc-hint">{trans.__('Nothing has been changed yet.')}</span>}
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          {loading && problem !== null && (
            <button type="button" className="jp-Lcc-button" onClick={() => setAttempt(attempt + 1)}>
              {trans.__('Try again')}
            </button>
          )}
          <button type="submit" className="jp-Lcc-button jp-mod-primary" disabled={blocked}>
            {trans.__('Publish')}
          </button>
        </>
      }
    >
      {loading && problem === null && <Busy text={trans.__('Reading the list from its source…')} />}
      {there && (
        <p className="jp-Lcc-hint">
          {trans.__('Revision %1', there.revision.number)} · {publishedWords(speech, there.revision, now)}
        </p>
      )}
      {name === null && (
        <NewList
          name={newName}
          source={source}
          taken={taken}
          sources={sources}
          tried={tried}
          first
          speech={speech}
          onName={setNewName}
          onSource={setSource}
        />
      )}
      {!loading && (
        <>
          <Editor
            id="jp-Lcc-listText"
            label={trans.__('environment.yml')}
            text={text}
            validation={validation}
            disabled={busy}
            speech={speech}
            onChange={changed => {
              setText(changed);
              setProblem(null);
            }}
          />
          <MessageField id="jp-Lcc-listMessage" message={message} speech={speech} onChange={setMessage} />
        </>
      )}
      {busy && <Busy text={trans.__('Beginning…')} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}
