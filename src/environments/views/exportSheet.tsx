import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { Export } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { problemWords } from '../words';

type Form = 'asked' | 'all' | 'explicit' | 'lock';

interface IExportSheetProps {
  name: string;
  speech: Speech;
  read(format: 'yaml' | 'explicit' | 'lock', all: boolean): Promise<Export>;
  save(file: Export): void;
  copy(text: string): void;
  onClose(): void;
}

/** An environment as a file: choose the form, look at it, keep it. */
export function ExportSheet({ name, speech, read, save, copy, onClose }: IExportSheetProps): JSX.Element {
  const { trans } = speech;
  const [form, setForm] = React.useState<Form>('asked');
  const [file, setFile] = React.useState<Export | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  const [copied, setCopied] = React.useState(false);
  const alive = useAlive();
  React.useEffect(() => {
    let meant = true;
    setFile(null);
    setProblem(null);
    setCopied(false);
    read(form === 'asked' || form === 'all' ? 'yaml' : form, form === 'all').then(
      answer => meant && alive.current && setFile(answer),
      reason => meant && alive.current && setProblem(problemWords(speech, asLccError(reason)))
    );
    return () => {
      meant = false;
    };
  }, [form]);
  const forms: readonly [Form, string, string][] = [
    [
      'asked',
      trans.__('environment.yml, what was asked for'),
      trans.__('For other machines: versions are found anew.')
    ],
    ['all', trans.__('environment.yml, everything'), trans.__('With all versions as they are.')],
    ['explicit', trans.__('Explicit list'), trans.__('The exact packages, for the same kind of machine.')],
    ['lock', trans.__('Lock file'), trans.__('The exact packages with pip’s, as pixi writes it.')]
  ];
  return (
    <SheetFrame
      title={trans.__('Export %1', name)}
      speech={speech}
      onClose={onClose}
      onSubmit={() => {
        if (file) {
          save(file);
          onClose();
        }
      }}
      footer={
        <>
          <button
            type="button"
            className="jp-Lcc-button"
            disabled={file === null}
            onClick={() => {
              copy(file?.text ?? '');
              setCopied(true);
            }}
          >
            {copied ? trans.__('Copied') : trans.__('Copy')}
          </button>
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <button type="submit" className="jp-Lcc-button jp-mod-primary" disabled={file === null}>
            {trans.__('Download')}
          </button>
        </>
      }
    >
      <div role="radiogroup" aria-label={trans.__('Form')} className="jp-Lcc-forms">
        {forms.map(([value, label, hint], index) => (
          <label key={value} className="jp-Lcc-formChoice">
            <input
              type="radio"
              name="jp-Lcc-form"
              data-first={index === 0}
              checked={form === value}
              onChange={() => setForm(value)}
            />
            <span>
              {label}
              <span className="jp-Lcc-hint jp-Lcc-block">{hint}</span>
            </span>
          </label>
        ))}
      </div>
      {file === null && problem === null && <Busy text={trans.__('Writing it down…')} />}
      {file?.notes.map(note => (
        <p key={note} className="jp-Lcc-hint">
          {note}
        </p>
      ))}
      {file && (
        <pre className="jp-Lcc-log" tabIndex={0} aria-label={file.file_name}>
          {file.text}
        </pre>
      )}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}
