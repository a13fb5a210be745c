// The bar at the top: jump to a channel, a person or the app (Ctrl+K).

import { h, icon, replace } from "./h.js";
import { store, displayName, me } from "./store.js";
import { dialog, arrows } from "./popover.js";
import { avatar } from "./people.js";
import { goto, openDm } from "./actions.js";

export function switcher() {
  addEventListener("keydown", (e) => { if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); open(); } });
  return h("div", { class: "topbar" },
    h("button", { class: "jump-field", type: "button", onclick: open }, icon("search", 15), h("span", null, `Search ${store.team.name ?? ""}`)),
    h("span", { class: "topbar-me", title: displayName(me()) }, avatar(me(), 26)));
}

function targets() {
  const channels = [...store.channels.values()].filter((c) => !c.is_im).map((c) => ({ label: c.name, face: icon(c.is_private ? "lock" : "hash", 16), side: c.is_archived ? "archived" : null, run: () => goto(c.id) }));
  const people = [...store.people.values()].filter((p) => !p.deleted).map((p) => ({ label: displayName(p), face: avatar(p, 20), side: p.is_bot ? "App" : p.title,
    run: async () => { if (p.is_bot) location.hash = "/home"; else { const id = await openDm(p.id); if (id) goto(id); } } }));
  return [...channels, ...people];
}

function open() {
  if (document.querySelector(".switcher")) return;
  dialog((close) => {
    const list = h("div", { class: "listbox", role: "listbox", "aria-label": "Places" });
    const fill = () => {
      const words = field.value.toLowerCase().replace(/^[#@]/, "");
      replace(list, targets().filter((t) => t.label.toLowerCase().includes(words)).slice(0, 12).map((t) => h("button", { class: "option", role: "option", type: "button", onclick: () => { close(); t.run(); } }, t.face, h("span", { class: "menu-text" }, t.label), t.side ? h("small", null, t.side) : null)));
    };
    const field = h("input", { class: "select-search", type: "text", placeholder: "Jump to…", "aria-label": "Jump to a channel or a person", data: { autofocus: "" }, oninput: fill,
      onkeydown: (e) => { if (e.key === "Enter") list.querySelector(".option")?.click(); } });
    fill();
    return h("div", { onkeydown: (e) => arrows(list, ".option", e) }, field, list);
  }, { label: "Jump to", className: "switcher" });
}
