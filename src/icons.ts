import { LabIcon } from '@jupyterlab/ui-components';

/** A power switch whose bar is the hand of a clock. */
export const lifeCycleIcon = new LabIcon({
  name: 'jupyter-lcc:panel',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g fill="none" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><path class="jp-icon3" stroke="#616161" d="M7.4 5.3a8.2 8.2 0 1 0 9.2 0"/><path class="jp-icon3" stroke="#616161" d="M12 2.8V12l3.6 2.6"/></g></svg>'
});

/** A drawing pin: kept until it is taken out. */
export const pinIcon = new LabIcon({
  name: 'jupyter-lcc:pin',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M8 3h8v2h-1v5.2l2.6 2.9V15H13v5l-1 2-1-2v-5H6.4v-1.9L9 10.2V5H8z"/></svg>'
});

/** A power switch, for shutting one thing down. */
export const shutDownIcon = new LabIcon({
  name: 'jupyter-lcc:shut-down',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g fill="none" stroke-width="2.2" stroke-linecap="round"><path class="jp-icon3" stroke="#616161" d="M7.4 6.3a7.6 7.6 0 1 0 9.2 0"/><path class="jp-icon3" stroke="#616161" d="M12 3.5v8"/></g></svg>'
});

const line = (path: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g fill="none" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><path class="jp-icon3" stroke="#616161" d="${path}"/></g></svg>`;

/** A bin, for what can be taken out of it again. */
export const trashIcon = new LabIcon({
  name: 'jupyter-lcc:trash',
  svgstr: line('M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13')
});

/** Up to the newest version. */
export const upIcon = new LabIcon({ name: 'jupyter-lcc:up', svgstr: line('M12 20V5M6 11l6-6 6 6') });

/** One more. */
export const plusIcon = new LabIcon({ name: 'jupyter-lcc:plus', svgstr: line('M12 5v14M5 12h14') });

/** A page with its corner turned, and a plus: a new notebook. */
export const newNotebookIcon = new LabIcon({
  name: 'jupyter-lcc:new-notebook',
  svgstr: line('M13 3H6v18h12v-6M8.500 3v18M17 4v6M14 7h6')
});

/** Look once more. */
export const againIcon = new LabIcon({
  name: 'jupyter-lcc:again',
  svgstr: line('M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5')
});
