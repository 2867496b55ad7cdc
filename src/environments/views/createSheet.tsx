import * as React from 'react';

import type { CreateWish } from '../../api/client';
import { asLccError } from '../../api/errors';
import type { EnvironmentFile, EnvironmentList, Names, Plan } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { faultOfName, freeName, mergeSpecs, nameInFile, splitSpecs } from '../specs';
import { faultWords, problemWords } from '../words';
import { DropZone } from './dropZone';
import { PackageInput } from './packageInput';
import { PlanView } from './plan';

export interface ICreateSheetProps {
  /** What is filled in at first. */
  wish: CreateWish;
  list: EnvironmentList | null;
  speech: Speech;
  /** Why nothing can be made here; null if it can. */
  whyNot: string | null;
  names(query: string, channels: readonly string[] | null): Promise<Names>;
  plan(wish: CreateWish): Promise<Plan>;
  create(wish: CreateWish): Promise<unknown>;
  onClose(): void;
}

type Source = 'packages' | 'file' | 'clone';

interface IDraft {
  readonly source: Source;
  readonly name: string;
  /** Whether a person wrote the name; otherwise it follows the file or the clone. */
  readonly named: boolean;
  readonly packages: readonly string[];
  readonly packageText: string;
  readonly pip: readonly string[];
  readonly pipText: string;
  /** null: the user's own. */
  readonly channels: readonly string[] | null;
  readonly channelText: string;
  readonly cloneOf: string;
  readonly file: EnvironmentFile | null;
  readonly kernel: boolean;
  readonly displayName: string;
}

