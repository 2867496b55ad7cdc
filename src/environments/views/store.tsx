import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { PackageCache, Quota, Trashed } from '../../api/generated';
import type { Speech } from '../../idle/words';
import type { ILoaded } from '../model';
import { problemWords, trashedWords } from '../words';

interface IStoreProps {
  quota: Quota;
  trash: readonly Trashed[];
  trashOpen: boolean;
  cache: ILoaded<PackageCache> | null;
  pending: ReadonlySet<string>;
  canChange: boolean;
  speech: Speech;
  now: Date;
  onTrash(): void;
  onRestore(trashed: Trashed): void;
  onPurge(trashed: Trashed | null): void;
  onCleanCache(): void;
}

/** Where the room goes: environments, the trash, downloaded packages. */
export function Store(props: IStoreProps): JSX.Element {
  const { quota, trash, trashOpen, cache, pending, canChange, speech, onTrash, onPurge, onCleanCache } =
    props;
  const { trans } = speech;
  const Caret = trashOpen ? caretDownIcon : caretRightIcon;
  const reclaimable = cache?.value?.reclaimable_bytes ?? null;
  return (
    <div className="jp-Lcc-store">
      <Room quota={quota} speech={speech} />
      {cache?.value && cache.value.size_bytes !== 0 && (
        <div className="jp-Lcc-storeLine">
          <span>{cacheWords(speech, cache.value)}</span>
          {canChange && reclaimable !== 0 && (
            <button className="jp-Lcc-link" disabled={pending.has('cache')} onClick={onCleanCache}>
              {trans.__('Clean')}
            </button>
          )}
        </div>
      )}
      {cache?.error && <p className="jp-Lcc-hint">{problemWords(speech, cache.error)}</p>}
      {trash.length > 0 && (
        <>
          <button
            className="jp-Lcc-link jp-Lcc-lossToggle"
            aria-expanded={trashOpen}
            aria-controls={trashOpen ? 'jp-Lcc-trash' : undefined}
            onClick={onTrash}
          >
            <Caret.react tag="span" className="jp-Lcc-caret" />
            {trans.__('Trash (%1)', trash.length)}
          </button>
          {trashOpen && (
            <div id="jp-Lcc-trash">
              <ul className="jp-Lcc-list" aria-label={trans.__('Trash')}>
                {trash.map(trashed => (
                  <TrashRow {...props} key={trashed.id} trashed={trashed} />
                ))}
              </ul>
              {canChange && (
                <button className="jp-Lcc-link" onClick={() => onPurge(null)}>
                  {trans.__('Empty the trash…')}
                </button>
              )}
            </div>
          )}
        </>
      )}
    </div>
  );
}

function TrashRow({
  trashed,
  pending,
  canChange,
  speech,
  now,
  onRestore,
  onPurge
}: IStoreProps & { trashed: Trashed }): JSX.Element {
  const { trans } = speech;
  return (
    <li className="jp-Lcc-trashed">
      <span className="jp-Lcc-nameText">{trashed.name}</span>
      <p className="jp-Lcc-hint">{trashedWords(speech, trashed, now)}</p>
      {canChange && (
        <span className="jp-Lcc-formButtons">
          <button
            className="jp-Lcc-button"
            disabled={pending.has(trashed.id)}
            aria-label={trans.__('Restore %1', trashed.name)}
            onClick={() => onRestore(trashed)}
          >
            {trans.__('Restore')}
          </button>
          <button
            className="jp-Lcc-link"
            disabled={pending.has(trashed.id)}
            aria-label={trans.__('Delete %1 for good', trashed.name)}
            onClick={() => onPurge(trashed)}
          >
            {trans.__('Delete for good…')}
          </button>
        </span>
      )}
    </li>
  );
}

/** How full it is, with a bar where the administrator set a limit. */
function Room({ quota, speech }: { quota: Quota; speech: Speech }): JSX.Element | null {
  const { trans } = speech;
  const { used_bytes: used, limit_bytes: limit, free_bytes: free } = quota;
  if (used === null && free === null) {
    return null;
  }
  const parts = [
    ...(used === null || (used === 0 && limit === null)
      ? []
      : limit === null
        ? [trans.__('Environments take %1', speech.bytes(used))]
        : [trans.__('Environments take %1 of %2', speech.bytes(used), speech.bytes(limit))]),
    ...(free === null ? [] : [trans.__('%1 free on the disk', speech.bytes(free))])
  ];
  return (
    <div>
      <p>{parts.join(' · ')}</p>
      {used !== null && limit !== null && limit > 0 && (
        <meter
          className="jp-Lcc-meter"
          aria-label={trans.__('Room for environments')}
          min={0}
          max={limit}
          high={limit * 0.9}
          value={Math.min(used, limit)}
        />
      )}
    </div>
  );
}

function cacheWords(speech: Speech, cache: PackageCache): string {
  const { trans } = speech;
  const { size_bytes: size, reclaimable_bytes: reclaimable } = cache;
  if (size === null) {
    return trans.__('Downloaded packages');
  }
  return reclaimable === null || reclaimable === 0
    ? trans.__('Downloaded packages: %1', speech.bytes(size))
    : trans.__('Downloaded packages: %1, cleaning frees %2', speech.bytes(size), speech.bytes(reclaimable));
}
