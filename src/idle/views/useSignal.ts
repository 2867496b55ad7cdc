import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

/** Render again whenever a signal is emitted. */
export function useSignal<T extends object>(signal: ISignal<T, void>): void {
  const [, render] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const owner = {};
    signal.connect(render, owner);
    return () => {
      signal.disconnect(render, owner);
    };
  }, [signal]);
}

/** Render again each second, while `on`. */
export function useTick(on: boolean): void {
  const [, render] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    if (!on) {
      return undefined;
    }
    const timer = setInterval(render, 1000);
    return () => clearInterval(timer);
  }, [on]);
}
