import * as React from 'react';

import type { EnvironmentFile } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { kindOfFile, MOST_FILE } from '../specs';

interface IDropZoneProps {
  file: EnvironmentFile | null;
  speech: Speech;
  onFile(file: EnvironmentFile): void;
  onRefused(why: string): void;
}

/** Where a file is dropped or chosen, and what was read. */
export function DropZone({ file, speech, onFile, onRefused }: IDropZoneProps): JSX.Element {
  const { trans } = speech;
  const [over, setOver] = React.useState(false);
  const input = React.useRef<HTMLInputElement>(null);
  const read = async (given: File | undefined): Promise<void> => {
    if (!given) {
      return;
    }
    if (given.size > MOST_FILE) {
      onRefused(trans.__('The file is too large: at most %1 are read.', speech.bytes(MOST_FILE)));
      return;
    }
    try {
      onFile({ name: given.name, text: await given.text() });
    } catch (reason) {
      onRefused(trans.__('The file can’t be read: %1', String(reason)));
    }
  };
  return (
    <div
      className={over ? 'jp-Lcc-drop jp-mod-over' : 'jp-Lcc-drop'}
      onDragOver={event => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={event => {
        event.preventDefault();
        setOver(false);
        void read(event.dataTransfer.files[0]);
      }}
    >
      <p>
        {trans.__(
          'Drop a file here: environment.yml, requirements.txt, an explicit list, conda-lock.yml or pixi.lock.'
        )}
      </p>
      <button type="button" className="jp-Lcc-button" onClick={() => input.current?.click()}>
        {file ? trans.__('Choose another file…') : trans.__('Choose a file…')}
      </button>
      <input
        ref={input}
        className="jp-Lcc-hidden"
        type="file"
        tabIndex={-1}
        aria-label={trans.__('File')}
        accept=".yml,.yaml,.txt,.lock"
        onChange={event => void read(event.target.files?.[0])}
      />
      {file && (
        <div className="jp-Lcc-dropped" role="status">
          <p>
            <strong>{file.name}</strong> – {kindWords(speech, file)}
          </p>
          <pre className="jp-Lcc-command" tabIndex={0} aria-label={trans.__('Beginning of the file')}>
            {file.text.split('\n').slice(0, 8).join('\n')}
          </pre>
        </div>
      )}
    </div>
  );
}

function kindWords({ trans }: Speech, file: EnvironmentFile): string {
  switch (kindOfFile(file)) {
    case 'yaml':
      return trans.__('an environment.yml');
    case 'requirements':
      return trans.__('requirements of pip');
    case 'explicit':
      return trans.__('an explicit list: exactly these packages');
    case 'lock':
      return trans.__('a lock file: exactly these packages');
    case null:
      return trans.__('the server finds out what it is');
  }
}
