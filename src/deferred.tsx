import * as React from 'react';

import type { Speech } from './idle/words';

export interface IDeferredProps<V> {
  speech: Speech;
  /** What is shown meanwhile; by default words. */
  waiting?: React.ReactNode;
  /** Told once, when what was waited for is in the page. */
  onShown?: () => void;
  children(views: V): React.ReactNode;
}

/**
 * Make a component that loads views when it is first shown, and renders with them: a page that never shows them does
 * not load them. Where they can't be loaded it says so and offers to try again.
 */
export function deferred<V>(load: () => Promise<V>): (props: IDeferredProps<V>) => JSX.Element {
  let loading: Promise<V> | null = null;
  const loaded = (): Promise<V> => {
    loading ??= load().catch((reason: unknown) => {
      loading = null;
      throw reason;
    });
    return loading;
  };
  return function Deferred({ speech, waiting, onShown, children }) {
    const { trans } = speech;
    const [views, setViews] = React.useState<V | null>(null);
    const [failed, setFailed] = React.useState(false);
    const [attempt, setAttempt] = React.useState(0);
    const isShown = views !== null;
    React.useEffect(() => {
      let meant = true;
      loaded().then(
        found => meant && setViews(() => found),
        () => meant && setFailed(true)
      );
      return () => {
        meant = false;
      };
    }, [attempt]);
    // At once: a person's next key is for what is in the page then.
    React.useLayoutEffect(() => {
      if (isShown) {
        onShown?.();
      }
    }, [isShown]);
    if (views !== null) {
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
  };
}