/** Make an environment: from packages, from a file or as a clone; look at what it would bring, then make it. */
export function CreateSheet(props: ICreateSheetProps): JSX.Element {
  const { list, speech, whyNot, names, plan: askPlan, create, onClose } = props;
  const { trans } = speech;
  const others = list?.environments ?? [];
  const [draft, setDraft] = React.useState(() => draftOf(props.wish, others[0]?.name ?? ''));
  const [step, setStep] = React.useState<'form' | 'planning' | 'plan' | 'making'>('form');
  const [plan, setPlan] = React.useState<Plan | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  const [tried, setTried] = React.useState(false);
  const alive = useAlive();
  const change = (part: Partial<IDraft>): void => {
    setDraft(before => ({ ...before, ...part }));
    setProblem(null);
  };
  const fault = faultOfName(draft.name, others);
  const lack = lackOf(speech, draft);
  const wish = wishOf(draft);

  const ask = async (next: 'planning' | 'making'): Promise<void> => {
    setTried(true);
    if (fault !== null || lack !== null || whyNot !== null) {
      return;
    }
    const from = step;
    setStep(next);
    setProblem(null);
    try {
      if (next === 'planning') {
        const answer = await askPlan(wish);
        if (alive.current) {
          setPlan(answer);
          setStep('plan');
        }
      } else {
        await create(wish);
        if (alive.current) {
          onClose();
        }
      }
    } catch (reason) {
      if (alive.current) {
        setStep(from === 'plan' ? 'plan' : 'form');
        setProblem(problemWords(speech, asLccError(reason)));
      }
    }
  };

  const busy = step === 'planning' || step === 'making';
  const title =
    step === 'plan' && plan ? trans.__('What %1 will hold', draft.name) : trans.__('New environment');
  return (
    <SheetFrame
      title={title}
      speech={speech}
      busy={busy}
      onClose={onClose}
      onSubmit={() => void ask('making')}
      footer={
        <>
          {step === 'plan' ? (
            <button type="button" className="jp-Lcc-button" onClick={() => setStep('form')}>
              {trans.__('Back')}
            </button>
          ) : (
            <button
              type="button"
              className="jp-Lcc-button"
              disabled={busy || whyNot !== null}
              onClick={() => void ask('planning')}
            >
              {trans.__('Preview')}
            </button>
          )}
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <button type="submit" className="jp-Lcc-button jp-mod-primary" disabled={busy || whyNot !== null}>
            {trans.__('Create')}
          </button>
        </>
      }
    >
      {whyNot !== null && (
        <p className="jp-Lcc-warning" role="alert">
          {whyNot}
        </p>
      )}
      {step === 'plan' && plan ? (
        <PlanView plan={plan} speech={speech} />
      ) : (
        <fieldset className="jp-Lcc-createForm" disabled={busy}>
          <Choice
            draft={draft}
            speech={speech}
            canClone={others.length > 0}
            onChange={source => change({ source })}
          />
          <label className="jp-Lcc-label" htmlFor="jp-Lcc-createName">
            {trans.__('Name')}
          </label>
          <input
            id="jp-Lcc-createName"
            className="jp-Lcc-input jp-Lcc-wide"
            data-first
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
            placeholder={trans.__('for example analysis')}
            value={draft.name}
            aria-invalid={fault !== null && (tried || draft.name !== '')}
            aria-describedby="jp-Lcc-createNameFault"
            onChange={event =>
              change({ name: event.target.value.trimStart().replace(/\s+/g, '-'), named: true })
            }
          />
          <p id="jp-Lcc-createNameFault" className="jp-Lcc-fault" aria-live="polite">
            {fault !== null && (tried || draft.name !== '') ? faultWords(speech, fault, draft.name) : ''}
          </p>
          {draft.source === 'packages' && (
            <PackageFields
              draft={draft}
              speech={speech}
              onChange={change}
              complete={query => names(query, draft.channels)}
            />
          )}
          {draft.source === 'file' && (
            <DropZone
              file={draft.file}
              speech={speech}
              onFile={file =>
                change({
                  file,
                  ...(draft.named ? {} : { name: freeName(nameInFile(file) ?? draft.name, others) })
                })
              }
              onRefused={setProblem}
            />
          )}
          {draft.source === 'clone' && (
            <>
              <label className="jp-Lcc-label" htmlFor="jp-Lcc-createClone">
                {trans.__('Environment to clone')}
              </label>
              <select
                id="jp-Lcc-createClone"
                className="jp-Lcc-input jp-Lcc-wide"
                value={draft.cloneOf}
                onChange={({ target: { value } }) =>
                  change({ cloneOf: value, ...(draft.named ? {} : { name: freeName(value, others) }) })
                }
              >
                {others.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
              <p className="jp-Lcc-hint">
                {trans.__(
                  'A clone shares its files with the original until one of them changes, so it takes little room.'
                )}
              </p>
            </>
          )}
          {draft.source !== 'clone' && (
            <ChannelFields draft={draft} list={list} speech={speech} onChange={change} />
          )}
          <KernelFields draft={draft} speech={speech} onChange={change} />
        </fieldset>
      )}
      {step === 'planning' && <Busy text={trans.__('Finding versions that fit…')} />}
      {step === 'making' && <Busy text={trans.__('Beginning…')} />}
      {tried && lack !== null && <Failure text={lack} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}

interface IFieldsProps {
  draft: IDraft;
  speech: Speech;
  onChange(part: Partial<IDraft>): void;
}

function Choice({
  draft,
  speech,
  canClone,
  onChange
}: Pick<IFieldsProps, 'draft' | 'speech'> & {
  canClone: boolean;
  onChange(source: Source): void;
}): JSX.Element {
  const { trans } = speech;
  const choices: readonly [Source, string, boolean][] = [
    ['packages', trans.__('From packages'), true],
    ['file', trans.__('From a file'), true],
    ['clone', trans.__('As a clone'), canClone]
  ];
  return (
    <div className="jp-Lcc-segments" role="radiogroup" aria-label={trans.__('How it is made')}>
      {choices.map(([source, label, can]) => (
        <label key={source} className={draft.source === source ? 'jp-mod-on' : ''}>
          <input
            type="radio"
            name="jp-Lcc-source"
            className="jp-Lcc-hidden"
            checked={draft.source === source}
            disabled={!can}
            onChange={() => onChange(source)}
          />
          {label}
        </label>
      ))}
    </div>
  );
}

function PackageFields({
  draft,
  speech,
  onChange,
  complete
}: IFieldsProps & { complete(query: string): Promise<Names> }): JSX.Element {
  const { trans } = speech;
  return (
    <>
      <label className="jp-Lcc-label" htmlFor="jp-Lcc-createPackages">
        {trans.__('Packages')}
      </label>
      <PackageInput
        id="jp-Lcc-createPackages"
        label={trans.__('Packages')}
        placeholder={trans.__('numpy, pandas>=2, python=3.12 …')}
        speech={speech}
        specs={draft.packages}
        pending={draft.packageText}
        onPending={packageText => onChange({ packageText })}
        onAdd={specs => onChange({ packages: mergeSpecs(draft.packages, specs), packageText: '' })}
        onRemove={spec => onChange({ packages: draft.packages.filter(other => other !== spec) })}
        complete={complete}
      />
      <details className="jp-Lcc-details" open={draft.pip.length > 0}>
        <summary>{trans.__('Packages from pip')}</summary>
        <PackageInput
          id="jp-Lcc-createPip"
          label={trans.__('Packages from pip')}
          placeholder={trans.__('what the channels don’t have')}
          speech={speech}
          specs={draft.pip}
          pending={draft.pipText}
          onPending={pipText => onChange({ pipText })}
          onAdd={specs => onChange({ pip: mergeSpecs(draft.pip, specs), pipText: '' })}
          onRemove={spec => onChange({ pip: draft.pip.filter(other => other !== spec) })}
          complete={null}
        />
      </details>
    </>
  );
}

function ChannelFields({
  draft,
  list,
  speech,
  onChange
}: IFieldsProps & { list: EnvironmentList | null }): JSX.Element {
  const { trans } = speech;
  const own = list?.channels.defaults ?? [];
  const allowed = list?.channels.allowed ?? null;
  const shown = draft.channels ?? own;
  return (
    <details className="jp-Lcc-details" open={draft.channels !== null}>
      <summary>{trans.__('Channels: %1', shown.length > 0 ? shown.join(', ') : trans.__('none'))}</summary>
      <PackageInput
        id="jp-Lcc-createChannels"
        label={trans.__('Channels, the first wins')}
        placeholder={trans.__('conda-forge')}
        speech={speech}
        specs={shown}
        pending={draft.channelText}
        onPending={channelText => onChange({ channelText })}
        onAdd={channels => onChange({ channels: [...new Set([...shown, ...channels])], channelText: '' })}
        onRemove={channel => onChange({ channels: shown.filter(other => other !== channel) })}
        complete={null}
      />
      <p className="jp-Lcc-hint">
        {allowed === null
          ? trans.__('Names or addresses; the first wins.')
          : trans.__('The administrator allows: %1', allowed.join(', '))}
      </p>
      {draft.channels !== null && (
        <button
          type="button"
          className="jp-Lcc-link"
          onClick={() => onChange({ channels: null, channelText: '' })}
        >
          {trans.__('Take your own channels again')}
        </button>
      )}
    </details>
  );
}

function KernelFields({ draft, speech, onChange }: IFieldsProps): JSX.Element {
  const { trans } = speech;
  return (
    <>
      <label className="jp-Lcc-never">
        <input
          type="checkbox"
          checked={draft.kernel}
          onChange={event => onChange({ kernel: event.target.checked })}
        />
        {trans.__('Register it as a kernel')}
      </label>
      <p className="jp-Lcc-hint">
        {draft.kernel
          ? trans.__('Notebooks can use it at once. ipykernel is added where it is missing.')
          : trans.__('It can be registered later.')}
      </p>
      {draft.kernel && (
        <details className="jp-Lcc-details" open={draft.displayName !== ''}>
          <summary>{trans.__('Name of the kernel')}</summary>
          <input
            className="jp-Lcc-input jp-Lcc-wide"
            aria-label={trans.__('Name of the kernel')}
            maxLength={200}
            placeholder={trans.__('Python (%1)', draft.name === '' ? '…' : draft.name)}
            value={draft.displayName}
            onChange={event => onChange({ displayName: event.target.value })}
          />
        </details>
      )}
    </>
  );
}

function draftOf(wish: CreateWish, firstName: string): IDraft {
  return {
    source: wish.clone_of ? 'clone' : wish.file ? 'file' : 'packages',
    name: wish.name ?? '',
    named: false,
    packages: wish.packages ?? ['python'],
    packageText: '',
    pip: wish.pip ?? [],
    pipText: '',
    channels: wish.channels ?? null,
    channelText: '',
    cloneOf: wish.clone_of ?? firstName,
    file: wish.file ?? null,
    kernel: wish.register_kernel ?? true,
    displayName: wish.display_name ?? ''
  };
}

/** What somebody typed and didn't finish with Enter counts too. */
function wishOf(draft: IDraft): CreateWish {
  const kernel = {
    register_kernel: draft.kernel,
    ...(draft.kernel && draft.displayName.trim() !== '' ? { display_name: draft.displayName.trim() } : {})
  };
  const typed = splitSpecs(draft.channelText);
  const channels =
    draft.channels === null && typed.length === 0 ? {} : { channels: [...(draft.channels ?? []), ...typed] };
  switch (draft.source) {
    case 'packages': {
      const pip = mergeSpecs(draft.pip, splitSpecs(draft.pipText));
      return {
        name: draft.name,
        packages: [...mergeSpecs(draft.packages, splitSpecs(draft.packageText))],
        ...(pip.length > 0 ? { pip: [...pip] } : {}),
        ...channels,
        ...kernel
      };
    }
    case 'file':
      return { name: draft.name, file: draft.file, ...channels, ...kernel };
    case 'clone':
      return { name: draft.name, clone_of: draft.cloneOf, ...kernel };
  }
}

function lackOf({ trans }: Speech, draft: IDraft): string | null {
  if (draft.source === 'file' && draft.file === null) {
    return trans.__('Choose a file first.');
  }
  return null;
}
