import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Version, VersionDiff } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy } from '../../sheet';
import type { ILoaded } from '../model';
import { problemWords } from '../words';
import { Differences } from './plan';

interface IVersionsProps {
  name: string;
  versions: ILoaded<readonly Version[]> | null;
  diffs: ReadonlyMap<number, ILoaded<VersionDiff>>;
  speech: Speech;
  now: Date;
  canChange: boolean;
  onDiff(version: number): void;
  onRollBack(version: number): void;
  onRetry(): void;
}

/** The states an environment was in, what has changed since, and the way back. */
export function Versions(props: IVersionsProps): JSX.Element {
  const { name, versions, speech, onRetry } = props;
  const { trans } = speech;
  if (versions?.error) {
    return (
      <div className="jp-Lcc-problems" role="status">
        <p>{problemWords(speech, versions.error)}</p>
        <button className="jp-Lcc-button" onClick={onRetry}>
          {trans.__('Try again')}
        </button>
      </div>
    );
  }
  if (!versions?.value) {
    return <Busy text={trans.__('Reading the versions…')} />;
  }
  if (versions.value.length === 0) {
    return (
      <p className="jp-Lcc-empty">
        {trans.__('No version is kept yet. Each change made here keeps one, to which it can be rolled back.')}
      </p>
    );
  }
  return (
    <ul className="jp-Lcc-list jp-Lcc-versions" aria-label={trans.__('Versions of %1', name)}>
      {versions.value.map(version => (
        <VersionRow {...props} key={version.number} version={version} />
      ))}
    </ul>
  );
}

function VersionRow({
  version,
  diffs,
  speech,
  now,
  canChange,
  onDiff,
  onRollBack
}: IVersionsProps & { version: Version }): JSX.Element {
  const { trans } = speech;
  const [open, setOpen] = React.useState(false);
  const diff = diffs.get(version.number);
  React.useEffect(() => {
    if (open && diff === undefined) {
      onDiff(version.number);
    }
  }, [open, diff]);
  const counts = [
    ...(version.added > 0 ? [`+${version.added}`] : []),
    ...(version.changed > 0 ? [`↻${version.changed}`] : []),
    ...(version.removed > 0 ? [`−${version.removed}`] : [])
  ].join(' ');
  const Caret = open ? caretDownIcon : caretRightIcon;
  const diffId = `jp-Lcc-diff-${version.number}`;
  return (
    <li className="jp-Lcc-versionRow">
      <div className="jp-Lcc-rowTop">
        <span className="jp-Lcc-nameText">
          {version.current
            ? trans.__('Version %1, now', version.number)
            : trans.__('Version %1', version.number)}
        </span>
        <span className="jp-Lcc-hint jp-Lcc-until">{speech.clock(version.at, now)}</span>
      </div>
      <p className="jp-Lcc-hint" title={version.command}>
        {version.command === '' ? (
          trans.__('Changed elsewhere.')
        ) : (
          <code className="jp-Lcc-said">{version.command}</code>
        )}{' '}
        {counts} {trans._n('%1 package', '%1 packages', version.package_count)}
      </p>
      {!version.current && (
        <div className="jp-Lcc-jobButtons">
          <button
            className="jp-Lcc-link jp-Lcc-lossToggle"
            aria-expanded={open}
            aria-controls={open ? diffId : undefined}
            onClick={() => setOpen(!open)}
          >
            <Caret.react tag="span" className="jp-Lcc-caret" />
            {trans.__('What has changed since')}
          </button>
          {canChange && version.restorable && (
            <button
              className="jp-Lcc-button"
              aria-label={trans.__('Roll back to version %1', version.number)}
              onClick={() => onRollBack(version.number)}
            >
              {trans.__('Roll back…')}
            </button>
          )}
        </div>
      )}
      {!version.restorable && !version.current && (
        <p className="jp-Lcc-hint">
          {trans.__('It can’t be rolled back to: its packages are not known exactly.')}
        </p>
      )}
      {open && (
        <div id={diffId}>
          {diff?.error && <p className="jp-Lcc-error">{problemWords(speech, diff.error)}</p>}
          {(diff === undefined || diff.loading) && <Busy text={trans.__('Comparing…')} />}
          {diff?.value &&
            (diff.value.add.length + diff.value.change.length + diff.value.remove.length === 0 ? (
              <p className="jp-Lcc-hint">{trans.__('Nothing: it is as it was.')}</p>
            ) : (
              <Differences plan={diff.value} speech={speech} />
            ))}
        </div>
      )}
    </li>
  );
}
