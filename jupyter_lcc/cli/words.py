"""Codes of the wire in English sentences, for the command line only; the panel has its own, translated ones."""

from __future__ import annotations

from datetime import datetime

from ..clock import parse_utc
from ..idle.model import Decision, Evidence, Lease, Source, Target
from ..web.model import ProblemBody
from .table import clean
from .times import say_duration, say_moment

__all__ = [
    "MEANINGS",
    "SOURCES",
    "job_words",
    "lease_words",
    "limit_words",
    "name_of",
    "refusal",
    "signal_words",
]

SOURCES: dict[Source, str] = {
    "default": "the default",
    "config": "set by the administrator",
    "admin": "set by the administrator",
    "user": "your own choice",
    "kernelspec": "set by the kernel's own specification",
}
MEANINGS = {
    "work": "work",
    "activity": "somebody or work was here",
    "waiting": "waits for a person",
    "idle": "nothing happens",
    "chatter": "machine talk, doesn't count",
    "unknown": "can't be told",
    "context": "for your information",
}
_SIGNALS = {
    "execution_state": "Jupyter says the kernel is {value}",
    "jupyter_last_activity": "last message of the kernel, by Jupyter, at {time}",
    "running_since": "a cell or callback runs since {time}",
    "last_run_ended_at": "the last run ended at {time}",
    "machine_message": "a page or extension sent {value}",
    "input_asked_at": "it asked for input at {time}",
    "connections": "open connections: {value}",
    "person_used_it_at": "a person used it at {time}",
    "save_failed": "could not be saved: {value}",
    "pre_stop_command": "the administrator's command before the stop: {value}",
    "terminal_prompt": "the shell is at its prompt",
    "terminal_interactive": "{value} is open and takes keys",
    "terminal_window": "{value} is open, a window to jobs of their own",
    "terminal_question": "{value} waits for a line of input",
    "terminal_remote": "{value} leads to another machine or container",
    "terminal_job": "{value} runs in the foreground",
    "terminal_background": "{value} runs in the background",
    "terminal_unknown": "what runs in it can't be read",
    "last_activity_at": "a person typed, or work ended, last at {time}",
    "processes": "processes of the job: {value}",
    "cpu_percent": "CPU use: {value} % of one core",
    "busiest_process": "most of it by {value}",
    "io_bytes_per_second": "read and written: {value} bytes a second, disk and network",
    "gpu_percent": "GPU use by its processes: {value} %",
    "gpu_device_percent": "GPU use: {value} % of the device it has open, by whom can't be told",
    "processes_unknown": "what its processes do can't be read",
    "detached_job": "{value} runs without a terminal",
    "detached_service": "it only listens, on {value}",
    "detached_stopped": "{value} is stopped",
    "job_runs": "{job}",
    "notebook_run": "a notebook is executed",
    "came_from": "it was started from {value}",
    "detached_jobs": "jobs without a terminal: {value}",
    "proxied_app": "{value}",
    "proxied_app_used_at": "a proxied app was used at {time}",
    "remote_editor": "{value}",
    "remote_editor_used_at": "a remote editor was used at {time}",
    "ssh_typed_at": "somebody typed over ssh at {time}",
    "document_saved_at": "a document was saved at {time}",
    "machine_used_at": "it was used otherwise at {time}",
    "poller": "{value}",
    "lease_note": "note: {value}",
    "part_failed": "can't be looked at: {value}",
    "shutting_down": "it is being shut down",
    "stop_way": "{value}",
    "mode": "mode is {value}",
    "instance_timeout_seconds": "the machine's limit is {value}",
    "working_targets": "kernels, terminals and jobs at work: {value}",
    "kernels": "kernels running: {value}",
    "terminals": "terminals open: {value}",
}


def name_of(target: Target | Decision) -> str:
    """Name a target the way people do."""
    if target.kind == "instance":
        return "this machine"
    kinds = {"terminal": "terminal ", "process": "job "}
    return kinds.get(target.kind, "") + clean(target.name)


_JOBS = {
    "environment.create": "making the environment",
    "environment.clone": "cloning into the environment",
    "environment.change": "changing the environment",
    "environment.rollback": "rolling back the environment",
    "environment.rename": "renaming the environment",
    "environment.delete": "deleting the environment",
    "environment.restore": "restoring the environment",
    "environment.purge": "purging",
    "environment.kernel": "registering the kernel of",
    "environment.fix": "repairing the environment",
    "package-cache.clean": "cleaning the package cache",
}


def job_words(told: str) -> str:
    """Say what a job does, from its kind and what it is done to; an unknown kind is shown as it came."""
    kind, _, subject = clean(told).partition(" ")
    return f"{_JOBS.get(kind, kind)} {subject}".strip()


def signal_words(evidence: Evidence, now: datetime) -> str:
    """Say what one signal shows; one that this version does not know is shown as it came."""
    template = _SIGNALS.get(evidence.signal)
    if template is None:
        return f"{clean(evidence.signal)}: {clean(str(evidence.value))}"
    value = "something" if evidence.value is None else clean(str(evidence.value))
    time = value
    if "{time}" in template and isinstance(evidence.value, str):
        try:
            time = say_moment(parse_utc(evidence.value), now, seconds=True)
        except ValueError:
            time = value
    return template.format(value=value, time=time, job=job_words(value))


def limit_words(seconds: int | None, source: Source | None, rule: str | None = None) -> str:
    """Say which limit applies and who set it, with the policy document's rule."""
    if source is None:
        return "none applies"
    who = SOURCES.get(source, source) + ("" if rule is None else f', rule "{clean(rule)}"')
    return f"{'none' if seconds is None else say_duration(seconds)} ({who})"


def lease_words(lease: Lease, now: datetime) -> str:
    """Say until when something is kept, by which lease."""
    more = ["the whole machine is kept"] if lease.target_id == "instance" else []
    more += [f"note: {clean(lease.note)}"] if lease.note else []
    more += [f"or until process {lease.pid} ends"] if lease.pid else []
    return f"until {say_moment(lease.expires_at, now)}{' (' + '; '.join(more) + ')' if more else ''}"


def refusal(problem: ProblemBody) -> str:
    """Put a problem body in words; durations that matter in it are written as people write them."""
    detail = problem.detail
    if problem.code == "out_of_bounds" and isinstance(detail.get("min"), int):
        field, highest = str(detail.get("field")), detail.get("max")
        span = f"from {say_duration(detail['min'])} to {say_duration(highest)}" if isinstance(highest, int) else ""
        never = ", or never" if detail.get("never_allowed") else ""
        return f"{field.removesuffix('_seconds')} must be {span or 'at least ' + say_duration(detail['min']) + never}."
    return "\n".join(clean(line) for line in problem.message.splitlines())
