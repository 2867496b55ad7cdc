import * as React from 'react';

import type { SourceState } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { faultOfListName } from '../names';
import { nameFaultWords } from '../words';

interface INewListProps {
  name: string;
  source: string;
  taken: readonly string[];
  sources: readonly SourceState[];
  /** Whether somebody has tried to go on: then also an empty name is told. */
  tried: boolean;
  /** Whether the keyboard begins here. */
  first?: boolean;
  speech: Speech;
  onName(name: string): void;
  onSource(id: string): void;
}

/** How a new list is called and where it is kept. */
export function NewList(props: INewListProps): JSX.Element {
  const { name, source, taken, sources, tried, first, speech, onName, onSource } = props;
  const { trans } = speech;
  const fault = faultOfListName(name, taken);
  const told = fault !== null && (tried || name !== '');
  return (
    <>
      <label className="jp-Lcc-label" htmlFor="jp-Lcc-listName">
        {trans.__('Name')}
      </label>
      <input
        id="jp-Lcc-listName"
        className="jp-Lcc-input jp-Lcc-wide"
        data-first={first ? '' : undefined}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        placeholder={trans.__('for example team-base')}
        value={name}
        aria-invalid={told}
        aria-describedby="jp-Lcc-listNameFault"
        onChange={event => onName(event.target.value.trimStart().replace(/\s+/g, '-'))}
      />
      <p id="jp-Lcc-listNameFault" className="jp-Lcc-fault" aria-live="polite">
        {told && fault !== null ? nameFaultWords(speech, fault, name) : ''}
      </p>
      <label className="jp-Lcc-label" htmlFor="jp-Lcc-listSource">
        {trans.__('Source')}
      </label>
      <select
        id="jp-Lcc-listSource"
        className="jp-Lcc-input jp-Lcc-wide"
        value={source}
        onChange={event => onSource(event.target.value)}
      >
        {sources.map(({ id, place }) => (
          <option key={id} value={id}>
            {place === '' ? id : place}
          </option>
        ))}
      </select>
    </>
  );
}

/** The source a new list goes to if nobody says: the first that can be written. */
export function firstSource(sources: readonly SourceState[]): string {
  return (sources.find(({ writable, safe }) => writable && safe !== false) ?? sources[0])?.id ?? '';
}
