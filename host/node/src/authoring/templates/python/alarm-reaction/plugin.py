"""Reaction {{name}}: restarts an application that is not running."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.reaction import Alarm
from wit_world.imports import management, settings
from wit_world.imports.types import Fault_InProgress, Status


class Lifecycle(exports.Lifecycle):
    def init(self) -> None:
        pass


class Reaction(exports.Reaction):
    def react(self, alarm: Alarm) -> str:
        """The text is shown to the operator beside the alarm. The same alarm may come twice: a
        restart that is under way is as good as one of our own. A fault of the host that is not
        caught here is the fault of the reaction."""
        application = settings.get("application") or alarm.application
        if management.get_application(application).status == Status.RUNNING:
            return f"{application} is running, nothing to do"
        try:
            management.restart_application(application)
        except Err as error:
            if isinstance(error.value, Fault_InProgress):
                return f"{application} is already being restarted"
            raise
        return f"{application} restarted"
