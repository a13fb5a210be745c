// The aubergine column: workspace, whether the bot is connected, who is acting, channels, direct messages, the app.

import { h, icon, replace } from "./h.js";
import { on, store, me, displayName, person } from "./store.js";
import { avatar } from "./people.js";
import { goto, openDm } from "./actions.js";
import { worldToggle } from "./world.js";

export function sidebar() {
  const root = h("nav", { class: "sidebar", "aria-label": "Workspace" });
  const draw = () => {
    const focused = root.contains(document.activeElement) ? document.activeElement.dataset?.testid : null;
    const scroll = root.querySelector(".side-scroll")?.scrollTop ?? 0;
    replace(root, workspace(), h("div", { class: "side-scroll" }, channels(), directs(), apps()), worldToggle());
    root.querySelector(".side-scroll").scrollTop = scroll;
    if (focused) root.querySelector(`[data-testid="${focused}"]`)?.focus();
  };
  on("state", draw);
  on("route", draw);
  on("link", draw);
  on("world", draw);
  draw();
  return root;
}

function workspace() {
  const { connected, name } = store.bot;
  const state = !store.online ? "Workspace not reachable" : connected ? `${name ?? "Bot"} is connected` : `${name ?? "Bot"} is not connected`;
  return h("header", { class: "workspace" },
    h("div", { class: "team" }, h("span", { class: "team-icon", "aria-hidden": "true" }, (store.team.name ?? "?").slice(0, 1)), h("h1", null, store.team.name ?? "Workspace")),
    h("div", { class: "bot-state", role: "status", data: { testid: "bot-state", connected: String(Boolean(connected && store.online)) } }, h("i", { class: ["dot", connected && store.online && "on"] }), state),
    h("label", { class: "act-as" }, avatar(me(), 26), h("span", { class: "act-as-text" }, h("small", null, ["You act as", me().title].filter(Boolean).join(" · ")),
      h("select", { "aria-label": "Act as", data: { testid: "act-as" }, onchange: (e) => { location.href = `/?as=${e.target.value}${location.hash}`; } },
        [...store.people.values()].filter((p) => !p.is_bot && !p.deleted).map((p) => h("option", { value: p.id, selected: p.id === store.as }, displayName(p)))))));
}

const active = (id) => store.route.page === "channel" && store.route.channel === id;

function row({ id, label, face, unread, mentions, direct, outside, testid, current, onclick }) {
  return h("button", { class: ["side-row", current && "current", unread && !current && "unread", outside && "outside"], type: "button", "aria-current": current ? "page" : null, data: { testid, channel: id }, onclick: onclick ?? (() => goto(id)) },
    h("span", { class: "side-face" }, face), h("span", { class: "side-label", dir: "auto" }, label),
    unread && !current ? h("span", { class: ["side-badge", (mentions || direct) && "loud"], "aria-label": `${unread} unread` }, String(Math.min(unread, 99))) : null);
}

function group(title, rows) {
  return h("section", { class: "side-group" }, h("h2", null, icon("chevron", 14), title), rows);
}

function channels() {
  const all = [...store.channels.values()].filter((c) => !c.is_im && (!c.is_archived || active(c.id)))
    .sort((a, b) => Number(b.is_member ?? true) - Number(a.is_member ?? true) || a.name.localeCompare(b.name));
  return group("Channels", all.map((c) => row({ id: c.id, label: c.name, face: icon(c.is_private ? "lock" : "hash", 16), unread: c.is_member === false ? 0 : c.unread, mentions: c.mentions, outside: c.is_member === false && !active(c.id), testid: `channel-${c.name}`, current: active(c.id) })));
}

function directs() {
  const open = new Map([...store.channels.values()].filter((c) => c.is_im).map((c) => [c.user, c]));
  const people = [...store.people.values()].filter((p) => !p.is_bot && !p.deleted);
  return group("Direct messages", people.map((p) => {
    const c = open.get(p.id);
    const you = p.id === store.as;
    return row({ id: c?.id, label: [displayName(p), you ? h("small", null, " you") : null], face: avatar(p, 20), unread: c?.unread, direct: true, testid: `dm-${p.name}`, current: c && active(c.id),
      onclick: async () => { const id = await openDm(p.id); if (id) goto(id); } });
  }));
}

function apps() {
  const bot = person(store.bot.user_id);
  if (!bot) return null;
  const c = [...store.channels.values()].find((x) => x.is_im && x.user === bot.id);
  return group("Apps", [row({ id: c?.id, label: displayName(bot), face: avatar(bot, 20), unread: c?.unread, direct: true, testid: "app-home", current: store.route.page === "home", onclick: () => { location.hash = c?.unread ? "/home/messages" : "/home"; } })]);
}
