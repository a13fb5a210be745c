// The panel "Break something": what can be broken in the shop, what its alarms and queues say, and the mails that went out.

import { h, icon, replace } from "./h.js";
import { emit, on, store } from "./store.js";

const EVERY = 2000;
const ALARMS_SHOWN = 40;
const SIGNS = { GreaterThanThreshold: ">", GreaterThanOrEqualToThreshold: "≥", LessThanThreshold: "<", LessThanOrEqualToThreshold: "≤", GreaterThanUpperThreshold: ">", LessThanLowerThreshold: "<", LessThanLowerOrGreaterThanUpperThreshold: "outside" };
const STATES = { fine: "Fine", broken: "Broken", healing: "Healing" };
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

let open = sessionStorage.getItem("world") === "open";
let seen = null; // the shop as it was last asked
let lost = false;
const busy = new Set();

const aws = () => store.world?.aws;

async function ask(path, body) {
  try {
    const response = await fetch(`${aws()}/sandbox-aws/${path}`, body ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {});
    const answer = await response.json();
    lost = !answer.ok;
    return answer;
  } catch {
    lost = true;
    return null;
  }
}

function turn(on) {
  open = on;
  sessionStorage.setItem("world", on ? "open" : "");
  document.body.classList.remove("side-open");
  emit("world");
  document.querySelector(on ? '[data-testid="break-panel-close"]' : '[data-testid="break-panel-toggle"]')?.focus();
}

/** The button at the foot of the sidebar; there is none without a shop to break. */
export function worldToggle() {
  if (!aws()) return null;
  return h("div", { class: "side-foot" }, h("button", { class: ["side-row", open && "current"], type: "button", "aria-expanded": String(open), data: { testid: "break-panel-toggle" }, onclick: () => turn(!open) },
    h("span", { class: "side-face" }, icon("bolt", 16)), h("span", { class: "side-label" }, "Break something")));
}

export function worldPane() {
  const body = h("div", { class: "world-body" });
  const root = h("aside", { class: "world", hidden: true, "aria-label": "Break something", data: { testid: "break-panel" }, onkeydown: (e) => { if (e.key === "Escape" && !e.defaultPrevented) turn(false); } });
  let timer = null;
  let drawn = "";

  const draw = () => {
    const now = JSON.stringify([seen, lost, [...busy]]);
    if (now === drawn) return;
    drawn = now;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    const unfolded = new Set([...body.querySelectorAll("details[open]")].map((d) => d.dataset.mail));
    const scroll = body.scrollTop;
    replace(body, lost && h("p", { class: "world-lost", role: "alert" }, icon("warn", 16), "AWS does not answer. Is it still running?"), seen && [queues(), services(), scenarios(press), alarms(), mails(unfolded)]);
    body.scrollTop = scroll;
    if (focused) (body.querySelector(`[data-testid="${focused}"]`) ?? body.querySelector(`[data-testid="${focused.replace(/^(break|heal)-/, (w) => (w === "break-" ? "heal-" : "break-"))}"]`))?.focus();
  };
  const look = async () => {
    const answer = await ask("shop");
    if (answer?.ok) seen = answer;
    draw();
  };
  const press = async (what, id) => {
    busy.add(id);
    draw();
    await ask(`shop/${what}`, { scenario: id });
    await look();
    busy.delete(id);
    draw();
  };
  const follow = () => {
    const on = open && Boolean(aws());
    document.body.classList.toggle("with-world", on);
    if (root.hidden === !on) return;
    root.hidden = !on;
    clearInterval(timer);
    if (!on) return;
    replace(root, head(), body);
    look();
    timer = setInterval(() => { if (!document.hidden) look(); }, EVERY);
  };
  on("world", follow);
  on("state", follow);
  follow();
  return root;
}

function head() {
  const beside = (name, url) => url && h("a", { class: "button small", href: url, target: "_blank", rel: "noopener", title: "In a new tab", data: { testid: `${name.toLowerCase()}-link` } }, name);
  return h("header", { class: "world-head" }, h("h2", null, "Break something"),
    beside("PagerDuty", store.world.pagerduty), beside("GitHub", store.world.github),
    h("button", { class: "icon-button", type: "button", "aria-label": "Close panel", data: { testid: "break-panel-close" }, onclick: () => turn(false) }, icon("close")));
}

function section(title, side, ...children) {
  return h("section", { class: "world-section" }, h("div", { class: "world-title" }, h("h3", null, title), side), children);
}

