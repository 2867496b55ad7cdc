import * as React from 'react';

import type { IdleView, Target } from '../../api/generated';
import { limitOf, meaningOf, reasonOf, signalOf, valueOf, type Speech } from '../words';

interface IWhyProps {
  id: string;
  target: Target;
  mode: IdleView['mode'];
  now: Date;
  speech: Speech;
}

/** Why a target is kept or warned: the reason, the limit with its source, and the evidence. */
export function Why({ id, target, mode, now, speech }: IWhyProps): JSX.Element {
  const { trans } = speech;
  return (
    <div className="jp-Lcc-why" id={id}>
      <p>{reasonOf(speech, target, mode)}</p>
      <p>{limitOf(speech, target)}</p>
      {target.evidence.length > 0 && (
        <table className="jp-Lcc-evidence">
          <caption className="jp-Lcc-hidden">{trans.__('What was seen')}</caption>
          <thead>
            <tr>
              <th scope="col">{trans.__('Sign')}</th>
              <th scope="col">{trans.__('Value')}</th>
              <th scope="col">{trans.__('Meaning')}</th>
            </tr>
          </thead>
          <tbody>
            {target.evidence.map((evidence, index) => (
              <tr key={index} className={`jp-mod-${evidence.means}`}>
                <th scope="row">{signalOf(speech, evidence.signal)}</th>
                <td>{valueOf(speech, evidence, now)}</td>
                <td>{meaningOf(speech, evidence.means)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
