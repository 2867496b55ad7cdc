import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { Environment, ListState, MergedList, PublishList, SourceState } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { bothOf } from '../both';
import { faultOfListName } from '../names';
import { problemWords } from '../problems';

import { MessageField } from './editor';
import { firstSource, NewList } from './place';

interface IPublishSheetProps {
  /** The list it is published to; null: asked for. */
  name: string | null;
  environment: string | null;
  lists: readonly ListState[];
  /** null: not known yet. */
  environments: readonly Environment[] | null;
  sources: readonly SourceState[];
  speech: Speech;
  /** Ask for the environments. */
  wake(): Promise<void>;
  publish(name: string, body: PublishList, etag: string | null): Promise<void>;
  onRace(name: string, both: MergedList, message: string): void;
  onClose(): void;
}

/** No list is called so: names have no `/`. */
const NEW = '/new';

/** Publish what an environment holds, as a new list or over one that is there. */
export function PublishSheet(props: IPublishSheetProps): JSX.Element {
  const { lists, environments, sources, speech, wake, publish, onRace, onClose } = props;
  const { trans } = speech;
  const [chosen, setChosen] = React.useState<string | null>(props.environment);
  const [target, setTarget] = React.useState(props.name ?? NEW);
  const [newName, setNewName] = React.useState<string | null>(null);
  const [source, setSource] = React.useState(() => firstSource(sources));
  const [message, setMessage] = React.useState('');
  const [exact, setExact] = React.useState(false);
  const [tried, setTried] = React.useState(false);
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  const alive = useAlive();
  React.useEffect(() => void wake(), []);
  const known = environments ?? [];
  const fromList = lists.find(({ name }) => name === props.name)?.environment;
  const environment = chosen ?? known.find(({ name }) => name === fromList)?.name ?? known[0]?.name ?? '';
  const taken = lists.map(({ name }) => name);
  const called = newName ?? (taken.includes(environment) ? '' : environment);
  const send = async (): Promise<void> => {
    setTried(true);
    if (busy || environment === '' || (target === NEW && faultOfListName(called, taken) !== null)) {
      return;
    }
    const name = target === NEW ? called : target;
    const over = lists.find(each => each.name === name)?.etag ?? null;
    setBusy(true);
    setProblem(null);
    try {
      await publish(
        name,
        { environment, source: target === NEW ? source : null, message: message.trim(), exact },
        over
      );
      onClose();
    } catch (reason) {
      const error = asLccError(reason);
      const both = error.code === 'lost_race' ? bothOf(error.detail) : null;
      if (!alive.current) {
        return;
      }
      if (both) {
        onRace(name, both, message);
      } else {
        setBusy(false);
        setProblem(problemWords(speech, error));
      }
    }
  };
  return (
    <SheetFrame
      title={trans.__('Publish an environment')}
      speech={speech}
      busy={busy}
      onClose={onClose}
      onSubmit={() => void send()}
      footer={
        <>
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <button
            type="submit"
            className="jp-Lcc-button jp-mod-primary"
            disabled={busy || environment === ''}
          >
            {trans.__('Publish')}
          </button>
        </>
      }
    >
      {environments === null && <Busy text={trans.__('Looking for environments…')} />}
      {environments?.length === 0 && (
        <p className="jp-Lcc-empty">
          {trans.__('There is no environment yet. Make one under Environments, then publish it.')}
        </p>
      )}
      <fieldset className="jp-Lcc-createForm" disabled={busy}>
        <label className="jp-Lcc-label" htmlFor="jp-Lcc-publishEnvironment">
          {trans.__('Environment')}
        </label>
        <select
          id="jp-Lcc-publishEnvironment"
          className="jp-Lcc-input jp-Lcc-wide"
          data-first
          value={environment}
          onChange={event => setChosen(event.target.value)}
        >
          {known.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <label className="jp-Lcc-label" htmlFor="jp-Lcc-publishTo">
          {trans.__('Publish as')}
        </label>
        <select
          id="jp-Lcc-publishTo"
          className="jp-Lcc-input jp-Lcc-wide"
          value={target}
          onChange={event => setTarget(event.target.value)}
        >
          <option value={NEW}>{trans.__('a new list')}</option>
          {taken.map(name => (
            <option key={name}>{name}</option>
          ))}
        </select>
        {target === NEW && (
          <NewList
            name={called}
            source={source}
            taken={taken}
            sources={sources}
            tried={tried}
            speech={speech}
            onName={setNewName}
            onSource={setSource}
          />
        )}
        <MessageField id="jp-Lcc-publishMessage" message={message} speech={speech} onChange={setMessage} />
        <label className="jp-Lcc-never">
          <input type="checkbox" checked={exact} onChange={event => setExact(event.target.checked)} />
          {trans.__('List every package with its version')}
        </label>
        <p className="jp-Lcc-hint">
          {trans.__(
            'Otherwise the list names only what was asked for. Either way all get the same packages: a lock beside the list names every one.'
          )}
        </p>
      </fieldset>
      {busy && <Busy text={trans.__('Beginning…')} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}