function scenarios(press) {
  const any = seen.scenarios.some((s) => s.state === "broken");
  const all = any ? h("button", { class: "link-button", type: "button", data: { testid: "heal-all" }, onclick: () => press("heal-all", "all") }, "Heal everything") : null;
  return section("The shop", all, h("ul", { class: "scenarios" }, seen.scenarios.map((s) => {
    const what = s.state === "broken" ? "heal" : "break";
    return h("li", { class: ["scenario", s.state], data: { testid: `scenario-${s.id}`, state: s.state } },
      h("div", { class: "scenario-text" },
        h("div", { class: "scenario-name" }, h("strong", null, s.title), s.state === "fine" ? null : h("span", { class: ["scenario-state", s.state] }, STATES[s.state], s.firing ? ` · ${s.firing} alarm${s.firing === 1 ? "" : "s"}` : null)),
        h("p", null, s.explanation, s.fix && s.state !== "fine" ? h("span", { class: "scenario-fix" }, ` Fix: ${s.fix}`) : null)),
      h("button", { class: ["button small", what === "heal" && "primary", busy.has(s.id) && "busy"], type: "button", "aria-label": `${what === "heal" ? "Heal" : "Break"}: ${s.title}`, disabled: busy.has(s.id), data: { testid: `${what}-${s.id}` }, onclick: () => press(what, s.id) },
        h("span", { class: "spinner" }), what === "heal" ? "Heal" : "Break"));
  })));
}

/** What runs in ECS: a deployment, a restart or one more task can be seen here as it happens. */
function services() {
  return section("ECS", h("span", { class: "muted" }, "running / desired"), h("ul", { class: "alarms" }, (seen.services ?? []).map((s) => {
    const short = s.running < s.desired;
    const state = s.rollout === "FAILED" ? "deployment failed" : s.deploying ? "deploying" : null;
    return h("li", { class: "alarm", title: `${s.name}\n${s.image}\n${s.rollout}`, data: { testid: `ecs-${s.name}`, state: short ? "ALARM" : "OK", revision: s.task_definition } },
      h("i", { class: "alarm-dot", role: "img", "aria-label": short ? "too few tasks" : "all tasks run" }), h("span", { class: "alarm-name" }, s.name, " ", h("span", { class: "alarm-limit" }, `revision ${s.task_definition.split(":").pop()}`, state ? ` · ${state}` : null)),
      h("span", { class: "alarm-value" }, h("b", null, `${s.running}`), h("span", { class: "alarm-limit" }, `/ ${s.desired}${s.pending ? ` (+${s.pending})` : ""}`)));
  })));
}

function queues() {
  const tile = (label, count, testid, bad) => h("div", { class: ["tile", bad && count > 0 && "bad"], data: { testid } }, h("strong", null, compact.format(count)), h("span", null, label));
  return h("section", { class: "world-section world-queue", "aria-label": "Alert queue" }, h("div", { class: "tiles" },
    tile("alerts waiting", seen.queue.waiting, "queue-depth"), tile("in flight", seen.queue.in_flight, "queue-in-flight"), tile("dead letters", seen.dlq.waiting + seen.dlq.in_flight, "dlq-depth", true)));
}

function measured(alarm) {
  if (alarm.value === null) return null;
  const limit = alarm.operator === "LessThanLowerThreshold" ? alarm.low : alarm.high;
  const against = alarm.operator === "LessThanLowerOrGreaterThanUpperThreshold" ? `${compact.format(alarm.low)}–${compact.format(alarm.high)}` : limit === null ? "?" : compact.format(limit);
  return [h("b", null, compact.format(alarm.value)), h("span", { class: "alarm-limit" }, `(${SIGNS[alarm.operator] ?? ""} ${against})`)];
}

function alarms() {
  const firing = seen.alarms.filter((a) => a.state === "ALARM").length;
  const rest = seen.alarms.length - ALARMS_SHOWN;
  return section("Alarms", h("span", { class: "muted" }, firing ? `${firing} of ${seen.alarms.length} in ALARM` : `all ${seen.alarms.length} quiet`),
    h("ul", { class: "alarms" }, seen.alarms.slice(0, ALARMS_SHOWN).map((a) => h("li", { class: "alarm", title: `${a.name}\n${a.description ?? ""}\n${a.state}`, data: { testid: `alarm-${a.name}`, state: a.state } },
      h("i", { class: "alarm-dot", role: "img", "aria-label": a.state }), h("span", { class: "alarm-name" }, a.name),
      h("span", { class: "alarm-value" }, a.kind === "CompositeAlarm" ? h("span", { class: "alarm-limit" }, "composite") : measured(a))))),
    rest > 0 ? h("p", { class: "muted" }, `and ${rest} more`) : null);
}

function mails(unfolded) {
  if (!seen.mails.length) return section("Mailbox", null, h("p", { class: "muted" }, "No mail has gone out."));
  return section("Mailbox", null, h("ul", { class: "mails" }, seen.mails.map((m) => {
    const key = `${m.at} ${m.subject}`;
    return h("li", { data: { testid: "mail" } }, h("details", { open: unfolded.has(key), data: { mail: key } },
      h("summary", null, h("span", { class: ["sev", `sev-${m.severity}`] }, `SEV-${m.severity}`), h("span", { class: "mail-subject" }, m.subject), h("time", { datetime: m.at }, new Date(m.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }))),
      h("pre", null, m.text)));
  })));
}
