// The page of the control server: shows the overview, keeps it current from the event stream, and
// sends the operator's orders. It decides nothing. Everything shown comes in as data and is put in
// as text, never as markup. The judgement of what is wrong is the same as in
// host/cli/src/health.rs.
"use strict";

// Longest silence of the stream. The control server sends a sign of life every 2 s.
const SILENCE_MAX_MS = 6000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5000;
// Rows kept; older ones are in `takeover events`.
const EVENTS_MAX = 200;
const PAST_ALARMS_MAX = 6;

const $ = (id) => document.getElementById(id);
const state = {
  token: null, connected: false, heardAt: 0, asOf: null, sequence: null, overview: null,
  version: "", events: [], past: [], conditions: [], steps: [], outage: "",
};

// Builds an element; children are elements or text.
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Replaces what is in a place. The focus stays on the same button, for it is found by its key.
function fill(place, ...children) {
  const active = document.activeElement;
  const key = place.contains(active) ? active.dataset.key : null;
  place.replaceChildren(...children);
  if (key) focusOn(place, key);
}

function focusOn(place, key) {
  const found = [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  if (found) found.focus({ preventScroll: true });
}

const word = (text) => String(text).replaceAll("-", " ");
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false,
});
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const time = (at) => el("time", {
  datetime: new Date(at).toISOString(), title: day.format(at),
}, clock.format(at));

/* ---- the API ---- */

class Refused extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

async function api(path, options = {}) {
  const headers = { authorization: `Bearer ${state.token}` };
  if (options.method === "POST") headers["content-type"] = "application/json";
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  const said = body && body.error ? body.error.message : `answered HTTP ${answer.status}`;
  throw new Refused(answer.status, said);
}

const get = async (path) => (await api(path)).json();

// Sends an order once, however often the button is pressed meanwhile; says how it ended.
const busy = new Set();
async function order(path, done) {
  if (busy.has(path)) return;
  busy.add(path);
  say("Working …");
  try {
    const answer = await api(path, { method: "POST", body: "null" });
    say(done((await answer.json()).answer));
  } catch (error) {
    say(error instanceof Refused ? error.message : "the control server can not be reached", true);
  } finally {
    busy.delete(path);
  }
}

function say(text, bad) {
  const place = $("message");
  place.hidden = !text;
  place.className = bad ? "message bad" : "message";
  place.textContent = text;
}

// Asks before something that callers would notice.
function ask(title, text, yes, then) {
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = yes;
  $("ask-yes").onclick = () => { $("ask").close(); then(); };
  $("ask-no").onclick = () => $("ask").close();
  // The button may have been drawn anew meanwhile; the focus goes back to the one of its name.
  const { key } = document.activeElement.dataset;
  $("ask").onclose = () => focusOn(document, key);
  $("ask").showModal();
  $("ask-no").focus();
}

/* ---- the stream ---- */

// Server-sent events over fetch, because EventSource can not send the token.
async function listen(signal) {
  const from = state.sequence === null ? "" : `?after=${state.sequence}`;
  const answer = await api(`/v1/stream${from}`, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the control server ended the stream");
    heard();
    const messages = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const fields = { event: "message", data: "" };
      for (const line of message.split("\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
      }
      if (fields.data) take(fields.event, JSON.parse(fields.data));
    }
  }
}

function take(event, data) {
  if (event === "overview") {
    state.overview = data;
    state.version = data.version;
    state.sequence ??= data.journal_sequence;
    newestDecision();
  } else if (event === "changed") {
    change(data);
  } else if (event === "event" && (state.sequence === null || data.sequence > state.sequence)) {
    state.sequence = data.sequence;
    state.events.unshift(data);
    state.events.length = Math.min(state.events.length, EVENTS_MAX);
  } else if (event === "step") {
    if (!state.steps.length || data.switchover > state.steps[0].switchover) state.steps = [];
    const same = !state.steps.length || state.steps[0].switchover === data.switchover;
    const known = state.steps.some((step) => JSON.stringify(step) === JSON.stringify(data));
    if (same && !known) state.steps.push(data);
  }
  draw();
}

