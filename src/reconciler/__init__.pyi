from .declare import Gateway as Gateway
from .declare import Probe as Probe
from .declare import Process as Process
from .declare import Repository as Repository
from .declare import Route as Route
from .declare import Stack as Stack
from .declare import SyncTarget as SyncTarget

__version__: str
__all__ = [
    "Gateway",
    "Probe",
    "Process",
    "Repository",
    "Route",
    "Stack",
    "SyncTarget",
    "__version__",
]
