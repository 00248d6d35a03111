"""Every kind the operator knows. Adding one is one folder and one line here."""

from ..core.kind import Kinds
from . import gateway, probe, process, repository, route, stack, synctarget

KINDS: Kinds = {
    kind.name: kind
    for kind in (
        stack.KIND,
        process.KIND,
        probe.KIND,
        gateway.KIND,
        route.KIND,
        repository.KIND,
        synctarget.KIND,
    )
}
