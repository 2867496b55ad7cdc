"""The words of idle shutdown, as they are decided on, stored and sent.

Times inside the service run on a steady clock (see `jupyter_lcc.clock`); everything here that leaves the service
carries UTC.
"""

from __future__ import annotations

from ...platforms.model import StopMeans, StopWay
from .decision import Change, Decision, DecisionList, DecisionQuery, Explanation, WhyQuery
from .lease import CreateLease, LeaseList, Presence
from .machine import Cost, Machine
from .policy import ChangePolicy, DurationField, DurationSetting, ModeSetting, Policy
from .stopped import DismissStopped, Manifest, SaveReport, Stopped, StoppedDocument, StoppedList, Variable
from .target import Evidence, Gpu, Kind, Lease, Meaning, Mode, Reason, Session, Sighting, Source, State, Target, Verdict
from .view import Because, Holder, IdleView, Monitor, Problem

__all__ = [
    "Because",
    "Change",
    "ChangePolicy",
    "Cost",
    "CreateLease",
    "Decision",
    "DecisionList",
    "DecisionQuery",
    "DismissStopped",
    "DurationField",
    "DurationSetting",
    "Evidence",
    "Explanation",
    "Gpu",
    "Holder",
    "IdleView",
    "Kind",
    "Lease",
    "LeaseList",
    "Machine",
    "Manifest",
    "Meaning",
    "Mode",
    "ModeSetting",
    "Monitor",
    "Policy",
    "Presence",
    "Problem",
    "Reason",
    "SaveReport",
    "Session",
    "Sighting",
    "Source",
    "State",
    "StopMeans",
    "StopWay",
    "Stopped",
    "StoppedDocument",
    "StoppedList",
    "Target",
    "Variable",
    "Verdict",
    "WhyQuery",
]
