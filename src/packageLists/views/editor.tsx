import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { CheckedText, TextProblem } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { problemWords } from '../problems';
import { refusalWords } from '../words';

/** How long after the last key a text is looked at. */
export const PAUSE_MS = 250;

/** What the server says of a text; `of` is the text it was said of. */
export interface IValidation {
  readonly of: string;
  readonly checked: CheckedText | null;
  readonly problem: string | null;
}

/** Let the server look at a text whenever somebody has stopped typing; null: it hasn't looked at this one yet. */
export function useValidation(
  text: string,
  validate: (text: string) => Promise<CheckedText>,
  speech: Speech
): IValidation | null {
  const [found, setFound] = React.useState<IValidation | null>(null);
  React.useEffect(() => {
    let meant = true;
    const timer = setTimeout(() => {
      validate(text).then(
        checked => meant && setFound({ of: text, checked, problem: null }),
        reason =>
          meant && setFound({ of: text, checked: null, problem: problemWords(speech, asLccError(reason)) })
      );
    }, PAUSE_MS);
    return () => {
      meant = false;
      clearTimeout(timer);
    };
  }, [text]);
  return found;
}

/** Whether what was found forbids to publish this text. What isn't known yet, the server decides. */
export function isRefused(validation: IValidation | null, text: string): boolean {
  return (
    validation !== null &&
    validation.of === text &&
    (validation.checked?.problems ?? []).some(({ level }) => level === 'error')
  );
}

interface IEditorProps {
  id: string;
  label: string;
  text: string;
  validation: IValidation | null;
  disabled?: boolean;
  speech: Speech;
  onChange(text: string): void;
}

/** A text with its line numbers, and what is wrong with it below; each problem leads to its line. */
export function Editor({
  id,
  label,
  text,
  validation,
  disabled,
  speech,
  onChange
}: IEditorProps): JSX.Element {
  const { trans } = speech;
  const field = React.useRef<HTMLTextAreaElement>(null);
  const gutter = React.useRef<HTMLDivElement>(null);
  const problems = validation?.checked?.problems ?? [];
  const levels = new Map<number, TextProblem['level']>();
  for (const { line, level } of problems) {
    if (line !== null && levels.get(line) !== 'error') {
      levels.set(line, level);
    }
  }
  const go = (line: number): void => {
    const node = field.current;
    if (node) {
      const lines = text.split('\n');
      const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
      node.focus();
      node.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
      node.scrollTop = (node.scrollHeight / lines.length) * Math.max(0, line - 3);
    }
  };
  return (
    <div className="jp-Lcc-editor">
      <label className="jp-Lcc-label" htmlFor={id}>
        {label}
      </label>
      <div className="jp-Lcc-editorBox">
        <div className="jp-Lcc-gutter" ref={gutter} aria-hidden="true">
          {text.split('\n').map((_, index) => (
            <div key={index} className={`jp-mod-${levels.get(index + 1) ?? 'fine'}`}>
              {index + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={field}
          id={id}
          className="jp-Lcc-editorText"
          data-first
          wrap="off"
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          rows={14}
          disabled={disabled}
          value={text}
          aria-invalid={isRefused(validation, text)}
          aria-describedby={`${id}-problems`}
          onChange={event => onChange(event.target.value)}
          onScroll={event => {
            if (gutter.current) {
              gutter.current.scrollTop = event.currentTarget.scrollTop;
            }
          }}
        />
      </div>
      <div id={`${id}-problems`} className="jp-Lcc-editorProblems" role="status">
        {validation?.problem && <p>{validation.problem}</p>}
        {validation?.checked && problems.length === 0 && (
          <p className="jp-Lcc-well">{understoodWords(speech, validation.checked)}</p>
        )}
        {problems.length > 0 && (
          <ul className="jp-Lcc-list" aria-label={trans.__('What is wrong')}>
            {problems.map((problem, index) => (
              <li key={index} className={`jp-Lcc-finding jp-mod-${problem.level}`}>
                <span>
                  {problem.line !== null && (
                    <button
                      type="button"
                      className="jp-Lcc-link"
                      onClick={() => problem.line !== null && go(problem.line)}
                    >
                      {trans.__('Line %1', problem.line)}
                    </button>
                  )}{' '}
                  {problem.rule === null
                    ? problem.message
                    : refusalWords(speech, { message: problem.message, rule: problem.rule })}
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function understoodWords({ trans }: Speech, { understood }: CheckedText): string {
  const conda = Object.keys(understood?.conda ?? {}).length;
  const pip = Object.keys(understood?.pip ?? {}).length;
  return trans.__('Nothing is wrong with it: %1 from conda, %2 from pip.', conda, pip);
}

interface IMessageProps {
  id: string;
  message: string;
  speech: Speech;
  onChange(message: string): void;
}

/** Why something is published; others read it in the history. */
export function MessageField({ id, message, speech, onChange }: IMessageProps): JSX.Element {
  const { trans } = speech;
  return (
    <>
      <label className="jp-Lcc-label" htmlFor={id}>
        {trans.__('Message')}
      </label>
      <input
        id={id}
        className="jp-Lcc-input jp-Lcc-wide"
        maxLength={500}
        placeholder={trans.__('what has changed, and why')}
        value={message}
        onChange={event => onChange(event.target.value)}
      />
    </>
  );
}
