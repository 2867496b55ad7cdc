import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { SourceState } from '../../api/generated';
import { trashIcon } from '../../icons';
import type { Speech } from '../../idle/words';
import { kindWords, modeWords } from '../words';

interface ISourcesProps {
  sources: readonly SourceState[];
  mayAdd: boolean;
  open: boolean;
  pending: ReadonlySet<string>;
  speech: Speech;
  onToggle(): void;
  onAdd(): void;
  onRemove(source: SourceState): void;
}

/** Where lists are kept: the administrator's places and one's own. */
export function Sources(props: ISourcesProps): JSX.Element {
  const { sources, mayAdd, open, speech, onToggle, onAdd } = props;
  const { trans } = speech;
  const Caret = open ? caretDownIcon : caretRightIcon;
  const troubled = sources.some(({ problem }) => problem !== null);
  return (
    <div className="jp-Lcc-store">
      {sources.length > 0 && (
        <button
          className="jp-Lcc-link jp-Lcc-lossToggle"
          aria-expanded={open}
          aria-controls={open ? 'jp-Lcc-sources' : undefined}
          onClick={onToggle}
        >
          <Caret.react tag="span" className="jp-Lcc-caret" />
          {troubled
            ? trans.__('Sources (%1), not all answer', sources.length)
            : trans.__('Sources (%1)', sources.length)}
        </button>
      )}
      {open && (
        <div id="jp-Lcc-sources">
          {sources.length > 0 && (
            <ul className="jp-Lcc-list" aria-label={trans.__('Sources')}>
              {sources.map(source => (
                <Source key={source.id} source={source} {...props} />
              ))}
            </ul>
          )}
          {mayAdd ? (
            <button className="jp-Lcc-button jp-Lcc-listAct" onClick={onAdd}>
              {trans.__('Add a source…')}
            </button>
          ) : (
            <p className="jp-Lcc-hint">{trans.__('Your administrator chooses the sources.')}</p>
          )}
        </div>
      )}
    </div>
  );
}

function Source({ source, pending, speech, onRemove }: ISourcesProps & { source: SourceState }): JSX.Element {
  const { trans } = speech;
  const removeLabel = trans.__('Remove the source %1', source.place);
  return (
    <li className="jp-Lcc-trashed">
      <div className="jp-Lcc-rowTop">
        <span className="jp-Lcc-sourcePlace">{source.place === '' ? source.id : source.place}</span>
        {!source.configured && (
          <button
            className="jp-Lcc-iconButton"
            aria-label={removeLabel}
            title={removeLabel}
            disabled={pending.has(`source:${source.id}`)}
            onClick={() => onRemove(source)}
          >
            <trashIcon.react tag="span" className="jp-Lcc-buttonIcon" />
          </button>
        )}
      </div>
      <p className="jp-Lcc-hint">
        {[
          kindWords(speech, source.kind),
          source.configured ? trans.__('your administrator’s') : trans.__('yours'),
          modeWords(speech, source.mode)
        ].join(' · ')}
      </p>
      {source.problem !== null && (
        <p className="jp-Lcc-warning">
          {trans.__('It does not answer: %1 What was read last is used.', sentence(source.problem))}
        </p>
      )}
      {source.safe === false && (
        <p className="jp-Lcc-warning">
          {trans.__('Nothing can be published here: %1', source.why_not_safe ?? '')}
        </p>
      )}
      {source.hidden.length > 0 && (
        <p className="jp-Lcc-hint">
          {trans.__(
            'Not shown, because a source above has lists of these names: %1',
            source.hidden.join(', ')
          )}
        </p>
      )}
    </li>
  );
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
