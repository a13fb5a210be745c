// What the composer offers while people type: commands after "/", people after "@", channels after "#", emoji after ":".

import { h, icon } from "./h.js";
import { store, displayName, person } from "./store.js";
import { avatar } from "./people.js";
import { EMOJI } from "./emoji.js";
import { builtins } from "./actions.js";

/** The word at the caret that can be completed: {kind, word, from, to} or null. */
function wordAt(text, caret) {
  const before = text.slice(0, caret);
  const command = before.match(/^\/[\w-]*$/);
  if (command) return { kind: "/", word: command[0], from: 0, to: caret };
  const found = before.match(/(?:^|\s|\()([@#:])([\w.+-]*)$/);
  if (!found || (found[1] === ":" && found[2].length < 2)) return null;
  return { kind: found[1], word: found[2].toLowerCase(), from: caret - found[2].length - 1, to: caret };
}

const starts = (word, ...names) => names.some((n) => n && n.toLowerCase().split(/[\s.]+/).concat(n.toLowerCase()).some((part) => part.startsWith(word)));

const OFFER = {
  "/": (word) => [...store.commands, ...builtins()].filter((c) => c.command.startsWith(word)).map((c) => ({
    insert: c.command, face: c.builtin ? h("span", { class: "complete-slack" }, "/") : avatar(person(store.bot.user_id) ?? { id: "app" }, 28), label: c.command, side: c.usage_hint, hint: c.description, group: c.builtin ? "Slack" : displayName(person(store.bot.user_id)),
  })),
  "@": (word) => [
    ...[...store.people.values()].filter((p) => starts(word, p.name, p.real_name)).map((p) => ({ insert: `@${displayName(p)}`, face: avatar(p, 20), label: displayName(p), hint: p.title })),
    ...[["here", "Notify every online member"], ["channel", "Notify everyone in this channel"], ["everyone", "Notify everyone in the workspace"]].filter(([n]) => n.startsWith(word)).map(([n, hint]) => ({ insert: `@${n}`, face: icon("people"), label: `@${n}`, hint })),
  ],
  "#": (word) => [...store.channels.values()].filter((c) => !c.is_im && c.name?.includes(word)).map((c) => ({ insert: `#${c.name}`, face: icon("hash", 16), label: c.name })),
  ":": (word) => [...EMOJI].filter(([name]) => name.startsWith(word) || name.includes(`_${word}`)).slice(0, 8).map(([name, char]) => ({ insert: char, face: h("span", { class: "emoji" }, char), label: `:${name}:` })),
};

/** Attaches completion to a textarea. Returns {key(event): handled?, refresh(), close()}. */
export function completion(area, host) {
  const box = h("div", { class: "complete", role: "listbox", "aria-label": "Suggestions", hidden: true, data: { testid: "complete" } });
  host.append(box);
  let items = [];
  let at = 0;
  let word = null;

  function refresh() {
    word = area.selectionStart === area.selectionEnd ? wordAt(area.value, area.selectionStart) : null;
    items = word ? OFFER[word.kind](word.word).slice(0, 10) : [];
    if (items.length === 1 && items[0].insert === area.value.slice(word.from, word.to)) items = word.kind === "/" ? items : [];
    at = 0;
    draw();
  }

  function draw() {
    box.hidden = !items.length;
    area.setAttribute("aria-expanded", String(!box.hidden));
    let group = null;
    box.replaceChildren(...items.flatMap((item, i) => {
      const heading = item.group && item.group !== group ? h("div", { class: "menu-heading" }, group = item.group) : null;
      const row = h("div", { class: ["complete-item", i === at && "active"], role: "option", id: `complete-${i}`, "aria-selected": String(i === at), data: { insert: item.insert },
        onpointerdown: (e) => { e.preventDefault(); take(item); }, onpointermove: () => { if (at !== i) { at = i; mark(); } } },
      item.face, h("span", { class: "complete-text" }, h("span", null, h("b", null, item.label), item.side ? h("span", { class: "complete-side" }, ` ${item.side}`) : null), item.hint ? h("small", null, item.hint) : null));
      return heading ? [heading, row] : [row];
    }));
    mark();
  }

  function mark() {
    box.querySelectorAll(".complete-item").forEach((el, i) => { el.classList.toggle("active", i === at); el.setAttribute("aria-selected", String(i === at)); if (i === at) el.scrollIntoView({ block: "nearest" }); });
    if (items.length) area.setAttribute("aria-activedescendant", `complete-${at}`); else area.removeAttribute("aria-activedescendant");
  }

  function take(item) {
    area.setRangeText(`${item.insert} `, word.from, word.to, "end");
    close();
    area.dispatchEvent(new Event("input"));
    area.focus();
  }

  function close() { items = []; box.hidden = true; area.setAttribute("aria-expanded", "false"); }

  function key(event) {
    if (box.hidden) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { at = (at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length; mark(); return true; }
    if (event.key === "Tab" || event.key === "Enter") {
      if (event.key === "Enter" && word.kind === "/" && items[at].insert === area.value.trim()) return false; // the command is complete: send it
      take(items[at]);
      return true;
    }
    if (event.key === "Escape") { close(); return true; }
    return false;
  }

  area.addEventListener("blur", () => setTimeout(close, 100));
  return { key, refresh, close };
}
