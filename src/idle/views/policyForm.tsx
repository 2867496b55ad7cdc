import * as React from 'react';

import { asLccError, type LccError } from '../../api/errors';
import type { ChangePolicy, Policy } from '../../api/generated';
import {
  changesOf,
  draftsOf,
  fieldOf,
  FIELDS,
  resetOf,
  type Drafts,
  type Field,
  type IDraft,
  type Refusal
} from '../policyDraft';
import { errorOf, type Speech } from '../words';
import { PolicyField } from './policyField';

export interface IPolicyFormProps {
  policy: Policy;
  fields: readonly Field[];
  speech: Speech;
  /** Rejects with `LccError`. */
  onSave(changes: ChangePolicy): Promise<void>;
}

/** The limits, each with its bounds and its source. The server alone decides what is allowed. */
export function PolicyForm({ policy, fields, speech, onSave }: IPolicyFormProps): JSX.Element {
  const { trans } = speech;
  const [drafts, setDrafts] = React.useState<Drafts>(() => draftsOf(policy));
  const [refused, setRefused] = React.useState<Partial<Record<Field, Refusal>>>({});
  const [error, setError] = React.useState<LccError | null>(null);
  const [said, setSaid] = React.useState('');
  const values = FIELDS.map(field => policy[field].value).join();
  React.useEffect(() => {
    setDrafts(draftsOf(policy)); // changed here or elsewhere: what holds now is shown
  }, [values]);

  const edit = (field: Field, draft: IDraft): void => {
    setDrafts({ ...drafts, [field]: draft });
    setRefused({ ...refused, [field]: undefined });
    setSaid('');
  };
  const send = async (changes: ChangePolicy): Promise<void> => {
    setError(null);
    setRefused({});
    try {
      await onSave(changes);
      setSaid(trans.__('Saved.'));
    } catch (reason) {
      const problem = asLccError(reason);
      const field = fieldOf(problem);
      if (field) {
        setRefused({ [field]: problem });
      } else {
        setError(problem);
      }
    }
  };
  const save = (event: React.FormEvent): void => {
    event.preventDefault();
    setSaid('');
    const { changes, refused: unreadable } = changesOf(drafts, policy);
    setRefused(unreadable);
    if (Object.keys(unreadable).length > 0) {
      return;
    }
    if (Object.keys(changes).length === 0) {
      setSaid(trans.__('Nothing was changed.'));
      return;
    }
    void send(changes);
  };
  const reset = resetOf(policy);

  return (
    <form className="jp-Lcc-form" aria-label={trans.__('Limits')} noValidate onSubmit={save}>
      {fields.map(field => (
        <PolicyField
          key={field}
          field={field}
          setting={policy[field]}
          draft={drafts[field]}
          refusal={refused[field] ?? null}
          speech={speech}
          onEdit={draft => edit(field, draft)}
        />
      ))}
      {error && (
        <p className="jp-Lcc-error" role="alert">
          {errorOf(speech, error)}
        </p>
      )}
      <div className="jp-Lcc-formButtons">
        <button type="submit" className="jp-Lcc-button jp-mod-accept">
          {trans.__('Save')}
        </button>
        <button
          type="button"
          className="jp-Lcc-button"
          disabled={!reset}
          onClick={() => reset && void send(reset)}
        >
          {trans.__('Reset to default')}
        </button>
        <span className="jp-Lcc-hint" role="status">
          {said}
        </span>
      </div>
    </form>
  );
}
