"""Forwarding policy {{name}}. Pure: the same call, the same decision."""

from wit_world import exports
from wit_world.exports.forwarding import (
    Call,
    Decision,
    Decision_Deliver,
    Decision_Refuse,
    Decision_ThroughTrunk,
    DrForward,
    NodeMode,
    Refusal,
)
from wit_world.imports import settings


class Lifecycle(exports.Lifecycle):
    def init(self) -> None:
        pass


class Forwarding(exports.Forwarding):
    def decide(self, call: Call) -> Decision:
        """Refuses during a shutdown, sends calls for destinations that are out of service to the
        peer site, and delivers everything else."""
        if call.node_mode == NodeMode.SHUTTING_DOWN:
            retry_after_s = int(settings.get("retry_after_s") or 0)
            refusal = Refusal(call.shutdown_reject_code, "Shutting Down", retry_after_s)
            return Decision_Refuse(refusal)
        destination, peer = call.destination, call.peer
        wanted = destination.dr_forward == DrForward.OOS and not destination.in_service
        # A call that came from the peer is never sent back: it would go round for ever.
        if wanted and peer is not None and peer.in_service and not call.from_peer:
            return Decision_ThroughTrunk(peer.trunk)
        return Decision_Deliver()
