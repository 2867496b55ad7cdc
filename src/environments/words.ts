import type { LccError } from '../api/errors';
import type { Environment, Finding, Package, Plan, PlanItem, RunningKernel, Trashed } from '../api/generated';
import { errorOf, type Speech } from '../idle/words';
import { MOST_FILE, type NameFault } from './specs';
import type { Tab } from './workbench';

/** Say what is wrong with a name. */
export function faultWords({ trans }: Speech, fault: NameFault, name: string): string {
  switch (fault) {
    case 'empty':
      return trans.__('It needs a name.');
    case 'too_long':
      return trans.__('A name has at most 64 characters.');
    case 'begins_wrong':
      return trans.__('A name begins with a letter, a digit or _.');
    case 'characters':
      return trans.__('A name has letters a–z, digits, and _ - + . only.');
    case 'reserved':
      return trans.__('%1 has a meaning of its own; take another name.', name);
    case 'taken':
      return trans.__('There is an environment %1 already.', name);
  }
}

/** Say a problem with environments; the notebooks that are in the way are named. */
export function problemWords(speech: Speech, error: LccError): string {
  const { trans } = speech;
  const running = error.detail['running_kernels'];
  if (error.code === 'conflict' && Array.isArray(running) && running.length > 0) {
    return trans.__(
      'Its kernels run: %1. Shut them down first, under Kernels and terminals.',
      runningWords(speech, running as readonly RunningKernel[])
    );
  }
  switch (error.code) {
    case 'too_large':
      return trans.__('The file is too large: at most %1 are read.', speech.bytes(MOST_FILE));
    case 'disk_full':
      return trans.__(
        'The disk is full, so nothing was changed. Delete environments, empty the trash, or clean the package cache.'
      );
    case 'forbidden':
      // Not of who somebody is, but of what stands there: the server's words say which.
      return error.detail['name'] === undefined ? errorOf(speech, error) : error.message;
    case 'outside_failure':
      return error.message;
    case 'rattler_missing':
      return trans.__('The part that installs packages is not there.');
    default:
      return errorOf(speech, error);
  }
}

/** Name the notebooks of running kernels. */
export function runningWords({ trans }: Speech, kernels: readonly RunningKernel[]): string {
  return kernels
    .map(
      ({ path, spec_name }) => path?.split('/').pop() ?? trans.__('a kernel %1 without a notebook', spec_name)
    )
    .join(', ');
}

/** Say in one line what an environment is. */
export function summaryWords(speech: Speech, environment: Environment): string {
  const { trans } = speech;
  const { python, package_count, size_bytes } = environment;
  return [
    python === null ? trans.__('no Python') : trans.__('Python %1', python),
    trans._n('%1 package', '%1 packages', package_count),
    ...(size_bytes === null ? [] : [speech.bytes(size_bytes)])
  ].join(' · ');
}

/** Say what is not as it should be; null where all is well. */
export function statusWords({ trans }: Speech, { status }: Environment): string | null {
  switch (status) {
    case 'ready':
      return null;
    case 'incomplete':
      return trans.__('Not whole: what made it did not end.');
    case 'broken':
      return trans.__('Broken: it can’t run.');
    case 'frozen':
      return trans.__('Frozen: others forbid changes.');
  }
}

/** Say whether it survives a restart of the machine. */
export function persistenceWords({ trans }: Speech, environment: Environment): string {
  switch (environment.persistent) {
    case true:
      return trans.__('Kept when this machine restarts');
    case false:
      return trans.__('Lost when this machine restarts');
    case null:
      return trans.__('It can’t be told whether it is kept when this machine restarts');
  }
}

/** Say what to do so that it is kept; null where nothing is to be done. */
export function adviceWords({ trans }: Speech, { advice, name }: Environment): string | null {
  switch (advice) {
    case null:
      return null;
    case 'ask_administrator':
      return trans.__(
        'Ask your administrator for a home directory that is kept, and export %1 as a file.',
        name
      );
    case 'clone_to_keep':
      return trans.__('Clone it: clones are made under the home directory, which is kept.');
    default:
      return trans.__('To be sure, export %1 as a file, or clone it.', name);
  }
}

/** Say who made it. */
export function makerWords({ trans }: Speech, { made_by }: Environment): string {
  switch (made_by) {
    case 'jupyter_lcc':
      return trans.__('this panel');
    case 'unknown':
      return trans.__('not known');
    default:
      return made_by;
  }
}

export function tabWords({ trans }: Speech, tab: Tab): string {
  switch (tab) {
    case 'packages':
      return trans.__('Packages');
    case 'versions':
      return trans.__('Versions');
    case 'health':
      return trans.__('Health');
  }
}

/** Say a plan in one sentence. */
export function planWords(speech: Speech, plan: Plan): string {
  const { trans } = speech;
  const parts = [
    ...(plan.add.length > 0
      ? [trans._n('%1 package is installed', '%1 packages are installed', plan.add.length)]
      : []),
    ...(plan.change.length > 0
      ? [trans._n('%1 changes its version', '%1 change their version', plan.change.length)]
      : []),
    ...(plan.remove.length > 0 ? [trans._n('%1 is removed', '%1 are removed', plan.remove.length)] : [])
  ];
  return parts.length === 0 ? trans.__('There is nothing to do.') : `${parts.join(', ')}.`;
}

