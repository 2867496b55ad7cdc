import * as React from 'react';

import type { Decision } from '../../api/generated';
import { happenedOf, type Speech } from '../words';

interface IHappenedProps {
  happened: readonly Decision[];
  now: Date;
  speech: Speech;
}

/** What was shut down lately, put off or could not be done, and why. */
export function Happened({ happened, now, speech }: IHappenedProps): JSX.Element {
  return (
    <ul className="jp-Lcc-list jp-Lcc-stopped">
      {happened.map(decision => (
        <li
          key={`${decision.at} ${decision.target_id} ${decision.change}`}
          title={decision.error ?? undefined}
        >
          {happenedOf(speech, decision, now)}
        </li>
      ))}
    </ul>
  );
}
