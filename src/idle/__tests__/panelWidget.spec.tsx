import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { speechInEnglish } from '../../__tests__/fakes';
import { PanelWidget } from '../panelWidget';
import type { IPanelProps } from '../views/panel';

// Only the keyboard's way is looked at: what a real panel holds has tests of its own.
jest.mock('../views/panel', () => ({
  Panel: () => (
    <>
      <button>first</button>
      <button>second</button>
    </>
  )
}));

const frame = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 50));

describe('the keyboard, when the panel is opened', () => {
  let panel: PanelWidget;
  let elsewhere: HTMLInputElement;

  beforeEach(() => {
    elsewhere = document.body.appendChild(document.createElement('input'));
    panel = new PanelWidget({ speech: speechInEnglish() } as Omit<IPanelProps, 'visible'>);
  });

  afterEach(() => {
    panel.dispose();
    elsewhere.remove();
  });

  const open = (): void => {
    Widget.attach(panel, document.body);
    panel.activate();
    MessageLoop.flush();
  };
  const activated = async (): Promise<void> => {
    await frame();
    await frame();
  };
  const button = (text: string): HTMLButtonElement | undefined =>
    [...panel.node.querySelectorAll('button')].find(({ textContent }) => textContent === text);

  it('comes to the first thing in it, also where that is loaded later', async () => {
    open();
    await activated();
    expect(button('first')).toBeDefined();
    expect(document.activeElement).toBe(button('first'));
  });

  it('is left to a person who is in it already', async () => {
    open();
    await activated();
    button('second')?.focus();
    panel.activate();
    await activated();
    expect(document.activeElement).toBe(button('second'));
  });

  it('is left to a person who went elsewhere while it was loaded', async () => {
    open();
    expect(document.activeElement).toBe(panel.node);
    expect(button('first')).toBeUndefined();
    elsewhere.focus();
    await activated();
    expect(document.activeElement).toBe(elsewhere);
  });
});
