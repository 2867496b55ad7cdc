import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { deferred } from '../deferred';
import { lifeCycleIcon } from '../icons';
import type { IPanelProps } from './views/panel';

export const PANEL_ID = 'jupyter-lcc-panel';

/** What is in the panel, once it is opened. */
const Deferred = deferred(() => import(/* webpackChunkName: "panel" */ './views/panel'));

/** The panel as JupyterLab's sidebar takes it. */
export class PanelWidget extends ReactWidget {
  constructor(private readonly _props: Omit<IPanelProps, 'visible'>) {
    super();
    const { trans } = this._props.speech;
    this.id = PANEL_ID;
    this.addClass('jp-Lcc-Panel');
    this.title.icon = lifeCycleIcon;
    this.title.caption = trans.__('Life cycle');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Life cycle'));
  }

  protected override render(): JSX.Element {
    this._wasVisible ||= this.isVisible;
    if (!this._wasVisible) {
      return <></>;
    }
    return (
      <Deferred speech={this._props.speech} onShown={() => this._onShown()}>
        {({ Panel }) => <Panel {...this._props} visible={this.isVisible} />}
      </Deferred>
    );
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.update();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.update();
  }

  /** Bring the keyboard to the first thing in the panel; where nothing is there yet, to the panel till it is. */
  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    if (!this._hasKeyboardInside()) {
      (this._first() ?? this.node).focus();
    }
  }

  /** Nobody who went elsewhere meanwhile is called back. */
  private _onShown(): void {
    if (document.activeElement === this.node) {
      this._first()?.focus();
    }
  }

  private _first(): HTMLElement | null {
    return this.node.querySelector<HTMLElement>('.jp-Lcc-groupToggle, button');
  }

  private _hasKeyboardInside(): boolean {
    const { activeElement } = document;
    return activeElement !== this.node && this.node.contains(activeElement);
  }

  private _wasVisible = false;
}