/** Say how much is downloaded. */
export function downloadWords(speech: Speech, { download_bytes }: Plan): string {
  const { trans } = speech;
  if (download_bytes === null) {
    return trans.__('How much is downloaded can’t be told.');
  }
  return download_bytes === 0
    ? trans.__('Nothing needs to be downloaded.')
    : trans.__('%1 are downloaded.', speech.bytes(download_bytes));
}

/** Say the size of one package of a plan. */
export function itemSizeWords(speech: Speech, item: Pick<PlanItem, 'download_bytes'>): string {
  const bytes = item.download_bytes;
  return bytes === null || bytes === 0 ? '' : speech.bytes(bytes);
}

/** Say where a package comes from. */
export function originWords({ trans }: Speech, { manager, channel, editable }: Package): string {
  if (editable !== null) {
    return trans.__('pip, from %1', editable);
  }
  return manager === 'pip' ? 'pip' : channelName(channel ?? 'conda');
}

/** The short name of a channel: the last part of its address. */
export function channelName(channel: string): string {
  const parts = channel.split('/').filter(part => part !== '');
  const last = parts[parts.length - 1] ?? channel;
  const before = parts[parts.length - 2];
  return /^(noarch|linux-|osx-|win-)/.test(last) && before !== undefined ? before : last;
}

/** Say what a fix does, as a button. */
export function fixWords({ trans }: Speech, fix: string): string {
  switch (fix) {
    case 'install_ipykernel':
      return trans.__('Install ipykernel');
    case 'register_kernel':
      return trans.__('Register the kernel anew');
    case 'unregister_kernel':
      return trans.__('Take the kernel away');
    case 'reinstall':
      return trans.__('Install the packages anew');
    case 'clean_package_cache':
      return trans.__('Clean the package cache');
    case 'delete':
      return trans.__('Put it into the trash');
    default:
      return trans.__('Mend it');
  }
}

/** Say how grave a finding is. */
export function levelWords({ trans }: Speech, { level }: Finding): string {
  switch (level) {
    case 'error':
      return trans.__('Error');
    case 'warning':
      return trans.__('Warning');
    case 'info':
      return trans.__('Note');
  }
}

/** Say when something was deleted and until when it can be taken back. */
export function trashedWords(speech: Speech, trashed: Trashed, now: Date): string {
  const { trans } = speech;
  const size = trashed.size_bytes === null ? [] : [speech.bytes(trashed.size_bytes)];
  const until =
    trashed.purged_at === null ? [] : [trans.__('kept until %1', speech.clock(trashed.purged_at, now))];
  return [trans.__('deleted %1', speech.clock(trashed.deleted_at, now)), ...until, ...size].join(' · ');
}

/**
 * Say a finding and what to do or to know: in the reader's language where the code says all, with the server's own
 * words below where they name files or numbers, and in these alone where a newer server found something else.
 */
export function findingWords({ trans }: Speech, finding: Finding): { message: string; advice: string } {
  const { message, advice } = finding;
  switch (finding.code) {
    case 'incomplete':
      return {
        message: trans.__('It is not whole: what made it did not end.'),
        advice: trans.__('Install its packages anew, or delete it and make it once more.')
      };
    case 'python_missing':
      return { message: trans.__('Its Python is missing.'), advice: message };
    case 'wrong_architecture':
      return {
        message: trans.__('It was made for another kind of processor.'),
        advice: trans.__('Export it as environment.yml and make it anew here.')
      };
    case 'python_does_not_run':
      return { message: trans.__('Its Python does not start.'), advice: message };
    case 'files_missing':
      return { message: trans.__('Files of its packages are missing.'), advice: message };
    case 'kernelspec_missing':
      return {
        message: trans.__('It was registered as a kernel, and the kernelspec is gone or leads elsewhere.'),
        advice: trans.__('Register it again.')
      };
    case 'kernelspec_stale':
      return {
        message: trans.__('The kernelspec was written by an older version, or a part of it is missing.'),
        advice: trans.__('Register it again.')
      };
    case 'kernel_without_python':
      return { message: trans.__('It is a kernel, and has no Python.'), advice: message };
    case 'ipykernel_missing':
      return {
        message: trans.__('ipykernel is missing, so its kernel can’t start.'),
        advice: trans.__('Install ipykernel into it.')
      };
    case 'kernel_does_not_start':
      return { message: trans.__('Its kernel does not start.'), advice: message };
    case 'moved':
      return { message: trans.__('It lies elsewhere than where it was made.'), advice: message };
    case 'pip_over_conda':
      return { message: trans.__('pip has installed over packages of conda.'), advice: message };
    case 'records_unreadable':
      return { message: trans.__('What is installed can’t be read whole.'), advice: message };
    case 'frozen':
      return {
        message: trans.__('Others froze it, so it is left as it is.'),
        advice: trans.__('Clone it to change the clone.')
      };
    case 'not_persistent':
      return {
        message: trans.__('It is lost when this machine restarts.'),
        advice: trans.__('Clone it: clones are made under the home directory, which is kept.')
      };
    case 'disk_full':
      return {
        message: trans.__('Its disk is nearly full.'),
        advice: trans.__('Empty the trash, clean the package cache, or delete what isn’t needed.')
      };
    case 'over_quota':
      return {
        message: trans.__('Environments take all the room the administrator allows.'),
        advice: trans.__('Empty the trash, clean the package cache, or delete what isn’t needed.')
      };
    default:
      return { message, advice };
  }
}
