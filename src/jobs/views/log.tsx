import * as React from 'react';

import type { Speech } from '../../idle/words';
import { errorOf } from '../../idle/words';
import type { ILog } from '../model';

interface ILogProps {
  id: string;
  log: ILog;
  label: string;
  speech: Speech;
}

/** Within how many pixels of the end somebody reads along. */
const AT_END = 24;

/** What a job says, as it says it. It stays at the end unless somebody scrolled up. */
export function Log({ id, log, label, speech }: ILogProps): JSX.Element {
  const { trans } = speech;
  const box = React.useRef<HTMLPreElement>(null);
  const follows = React.useRef(true);
  React.useLayoutEffect(() => {
    if (box.current && follows.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [log.text]);
  return (
    <div id={id}>
      {log.error && <p className="jp-Lcc-error">{errorOf(speech, log.error)}</p>}
      {log.cut && <p className="jp-Lcc-hint">{trans.__('Only the end is shown.')}</p>}
      <pre
        className="jp-Lcc-log"
        ref={box}
        role="log"
        aria-label={label}
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < AT_END;
        }}
      >
        {log.text === '' && !log.error
          ? log.complete
            ? trans.__('It said nothing.')
            : trans.__('Waiting for its first words…')
          : log.text}
      </pre>
    </div>
  );
}
