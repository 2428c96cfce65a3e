// Reaction {{name}}: restarts an application that is not running.

import management from "takeover:plugin/management@1.0.0";
import settings from "takeover:plugin/settings@1.0.0";

export const lifecycle = {
  init() {},
};

export const reaction = {
  // The text is shown to the operator beside the alarm. The same alarm may come twice: a restart
  // that is under way is as good as one of our own. A fault of the host that is not caught here is
  // the fault of the reaction; `throw { tag: "failed", val: "why" }` makes one of its own.
  react(alarm) {
    const application = settings.get("application") ?? alarm.application;
    if (management.getApplication(application).status === "running") {
      return `${application} is running, nothing to do`;
    }
    try {
      management.restartApplication(application);
    } catch (error) {
      if (error.payload?.tag === "in-progress") {
        return `${application} is already being restarted`;
      }
      throw error;
    }
    return `${application} restarted`;
  },
};
