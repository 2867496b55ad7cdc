import { undoIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Environment, Names, Package } from '../../api/generated';
import { trashIcon, upIcon } from '../../icons';
import type { Speech } from '../../idle/words';
import { Busy } from '../../sheet';
import {
  actionOn,
  addSpecs,
  EMPTY,
  itemsOf,
  takeOut,
  toggleRemove,
  toggleUpgrade,
  type IBasket
} from '../basket';
import type { ILoaded } from '../model';
import { channelName, originWords, problemWords } from '../words';
import { Chip, PackageInput } from './packageInput';
import { Windowed } from './windowed';

export interface IPackagesProps {
  environment: Environment;
  packages: ILoaded<readonly Package[]> | null;
  basket: IBasket;
  speech: Speech;
  /** Whether anything may be changed now. */
  canChange: boolean;
  names(query: string, channels: readonly string[] | null): Promise<Names>;
  onBasket(basket: IBasket): void;
  onPreview(): void;
  onUpgradeAll(): void;
  onRetry(): void;
}

/** What is installed, and what somebody gathers to be changed. */
export function Packages(props: IPackagesProps): JSX.Element {
  const {
    environment,
    packages,
    basket,
    speech,
    canChange,
    names,
    onBasket,
    onPreview,
    onUpgradeAll,
    onRetry
  } = props;
  const { trans } = speech;
  const [filter, setFilter] = React.useState('');
  const [askedOnly, setAskedOnly] = React.useState(false);
  const [manager, setManager] = React.useState<Package['manager']>('conda');
  const all = packages?.value ?? null;
  const wanted = filter.trim().toLowerCase();
  const shown = React.useMemo(
    () =>
      (all ?? []).filter(
        ({ name, requested, manager: by }) =>
          name.toLowerCase().includes(wanted) && (!askedOnly || requested || by === 'pip')
      ),
    [all, wanted, askedOnly]
  );
  const items = itemsOf(basket);
  const inputId = `jp-Lcc-install-${environment.name}`;
  return (
    <div className="jp-Lcc-packages">
      {canChange && (
        <div className="jp-Lcc-install">
          <PackageInput
            id={inputId}
            label={trans.__('Install into %1', environment.name)}
            placeholder={trans.__('Install a package…')}
            speech={speech}
            onAdd={specs => onBasket(addSpecs(basket, specs, manager))}
            complete={
              manager === 'conda'
                ? query => names(query, environment.channels.length > 0 ? environment.channels : null)
                : null
            }
          />
          <select
            className="jp-Lcc-input"
            aria-label={trans.__('Installed by')}
            value={manager}
            onChange={event => setManager(event.target.value === 'pip' ? 'pip' : 'conda')}
          >
            {MANAGERS.map(each => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </div>
      )}
      {items.length > 0 && (
        <div className="jp-Lcc-basket" role="group" aria-label={trans.__('To be changed')}>
          <div className="jp-Lcc-chips">
            {items.map(item => (
              <Chip
                key={`${item.what} ${item.text}`}
                kind={`jp-mod-${item.what}`}
                text={`${SIGNS[item.what]} ${item.text}${item.manager === 'pip' ? ' (pip)' : ''}`}
                label={trans.__('Leave %1 as it is', item.text)}
                onRemove={() => onBasket(takeOut(basket, item))}
              />
            ))}
          </div>
          <div className="jp-Lcc-formButtons">
            <button className="jp-Lcc-button jp-mod-primary" disabled={!canChange} onClick={onPreview}>
              {trans.__('Preview')}
            </button>
            <button className="jp-Lcc-link" onClick={() => onBasket(EMPTY)}>
              {trans.__('Clear')}
            </button>
          </div>
        </div>
      )}
      {packages?.error && (
        <div className="jp-Lcc-problems" role="status">
          <p>{problemWords(speech, packages.error)}</p>
          <button className="jp-Lcc-button" onClick={onRetry}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {all === null && !packages?.error && <Busy text={trans.__('Reading what is installed…')} />}
      {all !== null && (
        <>
          <div className="jp-Lcc-filterRow">
            <input
              className="jp-Lcc-input jp-Lcc-filter"
              type="search"
              placeholder={trans._n('Filter %1 package', 'Filter %1 packages', all.length)}
              aria-label={trans.__('Filter the packages of %1', environment.name)}
              value={filter}
              onChange={event => setFilter(event.target.value)}
            />
            <label className="jp-Lcc-never">
              <input
                type="checkbox"
                checked={askedOnly}
                onChange={event => setAskedOnly(event.target.checked)}
              />
              {trans.__('asked for')}
            </label>
            {canChange && all.length > 0 && (
              <button className="jp-Lcc-link" onClick={onUpgradeAll}>
                {trans.__('Update all')}
              </button>
            )}
          </div>
          <p className="jp-Lcc-hidden" role="status">
            {wanted !== '' || askedOnly ? trans._n('%1 package fits', '%1 packages fit', shown.length) : ''}
          </p>
          {shown.length === 0 ? (
            <p className="jp-Lcc-empty">
              {all.length === 0
                ? trans.__('Nothing is installed.')
                : trans.__('No package fits. To install one, write its name above.')}
            </p>
          ) : (
            <Windowed
              items={shown}
              label={trans.__('Packages of %1', environment.name)}
              guess={28}
              keyOf={each => `${each.manager} ${each.name}`}
            >
              {each => (
                <PackageRow
                  each={each}
                  action={actionOn(basket, each.name)}
                  canChange={canChange}
                  speech={speech}
                  onRemove={() => onBasket(toggleRemove(basket, each))}
                  onUpgrade={() => onBasket(toggleUpgrade(basket, each))}
                />
              )}
            </Windowed>
          )}
        </>
      )}
    </div>
  );
}

/** Who can install. Names, which no language translates. */
const MANAGERS: readonly Package['manager'][] = ['conda', 'pip'];

const SIGNS = { install: '+', remove: '−', upgrade: '↑' } as const;

interface IPackageRowProps {
  each: Package;
  action: 'install' | 'remove' | 'upgrade' | null;
  canChange: boolean;
  speech: Speech;
  onRemove(): void;
  onUpgrade(): void;
}

function PackageRow({ each, action, canChange, speech, onRemove, onUpgrade }: IPackageRowProps): JSX.Element {
  const { trans } = speech;
  const { name, version, build, requested, size_bytes, manager, channel } = each;
  const told = [
    build === null ? version : `${version} ${build}`,
    originWords(speech, each),
    ...(size_bytes === null ? [] : [speech.bytes(size_bytes)]),
    ...(requested ? [trans.__('asked for')] : [])
  ].join(' · ');
  const upLabel = action === 'upgrade' ? trans.__('Leave %1 as it is', name) : trans.__('Update %1', name);
  const removeLabel = action === 'remove' ? trans.__('Leave %1 as it is', name) : trans.__('Remove %1', name);
  return (
    <div className={`jp-Lcc-package ${action === null ? '' : `jp-mod-${action}`}`} title={`${name} ${told}`}>
      <span className={requested ? 'jp-Lcc-packageName jp-mod-requested' : 'jp-Lcc-packageName'}>{name}</span>
      <span className="jp-Lcc-version">{version}</span>
      <span className="jp-Lcc-origin">{manager === 'pip' ? manager : channelName(channel ?? '')}</span>
      {canChange && (
        <span className="jp-Lcc-buttons">
          <button className="jp-Lcc-iconButton" aria-label={upLabel} title={upLabel} onClick={onUpgrade}>
            {action === 'upgrade' ? <undoIcon.react tag="span" /> : <upIcon.react tag="span" />}
          </button>
          <button
            className="jp-Lcc-iconButton"
            aria-label={removeLabel}
            title={removeLabel}
            onClick={onRemove}
          >
            {action === 'remove' ? <undoIcon.react tag="span" /> : <trashIcon.react tag="span" />}
          </button>
        </span>
      )}
    </div>
  );
}
