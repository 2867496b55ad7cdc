import type { DurationSetting, Evidence, IdleView, Target } from '../../api/generated';
import { nameOf } from './targets';
import type { Speech } from './speech';

/** Say where a limit comes from. */
export function sourceOf({ trans }: Speech, source: DurationSetting['source']): string {
  switch (source) {
    case 'default':
      return trans.__('the default');
    case 'config':
      return trans.__('set in the server’s configuration');
    case 'admin':
      return trans.__('set by the administrator');
    case 'user':
      return trans.__('set by you');
    case 'kernelspec':
      return trans.__('set by the kernel');
    default:
      return source;
  }
}

/** Say where a limit comes from: the rule of the policy document, where one says it. */
export function limitSourceOf(
  speech: Speech,
  source: DurationSetting['source'],
  rule: string | null | undefined
): string {
  return rule ? speech.trans.__('rule “%1”', rule) : sourceOf(speech, source);
}

/** Say the limit of a target with its source. */
export function limitOf(speech: Speech, target: Target): string {
  const { trans } = speech;
  if (target.limit_source === null) {
    return trans.__('No limit applies now.');
  }
  const source = limitSourceOf(speech, target.limit_source, target.limit_rule);
  return target.limit_seconds === null
    ? trans.__('Limit: none (%1).', source)
    : trans.__('Limit: %1 (%2).', speech.exactDuration(target.limit_seconds), source);
}

/** Say in one sentence why the verdict is what it is. */
export function reasonOf(speech: Speech, target: Target, mode: IdleView['mode']): string {
  const { trans } = speech;
  if (mode === 'observe' && target.verdict !== 'keep') {
    return trans.__('Its limit is reached, but this server only watches and shuts nothing down.');
  }
  switch (target.reason) {
    case 'working':
      return trans.__('It works, so it is kept.');
    case 'recently_active':
      return trans.__('It was used recently: its limit isn’t reached.');
    case 'leased':
      return target.lease?.target_id === 'instance'
        ? trans.__('Somebody asked to keep everything on.')
        : trans.__('Somebody asked to keep it.');
    case 'no_limit':
      return trans.__('No limit is set for it.');
    case 'unknown_state':
      return trans.__('What it does can’t be told, so it is kept.');
    case 'off':
      return trans.__('Idle shutdown is off.');
    case 'not_stopped_here':
      return trans.__('It can’t be stopped from here.');
    case 'targets_first':
      return trans.__('It stops last, after everything that runs on it.');
    case 'idle':
      return trans.__('Nobody used it for as long as its limit.');
    case 'waiting_for_input':
      return trans.__('It waited for a person’s answer for as long as its limit.');
    case 'never_connected':
      return trans.__('It started and nobody ever used it.');
    case 'dead':
      return trans.__('Its process is gone.');
    case 'busy_too_long':
      return trans.__('It has worked longer than is allowed.');
    case 'asked':
      return trans.__('%1 was asked to shut down.', nameOf(speech, target));
    default:
      return target.reason;
  }
}

/** Say what a signal means for the decision. */
export function meaningOf({ trans }: Speech, means: Evidence['means']): string {
  switch (means) {
    case 'work':
      return trans.__('it works');
    case 'activity':
      return trans.__('somebody was here');
    case 'waiting':
      return trans.__('it waits for you');
    case 'idle':
      return trans.__('nothing happens');
    case 'chatter':
      return trans.__('doesn’t count: no person, no work');
    case 'unknown':
      return trans.__('can’t be told');
    case 'context':
      return trans.__('for information');
    default:
      return means;
  }
}

/** Name a signal; one of a newer server is shown by its code. */
export function signalOf({ trans }: Speech, signal: Evidence['signal']): string {
  switch (signal) {
    case 'execution_state':
      return trans.__('Kernel says');
    case 'jupyter_last_activity':
      return trans.__('Last activity Jupyter knows');
    case 'running_since':
      return trans.__('Running since');
    case 'last_run_ended_at':
      return trans.__('Last run ended');
    case 'machine_message':
      return trans.__('Message between machines');
    case 'input_asked_at':
      return trans.__('Asked for input');
    case 'connections':
      return trans.__('Open connections');
    case 'person_used_it_at':
      return trans.__('A person used it');
    case 'last_activity_at':
      return trans.__('Last activity');
    case 'processes':
      return trans.__('Processes');
    case 'cpu_percent':
      return trans.__('CPU');
    case 'working_targets':
      return trans.__('Kernels and terminals that work');
    case 'kernels':
      return trans.__('Kernels');
    case 'terminals':
      return trans.__('Terminals');
    case 'terminal_prompt':
      return trans.__('Shell prompt');
    case 'terminal_interactive':
      return trans.__('Program waiting for keys');
    case 'terminal_question':
      return trans.__('Program asking something');
    case 'terminal_remote':
      return trans.__('Remote connection');
    case 'terminal_job':
      return trans.__('Program in the foreground');
    case 'terminal_background':
      return trans.__('Program in the background');
    case 'terminal_unknown':
      return trans.__('Program that can’t be read');
    case 'io_bytes_per_second':
      return trans.__('Disk and network');
    case 'gpu_percent':
      return trans.__('GPU');
    case 'gpu_device_percent':
      return trans.__('GPU, whole device');
    case 'detached_job':
      return trans.__('Job on its own');
    case 'detached_jobs':
      return trans.__('Jobs on their own');
    case 'detached_service':
      return trans.__('Service');
    case 'detached_stopped':
      return trans.__('Stopped job');
    case 'job_runs':
      return trans.__('Long work');
    case 'notebook_run':
      return trans.__('Notebook run');
    case 'came_from':
      return trans.__('Started from');
    case 'processes_unknown':
      return trans.__('Processes that can’t be read');
    case 'poller':
      return trans.__('Asks by itself');
    case 'busiest_process':
      return trans.__('Busiest process');
    case 'save_failed':
      return trans.__('Could not be saved');
    case 'pre_stop_command':
      return trans.__('Command before the stop');
    case 'jobs':
      return trans.__('Jobs');
    default:
      return signal;
  }
}

/** Say a signal's value. */
export function valueOf(speech: Speech, { signal, value }: Evidence, now: Date): string {
  const { trans } = speech;
  if (value === null) {
    return '–';
  }
  if (typeof value === 'boolean') {
    return value ? trans.__('yes') : trans.__('no');
  }
  if (typeof value === 'number') {
    if (signal === 'io_bytes_per_second') {
      return trans.__('%1/s', speech.bytes(value));
    }
    return signal.endsWith('_percent') ? trans.__('%1%', speech.number(value, 0)) : speech.number(value, 1);
  }
  return /^\d{4}-\d\d-\d\dT/.test(value) ? speech.clock(value, now) : value;
}
