import * as React from 'react';

import type { Speech } from '../idle/words';

type Views = typeof import('./views');

/** The views, once somebody has asked for them: a page that never shows environments does not load them. */
let loading: Promise<Views> | null = null;

function load(): Promise<Views> {
  loading ??= import(/* webpackChunkName: "environments" */ './views').catch((reason: unknown) => {
    loading = null;
    throw reason;
  });
  return loading;
}

interface IDeferredProps {
  speech: Speech;
  /** What is shown meanwhile; by default words. */
  waiting?: React.ReactNode;
  children(views: Views): React.ReactNode;
}

/** Load the views and render with them. */
export function Deferred({ speech, waiting, children }: IDeferredProps): JSX.Element {
  const { trans } = speech;
  const [views, setViews] = React.useState<Views | null>(null);
  const [failed, setFailed] = React.useState(false);
  const [attempt, setAttempt] = React.useState(0);
  React.useEffect(() => {
    let meant = true;
    load().then(
      loaded => meant && setViews(() => loaded),
      () => meant && setFailed(true)
    );
    return () => {
      meant = false;
    };
  }, [attempt]);
  if (views) {
    return <>{children(views)}</>;
  }
  if (failed) {
    return (
      <div className="jp-Lcc-problems" role="status">
        <p>{trans.__('This part of the panel could not be loaded. Try again, or reload the page.')}</p>
        <button
          className="jp-Lcc-button"
          onClick={() => {
            setFailed(false);
            setAttempt(attempt + 1);
          }}
        >
          {trans.__('Try again')}
        </button>
      </div>
    );
  }
  return <>{waiting ?? <p className="jp-Lcc-empty">{trans.__('Loading…')}</p>}</>;
}
