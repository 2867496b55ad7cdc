import * as React from 'react';

import type { Finding } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy } from '../../sheet';
import type { ILoaded } from '../model';
import { findingWords, fixWords, levelWords, problemWords } from '../words';

interface IHealthProps {
  name: string;
  findings: ILoaded<readonly Finding[]> | null;
  speech: Speech;
  canFix: boolean;
  onFix(fix: string): void;
  onCheck(): void;
}

/** What the doctor found, and what can be done. */
export function Health({ name, findings, speech, canFix, onFix, onCheck }: IHealthProps): JSX.Element {
  const { trans } = speech;
  const found = findings?.value ?? null;
  const again = (
    <button className="jp-Lcc-button" disabled={findings?.loading === true} onClick={onCheck}>
      {trans.__('Check again')}
    </button>
  );
  if (findings?.error) {
    return (
      <div className="jp-Lcc-problems" role="status">
        <p>{problemWords(speech, findings.error)}</p>
        {again}
      </div>
    );
  }
  if (found === null || findings?.loading) {
    return <Busy text={trans.__('Looking at %1…', name)} />;
  }
  return (
    <div className="jp-Lcc-health">
      {found.length === 0 && (
        <p className="jp-Lcc-well" role="status">
          {trans.__('Nothing is wrong: its files are whole and its kernel can start.')}
        </p>
      )}
      <ul className="jp-Lcc-list" aria-label={trans.__('What was found in %1', name)}>
        {found.map((finding, index) => {
          const { message, advice } = findingWords(speech, finding);
          return (
            <li key={`${finding.code} ${index}`} className={`jp-Lcc-finding jp-mod-${finding.level}`}>
              <p>
                <strong>{levelWords(speech, finding)}</strong> {message}
              </p>
              {advice !== '' && <p className="jp-Lcc-hint">{advice}</p>}
              {finding.fix !== null && canFix && (
                <button className="jp-Lcc-button jp-mod-accept" onClick={() => onFix(finding.fix ?? '')}>
                  {fixWords(speech, finding.fix)}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {again}
    </div>
  );
}
