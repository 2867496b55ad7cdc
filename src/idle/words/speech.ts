import type { TranslationBundle } from '@jupyterlab/translation';

import type { IdleView } from '../../api/generated';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY_MS = 24 * HOUR * 1000;

/** A browser's clock that differs more than this from the server's is set right before a time is shown. */
const SKEW_WORTH_MENDING_MS = 30_000;

/**
 * How this panel speaks: translated sentences, durations and times of day.
 */
export class Speech {
  constructor(
    readonly trans: TranslationBundle,
    private readonly _locale: string,
    /** Gives the server's clock minus the browser's, in milliseconds. */
    private readonly _skewMs: () => number = () => 0
  ) {}

  /** Say a duration, e.g. "42 min" or "1 h 20 min"; seconds only below a minute. */
  duration(seconds: number): string {
    const { trans } = this;
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < MINUTE) {
      return trans.__('%1 s', whole);
    }
    if (whole < HOUR) {
      return trans.__('%1 min', Math.floor(whole / MINUTE));
    }
    const hours = Math.floor(whole / HOUR);
    const minutes = Math.floor((whole % HOUR) / MINUTE);
    if (minutes === 0 || hours >= 48) {
      return trans.__('%1 h', hours);
    }
    return trans.__('%1 h %2 min', hours, minutes);
  }

  /** Say a duration to the second, e.g. a limit of "1 min 30 s". */
  exactDuration(seconds: number): string {
    const rest = seconds % MINUTE;
    if (seconds < MINUTE || rest === 0) {
      return this.duration(seconds);
    }
    if (seconds < HOUR) {
      return this.trans.__('%1 min %2 s', Math.floor(seconds / MINUTE), rest);
    }
    return this.trans.__(
      '%1 h %2 min %3 s',
      Math.floor(seconds / HOUR),
      Math.floor((seconds % HOUR) / MINUTE),
      rest
    );
  }

  /** Say what is left as a countdown, e.g. "4:59". */
  countdown(seconds: number): string {
    const left = Math.max(0, Math.ceil(seconds));
    const hours = Math.floor(left / HOUR);
    const parts = [Math.floor((left % HOUR) / MINUTE), left % MINUTE].map(part =>
      String(part).padStart(2, '0')
    );
    return hours > 0 ? [hours, ...parts].join(':') : [String(Number(parts[0])), parts[1]].join(':');
  }

  /** Say a time of day, with the weekday or date if it isn't today. */
  clock(at: string, now: Date): string {
    const skew = this._skewMs();
    const mended = Math.abs(skew) > SKEW_WORTH_MENDING_MS ? skew : 0;
    const local = new Date(Date.parse(at) - mended);
    const today = new Date(now.getTime() - mended);
    if (local.toDateString() === today.toDateString()) {
      return local.toLocaleTimeString(this._locale, { timeStyle: 'short' });
    }
    const time: Intl.DateTimeFormatOptions = { hour: 'numeric', minute: '2-digit' };
    const days = Math.abs(local.getTime() - today.getTime()) / DAY_MS;
    const day: Intl.DateTimeFormatOptions =
      days < 6 ? { weekday: 'short' } : { month: 'short', day: 'numeric' };
    return local.toLocaleString(this._locale, { ...day, ...time });
  }

  /** Say an amount of memory. */
  bytes(count: number): string {
    const { trans } = this;
    if (count >= 1e9) {
      return trans.__('%1 GB', this.number(count / 1e9, 1));
    }
    if (count >= 1e6) {
      return trans.__('%1 MB', this.number(count / 1e6, 0));
    }
    return count >= 1e3 ? trans.__('%1 kB', this.number(count / 1e3, 0)) : trans.__('%1 bytes', count);
  }

  /** Say an amount of US dollars; cents only below a hundred. */
  money(dollars: number): string {
    return dollars.toLocaleString(this._locale, {
      style: 'currency',
      currency: 'USD',
      currencyDisplay: 'narrowSymbol',
      maximumFractionDigits: dollars >= 100 ? 0 : 2,
      minimumFractionDigits: dollars >= 100 ? 0 : 2
    });
  }

  /** Write a number with at most so many decimals. */
  number(value: number, decimals: number): string {
    return value.toLocaleString(this._locale, { maximumFractionDigits: decimals });
  }
}

/** Seconds until a time, counted on the server's clock. */
export function secondsUntil(at: string, now: Date): number {
  return (Date.parse(at) - now.getTime()) / 1000;
}

/** Seconds since the answer was taken. */
export function ageOf(view: IdleView, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(view.taken_at)) / 1000);
}
