/** The ids of our commands. */
export const CommandIDs = {
  openPanel: 'jupyter-lcc:open-panel',
  keep: 'jupyter-lcc:keep',
  endLease: 'jupyter-lcc:end-lease',
  shutDown: 'jupyter-lcc:shut-down',
  shutDownAll: 'jupyter-lcc:shut-down-all',
  why: 'jupyter-lcc:why',
  whoKeeps: 'jupyter-lcc:who-keeps',
  showTarget: 'jupyter-lcc:show-target',
  reopen: 'jupyter-lcc:reopen',
  dismissStopped: 'jupyter-lcc:dismiss-stopped',
  editLimits: 'jupyter-lcc:edit-limits',
  refresh: 'jupyter-lcc:refresh'
} as const;