// Puts one change into the overview.
function change(data) {
  if (!state.overview) return;
  const { changed, ...view } = data;
  const lists = { host: "hosts", application: "applications", pair: "pairs", vip: "vips" };
  if (changed === "alarm") {
    const others = (list) => list.filter((one) => one.id !== view.id);
    state.overview.alarms = others(state.overview.alarms);
    state.past = others(state.past);
    if (view.cleared) state.past.unshift(view);
    else state.overview.alarms.push(view);
    state.past.length = Math.min(state.past.length, PAST_ALARMS_MAX);
  } else if (lists[changed]) {
    const list = state.overview[lists[changed]];
    const at = list.findIndex((one) => one.name === view.name);
    if (at < 0) list.push(view);
    else list[at] = view;
    list.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

async function newestDecision() {
  const ids = state.overview.pairs.map((pair) => pair.switchover).filter((id) => id !== null);
  if (!ids.length) return;
  const { steps } = await get(`/v1/switchovers/${Math.max(...ids)}`).catch(() => ({ steps: [] }));
  if (steps.length) state.steps = steps;
  draw();
}

function heard() {
  state.heardAt = Date.now();
  state.asOf = state.heardAt;
  if (!state.connected) {
    state.connected = true;
    draw();
  }
}

// Connects, and again whenever the stream ends or stays silent.
async function run() {
  let pause = RETRY_MIN_MS;
  for (;;) {
    const abort = new AbortController();
    state.heardAt = Date.now();
    const watchdog = setInterval(() => {
      if (Date.now() - state.heardAt > SILENCE_MAX_MS) abort.abort();
    }, 500);
    try {
      await prepare(abort.signal);
      pause = RETRY_MIN_MS;
      await listen(abort.signal);
    } catch (error) {
      state.outage = abort.signal.aborted ? "no sign of life" : error.message;
      if (error.status === 401) return login(error.message);
    } finally {
      clearInterval(watchdog);
      abort.abort();
    }
    state.connected = false;
    draw();
    await new Promise((wake) => {
      setTimeout(wake, pause);
      window.addEventListener("online", wake, { once: true });
    });
    pause = Math.min(pause * 2, RETRY_MAX_MS);
  }
}

// What the stream does not tell: events, past alarms and conditions from before.
async function prepare(signal) {
  const read = async (path) => (await api(path, { signal })).json();
  if (state.sequence === null) {
    const { events } = await read(`/v1/events?limit=50`);
    state.events = events.reverse();
    if (events.length) state.sequence = events[0].sequence;
  }
  state.conditions = (await read("/v1/conditions")).conditions;
  const { alarms } = await read("/v1/alarms?active=false");
  state.past = alarms.slice(0, PAST_ALARMS_MAX);
}

/* ---- judgement ---- */

const holders = (vip) =>
  Object.keys(vip.presence).filter((host) => vip.presence[host].is === "good");
const application = (name) => state.overview.applications.find((one) => one.name === name);

// What is wrong: [is it an outage, sentence], outages first.
function troubles({ pairs, vips, hosts, alarms }) {
  const found = [];
  for (const pair of pairs) {
    if (!pair.primary) found.push([true, `Pair ${pair.name} has no primary: ${pair.state}`]);
  }
  for (const vip of vips) {
    const pair = pairs.find((one) => one.name === vip.pair);
    const primary = pair && pair.primary && application(pair.primary);
    const on = holders(vip);
    if (!primary || (on.length === 1 && on[0] === primary.host)) continue;
    const where = on.length ? on.join(" and ") + (on.length > 1 ? " at once" : "") : "no host";
    const wanted = `primary is ${primary.name} on ${primary.host}`;
    found.push([true, `Virtual IP ${vip.address} is on ${where}; ${wanted}`]);
  }
  for (const host of hosts) {
    if (host.status === "unknown") found.push([false, `Host ${host.name} has not linked up yet`]);
    if (host.status === "disconnected") found.push([false, `Host ${host.name} is disconnected`]);
  }
  for (const pair of pairs.filter((one) => one.primary)) {
    const backup = pair.backup && application(pair.backup);
    if (!pair.backup) found.push([false, `Pair ${pair.name} has no backup`]);
    else if (backup && backup.status !== "running") {
      const is = `backup ${backup.name} is ${word(backup.status)}`;
      found.push([false, `Pair ${pair.name} can not switch over: ${is}`]);
    }
    if (pair.paused) found.push([false, `Pair ${pair.name} is paused`]);
  }
  for (const alarm of alarms.filter((one) => !one.test)) {
    const about = `${alarm.condition} about ${alarm.application}`;
    found.push([false, `Alarm ${alarm.id} (${alarm.category}): ${about}`]);
  }
  return found;
}

/* ---- drawing ---- */

let drawing = null;
// Not by animation frames: they stop in a hidden tab, whose title still has to tell.
function draw() {
  drawing ??= setTimeout(() => { drawing = null; paint(); }, 30);
}

function paint() {
  const known = state.overview !== null;
  $("content").hidden = !known;
  drawVerdict(known ? troubles(state.overview) : []);
  if (!known) return;
  fill($("pairs"), ...state.overview.pairs.map(drawPair));
  fill($("hosts"), ...state.overview.hosts.map(drawHost));
  drawAlarms();
  fill($("conditions"), el("ul", { class: "plain conditions" },
    ...state.conditions.map(drawCondition)));
  drawWhy();
  drawEvents();
  $("footer").textContent = `Takeover ${state.version}`;
}

function drawVerdict(found) {
  let mood = "good";
  let headline = "All is well";
  if (!state.connected) {
    const when = state.asOf ? `; this is from ${clock.format(state.asOf)}` : "";
    mood = state.overview || state.outage ? "lost" : "waiting";
    headline = mood === "lost" ? `Connection lost${when}` : "Connecting";
    found = state.outage ? [[false, `Trying again: ${state.outage}`]] : [];
  } else if (found.some(([outage]) => outage)) {
    [mood, headline] = ["bad", "Service is not where it should be"];
  } else if (found.length) {
    [mood, headline] = ["look", "Serving, but look here"];
  }
  document.body.dataset.mood = mood;
  document.title = `${headline} - Takeover`;
  $("link").textContent = state.connected ? "live" : "not connected";
  const serving = state.overview && mood === "good" ? state.overview.pairs.map((pair) =>
    [false, `${pair.name}: ${pair.primary} on ${application(pair.primary).host}`]) : [];
  // Only when it says something else, or a screen reader would say it again and again.
  if ($("headline").textContent !== headline) $("headline").textContent = headline;
  const lines = [...serving, ...found].map(([, text]) => text);
  const shown = [...$("troubles").children].map((one) => one.textContent);
  if (lines.join("\n") !== shown.join("\n")) {
    fill($("troubles"), ...lines.map((text) => el("li", {}, text)));
  }
  const color = { good: "1a7f4b", look: "d08a00", bad: "b3261e" }[mood] || "777";
  const icon = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'>`
    + `<circle cx='4' cy='4' r='4' fill='%23${color}'/></svg>`;
  if (!$("icon").href.includes(color)) $("icon").href = `data:image/svg+xml,${icon}`;
}

function drawPair(pair) {
  const seats = state.overview.applications.filter((one) => one.pair === pair.name);
  const vips = state.overview.vips.filter((vip) => vip.pair === pair.name);
  const backup = pair.backup && application(pair.backup);
  const primary = pair.primary && application(pair.primary);
  const confirm = () => {
    const addresses = vips.map((vip) => vip.address.split("/")[0]).join(", ");
    const moves = addresses ? `; ${addresses} moves to ${backup ? backup.host : "it"}` : "";
    const becomes = backup ? `${backup.name} on ${backup.host}` : "The backup";
    ask(`Switch over pair ${pair.name}?`,
      `${becomes} becomes primary${primary ? `, ${primary.name} stands by` : ""}${moves}.`,
      "Switch over",
      () => order(`/v1/pairs/${encodeURIComponent(pair.name)}/switchover`,
        (answer) => `Pair ${pair.name} is switched over (decision ${answer["switched-over"]})`));
  };
  return el("article", { class: "pair", "data-pair": pair.name },
    el("div", { class: "row" }, el("h3", {}, pair.name),
      el("span", { class: pair.paused ? "look" : "soft" },
        `${pair.paused ? "paused; " : ""}${pair.state} (term ${pair.term})`)),
    el("div", { class: "seats" }, ...seats.map((one) => drawSeat(one, pair, vips))),
    ...vips.filter((vip) => !holders(vip).length).map((vip) =>
      el("p", { class: "bad vip" }, `${vip.address} is on no host`)),
    el("div", { class: "buttons" },
      el("button", {
        type: "button", class: "switchover", "data-key": `switchover ${pair.name}`,
        "aria-label": `Switch over pair ${pair.name}`, onclick: confirm,
      }, "Switch over …")));
}

function drawSeat(one, pair, vips) {
  const isPrimary = pair.primary === one.name;
  const held = vips.filter((vip) => holders(vip).includes(one.host));
  return el("div", { class: isPrimary ? "seat primary" : "seat", "data-application": one.name },
    el("span", { class: "mode" }, isPrimary ? "Primary" : one.run_mode ? "Backup" : "No run mode"),
    el("strong", {}, one.name),
    el("div", {}, `on ${one.host}, `, drawStatus(one)),
    ...held.map((vip) => el("div", { class: isPrimary ? "vip good" : "vip bad" },
      `holds ${vip.address}`)));
}

function drawStatus(one) {
  const cause = one.cause && !["ordered", "reported"].includes(one.cause.why)
    ? ` (${word(one.cause.why)}${drawExit(one.cause.exit)})` : "";
  const mood = one.status === "running" ? "good"
    : ["stopped", "service-unavailable"].includes(one.status) ? "bad" : "look";
  return el("span", { class: mood }, word(one.status) + cause);
}

function drawExit(exit) {
  if (!exit || exit.by === "unseen") return "";
  return exit.by === "signal" ? `, signal ${exit.value}` : `, exit code ${exit.value}`;
}

function drawHost(host) {
  const mood = { running: "good", disconnected: "bad" }[host.status] || "look";
  const own = state.overview.applications.filter((one) => one.host === host.name);
  return el("article", { class: "card", "data-host": host.name },
    el("div", { class: "row" }, el("h3", {}, host.name),
      el("span", { class: mood }, word(host.status))),
    el("div", { class: "soft" }, host.address + (host.version ? `, agent ${host.version}` : "")),
    el("ul", { class: "list" }, ...own.map((one) =>
      el("li", {}, `${one.name}: `, drawStatus(one), one.says ? ` ${one.says}` : ""))));
}

function drawAlarms() {
  const active = [...state.overview.alarms].sort((a, b) => b.id - a.id);
  const none = active.length ? [] : [el("p", { class: "soft" }, "No active alarm.")];
  fill($("alarms"), ...none, ...active.map(drawAlarm), ...state.past.map(drawAlarm));
}

function drawAlarm(alarm) {
  const [clearedAt, cleared] = alarm.cleared || [];
  const by = cleared && { operator: `operator ${cleared.who}`, event: "its cancel event",
    timeout: "its cancel timeout", configuration: "a new configuration" }[cleared.by];
  const clear = () => order(`/v1/alarms/${alarm.id}/clear`, () => `Alarm ${alarm.id} is cleared`);
  const about = alarm.application + (alarm.host ? ` on ${alarm.host}` : "");
  return el("article", {
    class: `alarm ${alarm.cleared ? "past" : alarm.category}`, "data-alarm": alarm.id,
  },
    el("div", { class: "row" },
      el("h3", {}, `${alarm.id} ${alarm.condition}${alarm.test ? " (test)" : ""}`),
      el("span", { class: "soft" }, `${alarm.category}, `, time(alarm.raised_at),
        alarm.repeats ? `, ${alarm.repeats} repeats` : "")),
    el("div", {}, `${about}: ${alarm.event.id} ${alarm.event.text}`),
    el("ul", { class: "list" }, ...alarm.reactions.map(drawReaction)),
    cleared ? el("div", { class: "soft" }, "cleared ", time(clearedAt), ` by ${by}`)
      : el("div", { class: "buttons" }, el("button", {
        type: "button", "data-key": `clear ${alarm.id}`, "aria-label": `Clear alarm ${alarm.id}`,
        onclick: clear,
      }, "Clear")));
}

function drawReaction({ reaction, phase, state: { is, text } }) {
  const mood = { succeeded: "good", failed: "bad" }[is] || "look";
  const clearance = phase === "cleared" ? " (clearance)" : "";
  return el("li", {}, `${reaction}${clearance}: `, el("span", { class: mood }, is),
    text ? `, ${text}` : "");
}

function drawCondition(one) {
  const runs = one.reactions.join(", ") || "nothing";
  const test = () => {
    ask(`Test ${one.name}?`, `Its reactions really run: ${runs}. No run mode changes.`, "Test",
      () => order(`/v1/conditions/${encodeURIComponent(one.name)}/test`,
        (answer) => `Alarm ${answer.alarm} is raised as a test`));
  };
  const by = one.detect.name ? `${one.detect.event} about ${one.detect.name}` : one.detect.event;
  return el("li", { "data-condition": one.name },
    el("span", {}, el("strong", {}, one.name), ` ${one.category}${one.enabled ? "" : ", disabled"}`,
      el("br"), el("span", { class: "soft" }, `${by}; runs ${runs}`)),
    el("button", {
      type: "button", "data-key": `test ${one.name}`, "aria-label": `Test ${one.name}`,
      onclick: test,
    }, "Test …"));
}

function drawWhy() {
  if (!state.steps.length) return fill($("why"), el("p", { class: "soft" }, "None yet."));
  const [first] = state.steps;
  const after = ({ secs, nanos }) => `+${(secs + nanos / 1e9).toFixed(3)} s`;
  fill($("why"), el("div", { class: "card" },
    el("div", { class: "row" }, el("h3", {}, `Decision ${first.switchover}, pair ${first.pair}`),
      el("span", { class: "soft" }, day.format(first.at))),
    el("ol", { class: "steps" }, ...state.steps.map((step) =>
      el("li", {}, el("time", {}, after(step.after)), el("span", {}, step.sentence))))));
}

function drawEvents() {
  fill($("events"), ...state.events.map(({ sequence, event }) =>
    el("li", { "data-sequence": sequence }, time(event.at), el("span", {}, event.id),
      el("span", { class: "soft" }, event.application || event.host || ""),
      el("span", { class: event.level === "alarm" ? "text look" : "text" }, event.text))));
}

/* ---- the token ---- */

function login(text) {
  sessionStorage.removeItem("token");
  state.connected = false;
  $("link").textContent = "not connected";
  $("login").hidden = false;
  $("login-text").textContent = text;
  $("headline").textContent = "Who is asking?";
  document.body.dataset.mood = "waiting";
  $("token").focus();
}

function enter(token) {
  state.token = token;
  sessionStorage.setItem("token", token);
  $("login").hidden = true;
  run();
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  enter($("token").value.trim());
});

// The token comes in the fragment, which no server sees, and does not stay in the address.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) history.replaceState(null, "", location.pathname);
const token = given || sessionStorage.getItem("token");
if (token) enter(token);
else login("The token is in the control server's configuration folder or from whoever runs it.");
