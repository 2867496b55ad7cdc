import * as React from 'react';

interface IProgressBarProps {
  /** From 0 to 1; null where it can't be told. */
  fraction: number | null;
  label: string;
  /** What a screen reader says instead of a percentage. */
  text: string;
}

/** How far something is. */
export function ProgressBar({ fraction, label, text }: IProgressBarProps): JSX.Element {
  const percent = fraction === null ? null : Math.round(fraction * 100);
  return (
    <div
      className={percent === null ? 'jp-Lcc-progress jp-mod-unknown' : 'jp-Lcc-progress'}
      role="progressbar"
      aria-label={label}
      aria-valuetext={text}
      {...(percent === null ? {} : { 'aria-valuenow': percent, 'aria-valuemin': 0, 'aria-valuemax': 100 })}
    >
      <div className="jp-Lcc-progressBar" style={percent === null ? {} : { width: `${percent}%` }} />
    </div>
  );
}
