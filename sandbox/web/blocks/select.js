// Select menus with search, option groups and descriptions; single and multi; options given, people, channels.

import { h, icon, replace } from "../h.js";
import { store, displayName } from "../store.js";
import { plainString } from "../mrkdwn.js";
import { popover, arrows } from "../popover.js";
import { avatar } from "../people.js";

const HINT = { static: "Select an item", external: "Select an item", users: "Select a user", conversations: "Select a conversation", channels: "Select a channel" };

/** [{heading?, items: [{value, label, hint?, face?, raw}]}]; `raw` is what goes into the value. */
function groupsOf(e, kind) {
  if (kind === "users") return [{ items: people() }];
  if (kind === "channels") return [{ items: channels((c) => !c.is_im) }];
  if (kind === "conversations") {
    const wanted = e.filter?.include;
    const direct = !wanted || wanted.includes("im") ? people() : [];
    return [{ items: [...channels((c) => !c.is_im && (!wanted || wanted.includes(c.is_private ? "private" : "public"))), ...direct.map((p) => ({ ...p, ...dm(p) }))] }];
  }
  const items = (options) => (options ?? []).map((o) => ({ value: o.value, label: plainString(o.text), hint: plainString(o.description), raw: o }));
  return e.option_groups ? e.option_groups.map((g) => ({ heading: plainString(g.label), items: items(g.options) })) : [{ items: items(e.options) }];
}

function dm(p) {
  const open = [...store.channels.values()].find((c) => c.is_im && c.user === p.value);
  const id = open?.id ?? p.value;
  return { value: id, raw: id };
}

const people = () => [...store.people.values()].filter((p) => !p.is_bot && !p.deleted)
  .map((p) => ({ value: p.id, label: displayName(p), hint: p.title, face: () => avatar(p, 20), raw: p.id }));
const channels = (wanted) => [...store.channels.values()].filter((c) => !c.is_archived && wanted(c))
  .map((c) => ({ value: c.id, label: c.name, face: () => icon(c.is_private ? "lock" : "hash", 15), raw: c.id }));

const lookup = (kind, raw) => {
  if (raw && typeof raw === "object") return { value: raw.value, label: plainString(raw.text), raw };
  const p = store.people.get(raw);
  const c = store.channels.get(raw);
  const label = p ? displayName(p) : c ? (c.is_im ? displayName(store.people.get(c.user)) : `#${c.name}`) : String(raw);
  return { value: raw, label, raw, face: p ? () => avatar(p, 20) : null };
};

export function select(e, { value, change, ids, input }) {
  const many = e.type.startsWith("multi_");
  const kind = e.type.replace(/^multi_/, "").replace(/_select$/, "");
  let chosen = (many ? value : value ? [value] : []).map((raw) => lookup(kind, raw));
  const placeholder = plainString(e.placeholder) || HINT[kind] || "Select";

  const face = h("span", { class: "select-face" });
  const control = h(many ? "div" : "button", { class: ["select", many && "select-multi", !input && "select-inline"], type: many ? null : "button", role: "combobox", tabindex: "0", "aria-haspopup": "listbox", "aria-expanded": "false",
    "aria-label": input ? null : placeholder, "aria-labelledby": input?.labelId, data: { ...ids, ...(e.focus_on_load ? { autofocus: "" } : {}) },
    onclick: () => open(), onkeydown: (event) => { if (["Enter", " ", "ArrowDown"].includes(event.key) && event.target === control) { event.preventDefault(); open(); } } }, face, icon("chevron", 16));
  draw();

  function draw() {
    const chips = chosen.map((o) => (many
      ? h("span", { class: "chip" }, o.face?.(), h("span", { class: "chip-text" }, o.label), h("button", { class: "chip-x", type: "button", "aria-label": `Remove ${o.label}`, onclick: (event) => { event.stopPropagation(); take(chosen.filter((x) => x.value !== o.value)); } }, icon("close", 12)))
      : h("span", { class: "select-value" }, o.face?.(), h("span", { class: "chip-text" }, o.label))));
    replace(face, chips.length ? chips : h("span", { class: "select-placeholder" }, placeholder));
    control.dataset.value = chosen.map((o) => o.value).join(",");
  }

  async function take(next) {
    const before = chosen;
    chosen = next;
    draw();
    const raws = next.map((o) => o.raw);
    if (!(await change(many ? raws : raws[0] ?? null))) { chosen = before; draw(); }
  }

  let shut = null;
  function open() {
    if (shut) return shut(true);
    const list = h("div", { class: "listbox", role: "listbox", "aria-label": placeholder, "aria-multiselectable": many || null });
    const search = h("input", { class: "select-search", type: "text", placeholder: "Search…", "aria-label": "Search options", autocomplete: "off", oninput: () => fill(),
      onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); list.querySelector(".option")?.click(); } } });
    const fill = () => {
      const words = search.value.trim().toLowerCase();
      const match = (o) => !words || `${o.label} ${o.hint ?? ""}`.toLowerCase().includes(words);
      const rows = groupsOf(e, kind).map((g) => [g.heading, g.items.filter(match)]).filter(([, items]) => items.length);
      replace(list, rows.length ? rows.map(([heading, items]) => [heading ? h("div", { class: "menu-heading" }, heading) : null, items.map(option)]) : h("div", { class: "listbox-none" }, "No results"));
    };
    const option = (o) => {
      const picked = chosen.some((x) => x.value === o.value);
      return h("button", { class: "option", role: "option", type: "button", tabindex: "-1", "aria-selected": String(picked), data: { value: o.value }, onclick: () => {
        if (!many) { shut(true); take([o]); return; }
        if (!picked && e.max_selected_items && chosen.length >= e.max_selected_items) return;
        take(picked ? chosen.filter((x) => x.value !== o.value) : [...chosen, o]);
        fill();
        search.focus();
      } }, o.face?.(), h("span", { class: "menu-text" }, h("span", null, o.label), o.hint ? h("small", null, o.hint) : null), picked ? icon("check", 16) : null);
    };
    fill();
    const body = h("div", { class: "select-pop", onkeydown: (event) => arrows(list, ".option", event) }, search, list);
    shut = popover(control, body, { label: placeholder, width: Math.max(240, control.offsetWidth), onclose: () => { shut = null; } });
    search.focus();
  }

  return control;
}
