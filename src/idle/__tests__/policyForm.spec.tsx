import * as React from 'react';
import { createRoot, type Root } from 'react-dom/client';

import { aPolicy, aSetting, speechInEnglish } from '../../__tests__/fakes';
import { LccError } from '../../api/errors';
import type { ChangePolicy, Policy } from '../../api/generated';
import { changesOf, draftsOf, FIELDS, resetOf, secondsOf } from '../policyDraft';
import { PolicyForm } from '../views/policyForm';

describe('policyDraft', () => {
  it.each([
    [{ amount: '90', unit: 'min', never: false } as const, 5400],
    [{ amount: '1,5', unit: 'h', never: false } as const, 5400],
    [{ amount: '', unit: 'min', never: true } as const, 0],
    [{ amount: '', unit: 'min', never: false } as const, null],
    [{ amount: 'ten', unit: 'min', never: false } as const, null],
    [{ amount: '-1', unit: 's', never: false } as const, null]
  ])('reads %j as %s seconds', (draft, seconds) => {
    expect(secondsOf(draft)).toBe(seconds);
  });

  it('writes each value in the largest unit that fits', () => {
    const drafts = draftsOf(aPolicy({ warn_seconds: aSetting(90), waiting_timeout_seconds: aSetting(0) }));
    expect(drafts).toEqual({
      kernel_timeout_seconds: { amount: '1', unit: 'h', never: false },
      terminal_timeout_seconds: { amount: '1', unit: 'h', never: false },
      waiting_timeout_seconds: { amount: '', unit: 'min', never: true },
      instance_timeout_seconds: { amount: '2', unit: 'h', never: false },
      warn_seconds: { amount: '90', unit: 's', never: false }
    });
  });

  it('asks only for what was changed and is not locked', () => {
    const policy = aPolicy({ terminal_timeout_seconds: aSetting(60, { locked: true }) });
    const drafts = {
      ...draftsOf(policy),
      kernel_timeout_seconds: { amount: '10', unit: 'min', never: false },
      terminal_timeout_seconds: { amount: '10', unit: 'min', never: false }
    } as const;
    expect(changesOf(drafts, policy)).toEqual({ changes: { kernel_timeout_seconds: 600 }, refused: {} });
  });

  it('gives back only what a person chose', () => {
    expect(resetOf(aPolicy())).toBeNull();
    expect(resetOf(aPolicy({ warn_seconds: aSetting(20, { source: 'user' }) }))).toEqual({
      warn_seconds: null
    });
  });
});

describe('PolicyForm', () => {
  let host: HTMLElement;
  let root: Root;

  beforeEach(() => {
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
  });

  afterEach(() => {
    React.act(() => root.unmount());
    host.remove();
  });

  const show = (policy: Policy, onSave: (changes: ChangePolicy) => Promise<void>): void => {
    React.act(() =>
      root.render(<PolicyForm policy={policy} fields={FIELDS} speech={speechInEnglish()} onSave={onSave} />)
    );
  };
  const field = (title: string): HTMLFieldSetElement => {
    const found = [...host.querySelectorAll('fieldset')].find(each => each.textContent?.startsWith(title));
    if (!found) {
      throw new Error(`no field ${title}`);
    }
    return found;
  };
  const write = (title: string, text: string): void => {
    const input = field(title).querySelector<HTMLInputElement>('input:not([type=checkbox])');
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
    React.act(() => {
      set?.call(input, text);
      input?.dispatchEvent(new Event('input', { bubbles: true }));
    });
  };
  const save = async (): Promise<void> => {
    await React.act(async () => {
      host.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    });
  };

  it('saves what was changed', async () => {
    const onSave = jest.fn(async () => undefined);
    show(aPolicy(), onSave);
    write('Shut an idle kernel down after', '2');
    await save();
    expect(onSave).toHaveBeenCalledWith({ kernel_timeout_seconds: 7200 });
    expect(host.textContent).toContain('Saved.');
  });

  it('shows the bounds of a refusal at its field', async () => {
    const detail = { field: 'warn_seconds', min: 10, max: 600, never_allowed: false };
    show(aPolicy(), () => Promise.reject(new LccError('out_of_bounds', 'no', detail, 422)));
    write('Warn before a shutdown for', '1');
    await save();
    const told = field('Warn before a shutdown for').querySelector('[role=alert]');
    expect(told?.textContent).toBe('From 10 s to 10 min is allowed.');
    const input = field('Warn before a shutdown for').querySelector('input');
    expect(input?.getAttribute('aria-invalid')).toBe('true');
    expect(input?.getAttribute('aria-errormessage')).toBe(told?.id);
  });

  it('says what only the administrator can change', async () => {
    show(aPolicy(), () =>
      Promise.reject(new LccError('locked', 'no', { field: 'kernel_timeout_seconds' }, 403))
    );
    write('Shut an idle kernel down after', '5');
    await save();
    expect(field('Shut an idle kernel down after').textContent).toContain(
      'Only the administrator can change this.'
    );
  });

  it('does not send what is not a number', async () => {
    const onSave = jest.fn(async () => undefined);
    show(aPolicy(), onSave);
    write('Shut an idle kernel down after', 'soon');
    await save();
    expect(onSave).not.toHaveBeenCalled();
    expect(field('Shut an idle kernel down after').textContent).toContain('Write a number.');
  });

  it('locks what the administrator set, and offers never only without an upper bound', () => {
    show(
      aPolicy({
        kernel_timeout_seconds: aSetting(600, { locked: true }),
        terminal_timeout_seconds: aSetting(600, { max: 900 })
      }),
      async () => undefined
    );
    expect(field('Shut an idle kernel down after').disabled).toBe(true);
    expect(field('Shut an idle kernel down after').textContent).toContain('Set by the administrator.');
    expect(field('Shut an idle terminal down after').querySelector('[type=checkbox]')).toBeNull();
    expect(field('Shut an idle terminal down after').textContent).toContain(
      'From 1 min to 15 min is allowed.'
    );
    expect(field('Shut down what waits').querySelector('[type=checkbox]')).not.toBeNull();
    expect(field('Warn before').querySelector('[type=checkbox]')).toBeNull();
  });
});
