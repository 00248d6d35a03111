"""How a program looks to supervisord: a group of one process, without a line in any file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from supervisor.options import ProcessConfig, ProcessGroupConfig
from supervisor.process import ProcessGroup, Subprocess
from supervisor.states import ProcessStates

STATES: Final = {
    "running": ProcessStates.RUNNING,
    "starting": ProcessStates.STARTING,
    "backoff": ProcessStates.BACKOFF,
    "stopping": ProcessStates.STOPPING,
    "stopped": ProcessStates.STOPPED,
    "failed": ProcessStates.FATAL,
    "completed": ProcessStates.EXITED,
    "armed": ProcessStates.STOPPED,
}
"""What supervisorctl shows for each state of ours."""

AFTER_OURS: Final = 1000
"""supervisord stops the highest number first: before the gateway and the operator."""


class ProgramConfig(ProcessConfig):  # type: ignore[misc]
    """What supervisord knows of a program: its name and its log; the rest is our business."""

    uid = None
    directory = None
    umask = None
    priority = AFTER_OURS
    autostart = False
    autorestart = False
    startsecs = 1
    startretries = 0
    stdout_capture_maxbytes = 0
    stdout_events_enabled = False
    stdout_syslog = False
    stdout_logfile_backups = 0
    stdout_logfile_maxbytes = 0
    stderr_logfile = None
    stderr_capture_maxbytes = 0
    stderr_logfile_backups = 0
    stderr_logfile_maxbytes = 0
    stderr_events_enabled = False
    stderr_syslog = False
    stopsignal = 15
    stopwaitsecs = 10
    stopasgroup = True
    killasgroup = True
    exitcodes = (0,)
    redirect_stderr = True
    environment = None
    serverurl = None

    def __init__(self, options: Any, name: str, log: str, make: Callable[[Any, Any], Any]) -> None:
        # What all have in common stands above and not in each of hundreds, so not super().
        self.options = options
        self.name = self.command = name
        self.stdout_logfile = log
        self._make = make

    def make_process(self, group: Any = None) -> Any:
        """The program itself."""
        return self._make(self, group)


class GroupConfig(ProcessGroupConfig):  # type: ignore[misc]
    """A group that only the keeper adds, changes and removes."""

    def __init__(self, config: ProgramConfig, group: type[Group], keeper: Any) -> None:
        super().__init__(config.options, config.name, config.priority, [config])
        self._group = group
        self.keeper = keeper

    def make_group(self) -> Any:
        """The group with its one program."""
        return self._group(self)


class Group(ProcessGroup):  # type: ignore[misc]
    """A program's group; supervisord's loop touches it each time it comes round."""

    def transition(self) -> None:
        """A turn of supervisord's loop is a turn for all of us."""
        self.config.keeper.loop.asked()

    def stop_all(self) -> None:
        """Supervisord ends: all programs stop in an order of their own."""
        self.config.keeper.wind_down()

    def before_remove(self) -> None:
        """Somebody took it away by hand, or we did."""
        self.config.keeper.forget(self.config.name)


class QuietGroup(Group):
    """A group that costs supervisord's loop next to nothing: we have a turn of our own."""

    def transition(self) -> None:
        """Nothing is due here."""


class StockProgram(Subprocess):  # type: ignore[misc]
    """What supervisord and supervisorctl ask of a process, put into the keeper's words."""

    pid: int
    spawnerr: str | None
    exitstatus: int | None
    laststart: float
    laststop: float

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.phase = "stopped"

    def begin(self, epoch: int, cause: str, detail: str) -> None:
        """Want it to run."""
        raise NotImplementedError

    def rest(self) -> None:
        """Want it to be stopped."""
        raise NotImplementedError

    def get_execv_args(self) -> tuple[str, list[str]]:
        """Supervisord asks before a start by hand; we look when we start."""
        return self.config.name, [self.config.name]

    def spawn(self) -> None:
        """``supervisorctl start``."""
        self.begin(0, "user", "supervisorctl")

    def stop(self) -> None:
        """``supervisorctl stop``."""
        self.administrative_stop = True
        self.rest()

    def kill(self, _signal: int) -> None:
        """Nobody but us kills a program of ours."""
        self.rest()

    def give_up(self) -> None:
        """Supervisord ends."""
        self.rest()

    def transition(self) -> None:
        """Nothing happens here by itself."""

    def removelogs(self) -> None:
        """``supervisorctl clear``: both streams have one file."""
        for dispatcher in self.dispatchers.values():
            if dispatcher.channel == "stdout":
                dispatcher.removelogs()

    def show(self, phase: str) -> None:
        """Be in ``phase`` for supervisord too."""
        self.phase = phase
        self.change_state(STATES[phase])
        self.backoff, self.delay = 0, 0
