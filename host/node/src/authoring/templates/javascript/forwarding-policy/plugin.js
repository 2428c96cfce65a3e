// Forwarding policy {{name}}. Pure: the same call, the same decision.

import settings from "takeover:plugin/settings@1.0.0";

export const lifecycle = {
  init() {},
};

export const forwarding = {
  // Refuses during a shutdown, sends calls for destinations that are out of service to the peer
  // site, and delivers everything else.
  decide(call) {
    if (call.nodeMode === "shutting-down") {
      const retryAfterS = Number(settings.get("retry_after_s") ?? 0);
      const val = { code: call.shutdownRejectCode, reason: "Shutting Down", retryAfterS };
      return { tag: "refuse", val };
    }
    const { destination, peer } = call;
    const wanted = destination.drForward === "oos" && !destination.inService;
    // A call that came from the peer is never sent back: it would go round for ever.
    if (wanted && peer?.inService && !call.fromPeer) {
      return { tag: "through-trunk", val: peer.trunk };
    }
    return { tag: "deliver" };
  },
};
