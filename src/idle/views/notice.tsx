import * as React from 'react';

import type { IIdleState } from '../model';
import { errorOf, type Speech } from '../words';

const ENABLE = 'jupyter server extension enable jupyter_lcc';

interface INoticeProps {
  state: IIdleState;
  otherVersion: string | null;
  version: string;
  speech: Speech;
  onRetry(): void;
}

/** What stands between the panel and the server, in words; nothing when all is well. */
export function Notice({ state, otherVersion, version, speech, onRetry }: INoticeProps): JSX.Element | null {
  const { trans } = speech;
  switch (state.phase) {
    case 'loading':
      return <p className="jp-Lcc-empty">{trans.__('Asking the server…')}</p>;
    case 'incompatible':
      return (
        <Told>
          <p>
            {trans.__(
              'The panel is %1 and can’t talk to the server’s %2: reload this page, or restart the server.',
              version,
              state.about?.version ?? '?'
            )}
          </p>
        </Told>
      );
    case 'failed':
      return <Failed state={state} speech={speech} onRetry={onRetry} />;
    case 'ready':
      return otherVersion === null ? null : (
        <Told>
          <p>
            {trans.__(
              'The panel is %1, the server runs %2: reload this page, or restart the server.',
              version,
              otherVersion
            )}
          </p>
        </Told>
      );
  }
}

function Failed({ state, speech, onRetry }: Pick<INoticeProps, 'state' | 'speech' | 'onRetry'>): JSX.Element {
  const { trans } = speech;
  const { error, view } = state;
  const missing = error?.code === 'server_extension_missing';
  return (
    <Told>
      <p>{error ? errorOf(speech, error) : ''}</p>
      {missing && (
        <>
          <p>{trans.__('Run this on the server, then restart the server:')}</p>
          <pre className="jp-Lcc-command" tabIndex={0}>
            {ENABLE}
          </pre>
        </>
      )}
      {!missing && view && <p>{trans.__('Below is what was known last.')}</p>}
      {!missing && error && (
        <details className="jp-Lcc-details">
          <summary>{trans.__('Details')}</summary>
          <p>{error.message}</p>
        </details>
      )}
      <button className="jp-Lcc-button" onClick={onRetry}>
        {trans.__('Try again')}
      </button>
    </Told>
  );
}

function Told({ children }: { children: React.ReactNode }): JSX.Element {
  return (
    <div className="jp-Lcc-notice" role="status">
      {children}
    </div>
  );
}
