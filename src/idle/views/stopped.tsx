import * as React from 'react';

import type { Decision } from '../../api/generated';
import { stoppedBecause, type Speech } from '../words';

interface IStoppedProps {
  stopped: readonly Decision[];
  now: Date;
  speech: Speech;
}

/** What was shut down lately, and why. */
export function Stopped({ stopped, now, speech }: IStoppedProps): JSX.Element {
  return (
    <ul className="jp-Lcc-list jp-Lcc-stopped">
      {stopped.map(decision => (
        <li key={`${decision.at} ${decision.target_id}`} title={decision.error ?? undefined}>
          {stoppedBecause(speech, decision, now)}
        </li>
      ))}
    </ul>
  );
}
