import * as React from 'react';

import type { DurationSetting } from '../../api/generated';
import { mayBeNever, type Field, type IDraft, type Refusal, type Unit } from '../policyDraft';
import { boundsOf, errorOf, limitSourceOf, type Speech } from '../words';

interface IPolicyFieldProps {
  field: Field;
  setting: DurationSetting;
  draft: IDraft;
  refusal: Refusal | null;
  speech: Speech;
  onEdit(draft: IDraft): void;
}

/** One limit: an amount with its unit, "never" where that is allowed, its bounds and its source. */
export function PolicyField({
  field,
  setting,
  draft,
  refusal,
  speech,
  onEdit
}: IPolicyFieldProps): JSX.Element {
  const { trans } = speech;
  const id = `jp-Lcc-field-${field}`;
  const never = mayBeNever(field, setting);
  const locked = setting.locked;
  return (
    <fieldset className="jp-Lcc-field" disabled={locked}>
      <legend>{titleOf(speech, field)}</legend>
      <div className="jp-Lcc-fieldRow">
        <input
          id={id}
          className="jp-Lcc-input"
          inputMode="decimal"
          aria-label={trans.__('Amount')}
          aria-describedby={`${id}-hint`}
          aria-errormessage={refusal ? `${id}-error` : undefined}
          aria-invalid={refusal !== null}
          disabled={locked || draft.never}
          value={draft.amount}
          onChange={event => onEdit({ ...draft, amount: event.target.value })}
        />
        <select
          className="jp-Lcc-input"
          aria-label={trans.__('Unit')}
          disabled={locked || draft.never}
          value={draft.unit}
          onChange={event => onEdit({ ...draft, unit: unitOf(event.target.value) })}
        >
          <option value="s">{trans.__('seconds')}</option>
          <option value="min">{trans.__('minutes')}</option>
          <option value="h">{trans.__('hours')}</option>
        </select>
        {never && (
          <label className="jp-Lcc-never">
            <input
              type="checkbox"
              checked={draft.never}
              onChange={event => onEdit({ ...draft, never: event.target.checked })}
            />
            {trans.__('never')}
          </label>
        )}
      </div>
      <span className="jp-Lcc-hint" id={`${id}-hint`}>
        {locked
          ? setting.rule
            ? trans.__('Set by the administrator: %1.', limitSourceOf(speech, setting.source, setting.rule))
            : trans.__('Set by the administrator.')
          : trans.__(
              '%1 Now: %2, %3.',
              boundsOf(speech, setting.min, setting.max, never),
              setting.value === 0 ? trans.__('never') : speech.exactDuration(setting.value),
              limitSourceOf(speech, setting.source, setting.rule)
            )}
      </span>
      {refusal && (
        <span className="jp-Lcc-error" id={`${id}-error`} role="alert">
          {refusal === 'not_a_number' ? trans.__('Write a number.') : errorOf(speech, refusal)}
        </span>
      )}
    </fieldset>
  );
}

function titleOf({ trans }: Speech, field: Field): string {
  switch (field) {
    case 'kernel_timeout_seconds':
      return trans.__('Shut an idle kernel down after');
    case 'terminal_timeout_seconds':
      return trans.__('Shut an idle terminal down after');
    case 'waiting_timeout_seconds':
      return trans.__('Shut down what waits for an answer after');
    case 'instance_timeout_seconds':
      return trans.__('Stop the idle machine after');
    case 'warn_seconds':
      return trans.__('Warn before a shutdown for');
  }
}

function unitOf(value: string): Unit {
  return value === 's' || value === 'h' ? value : 'min';
}
