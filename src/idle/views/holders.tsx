import * as React from 'react';

import type { Holder, Target } from '../../api/generated';
import { MACHINE } from '../targets';
import { chatterOf, holderOf, type Speech } from '../words';

export interface IHoldersProps {
  id: string;
  holders: readonly Holder[];
  now: Date;
  speech: Speech;
  find(targetId: string): Target | null;
  onGo(targetId: string): void;
}

/** Who keeps this machine on, the strongest first; and what only seems to, apart. */
export function Holders(props: IHoldersProps): JSX.Element {
  const { id, holders, speech } = props;
  const { trans } = speech;
  const holding = holders.filter(({ holds }) => holds);
  const others = chatterOf(holders);
  return (
    <div className="jp-Lcc-holders" id={id}>
      {holding.length > 0 ? (
        <List
          {...props}
          lines={holding.map(holder => ({ holder, more: 0 }))}
          label={trans.__('Who keeps this machine on')}
        />
      ) : (
        <p>{trans.__('Nothing keeps it on.')}</p>
      )}
      {others.length > 0 && (
        <div className="jp-Lcc-muted">
          <p>{trans.__('Doesn’t count:')}</p>
          <List {...props} lines={others} label={trans.__('What doesn’t keep this machine on')} />
        </div>
      )}
    </div>
  );
}

interface IListProps extends IHoldersProps {
  lines: readonly { holder: Holder; more: number }[];
  label: string;
}

function List({ lines, label, now, speech, find, onGo }: IListProps): JSX.Element {
  const { trans } = speech;
  return (
    <ul className="jp-Lcc-list" aria-label={label}>
      {lines.map(({ holder, more }, index) => {
        const id = holder.target_id;
        const target = id === null ? null : find(id);
        const { who, why, until } = holderOf(speech, holder, target, now);
        return (
          <li key={index} data-because={holder.because}>
            {target && target.id !== MACHINE ? (
              <button className="jp-Lcc-link jp-Lcc-who" onClick={() => onGo(target.id)}>
                {who}
              </button>
            ) : (
              <span className="jp-Lcc-who">{who}</span>
            )}{' '}
            {why}
            {more > 0 && ` ${trans._n('(and %1 more)', '(and %1 more)', more)}`}
            {until && <span className="jp-Lcc-until"> · {until}</span>}
          </li>
        );
      })}
    </ul>
  );
}
