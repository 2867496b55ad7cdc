import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Names } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { splitSpecs } from '../specs';

interface IPackageInputProps {
  id: string;
  label: string;
  placeholder: string;
  speech: Speech;
  /** What was put in so far, shown as chips; left out where it is shown elsewhere. */
  specs?: readonly string[];
  disabled?: boolean;
  /** What wasn't made a chip yet, so that it isn't forgotten. */
  pending?: string;
  onPending?(text: string): void;
  onAdd(specs: readonly string[]): void;
  onRemove?(spec: string): void;
  /** Complete a name; null where there is nothing to complete from. */
  complete: ((query: string) => Promise<Names>) | null;
}

const PAUSE_MS = 120;

/** A name that is still being written: no version, no channel, no space after it. */
const UNFINISHED = /(?:^|[\s,])([A-Za-z0-9_][A-Za-z0-9_.-]*)$/;

/** A field for package specs, with names completed from the channels. A combobox with a list, as WAI-ARIA has it. */
export function PackageInput(props: IPackageInputProps): JSX.Element {
  const { id, label, placeholder, speech, specs = [], disabled, onAdd, onRemove, complete } = props;
  const { trans } = speech;
  const [own, setOwn] = React.useState('');
  const text = props.pending ?? own;
  const setText = props.onPending ?? setOwn;
  const { names, why, close } = useNames(text, complete);
  const [chosen, setChosen] = React.useState(-1);
  React.useEffect(() => setChosen(-1), [names]);
  const listId = `${id}-names`;
  const take = (taken: string): void => {
    const found = splitSpecs(taken);
    if (found.length > 0) {
      onAdd(found);
    }
    setText('');
    close();
  };
  const takeName = (name: string): void =>
    take(
      text.replace(UNFINISHED, (found, word: string) => found.slice(0, found.length - word.length) + name)
    );
  const onKeyDown = (event: React.KeyboardEvent<HTMLInputElement>): void => {
    if (event.nativeEvent.isComposing) {
      return;
    }
    const name = names[chosen];
    if (event.key === 'ArrowDown' && names.length > 0) {
      event.preventDefault();
      setChosen((chosen + 1) % names.length);
    } else if (event.key === 'ArrowUp' && names.length > 0) {
      event.preventDefault();
      setChosen(chosen <= 0 ? names.length - 1 : chosen - 1);
    } else if (event.key === 'Escape' && names.length > 0) {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === 'Enter') {
      event.preventDefault(); // or the form is sent before its plan was looked at
      if (name !== undefined) {
        takeName(name);
      } else if (text.trim() !== '') {
        take(text);
      }
    } else if (event.key === 'Backspace' && text === '' && onRemove) {
      const last = specs[specs.length - 1];
      if (last !== undefined) {
        onRemove(last);
      }
    }
  };
  const open = names.length > 0;
  return (
    <div className="jp-Lcc-specs">
      <div className="jp-Lcc-specsBox">
        {specs.map(spec => (
          <Chip
            key={spec}
            text={spec}
            label={trans.__('Take %1 out', spec)}
            onRemove={() => onRemove?.(spec)}
          />
        ))}
        <input
          id={id}
          className="jp-Lcc-specsInput"
          role="combobox"
          aria-label={label}
          aria-autocomplete="list"
          aria-expanded={open}
          aria-controls={open ? listId : undefined}
          aria-activedescendant={chosen >= 0 ? `${listId}-${chosen}` : undefined}
          autoCapitalize="none"
          autoComplete="off"
          autoCorrect="off"
          spellCheck={false}
          disabled={disabled}
          placeholder={specs.length === 0 ? placeholder : ''}
          value={text}
          onChange={event => setText(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={event => {
            const pasted = event.clipboardData.getData('text');
            if (/[\n\r]/.test(pasted)) {
              event.preventDefault();
              take(`${text} ${pasted}`);
            }
          }}
          onBlur={close}
        />
      </div>
      {open && (
        <ul
          className="jp-Lcc-names"
          id={listId}
          role="listbox"
          aria-label={trans.__('Packages in the channels')}
        >
          {names.map((name, index) => (
            <li
              key={name}
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === chosen}
              // Before the field loses the keyboard, which would close the list.
              onMouseDown={event => {
                event.preventDefault();
                takeName(name);
              }}
            >
              {name}
            </li>
          ))}
        </ul>
      )}
      {why !== null && <p className="jp-Lcc-hint">{trans.__('Names can’t be completed: %1', why)}</p>}
    </div>
  );
}

interface IChipProps {
  text: string;
  label: string;
  kind?: string;
  onRemove(): void;
}

/** One spec, with a button that takes it out. */
export function Chip({ text, label, kind = '', onRemove }: IChipProps): JSX.Element {
  return (
    <span className={`jp-Lcc-chip ${kind}`}>
      <span className="jp-Lcc-chipText">{text}</span>
      <button type="button" className="jp-Lcc-chipButton" aria-label={label} title={label} onClick={onRemove}>
        <closeIcon.react tag="span" />
      </button>
    </span>
  );
}

/** The names that fit what is being written, a moment after the last key. */
function useNames(
  text: string,
  complete: ((query: string) => Promise<Names>) | null
): { names: readonly string[]; why: string | null; close(): void } {
  const [found, setFound] = React.useState<{ names: readonly string[]; why: string | null }>(NOTHING);
  const asking = React.useRef(complete);
  asking.current = complete;
  const query = UNFINISHED.exec(text)?.[1] ?? '';
  React.useEffect(() => {
    setFound(before => ({ ...NOTHING, why: before.why }));
    if (query === '') {
      return undefined;
    }
    let meant = true;
    const timer = setTimeout(() => {
      asking.current?.(query).then(
        ({ names, complete: whole, why }) => {
          if (meant) {
            setFound({ names: names.slice(0, 8), why: whole ? null : why });
          }
        },
        (reason: unknown) => {
          if (meant) {
            setFound({ names: [], why: reason instanceof Error ? reason.message : String(reason) });
          }
        }
      );
    }, PAUSE_MS);
    return () => {
      meant = false;
      clearTimeout(timer);
    };
  }, [query]);
  return { ...found, close: () => setFound(before => ({ ...NOTHING, why: before.why })) };
}

const NOTHING: { names: readonly string[]; why: string | null } = { names: [], why: null };
