// Where people type: Enter sends, Shift+Enter is a new line; completion, formatting, and the app's global shortcuts.

import { h, s, icon } from "./h.js";
import { store, displayName, person } from "./store.js";
import { completion } from "./complete.js";
import { send, shortcut } from "./actions.js";
import { menu } from "./popover.js";
import { avatar } from "./people.js";
import { pickEmoji } from "./message.js";
import { emojiOf } from "./emoji.js";

const MARKS = [["b", "Bold", "*", "*"], ["i", "Italic", "_", "_"], ["s", "Strikethrough", "~", "~"], ["code", "Code", "`", "`"], ["pre", "Code block", "```\n", "\n```"], ["quote", "Quote", "> ", ""]];

/** A composer for `place`: {id, thread?}. What is typed stays in the store's drafts until it is sent. */
export function composer(place, { placeholder }) {
  const draftKey = `${place.id} ${place.thread ?? ""}`;
  const area = h("textarea", { class: "composer-text", rows: 1, placeholder, "aria-label": placeholder, dir: "auto", spellcheck: "false", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
    data: { testid: place.thread ? "thread-composer" : "composer" }, value: store.drafts.get(draftKey) ?? "" });
  const go = h("button", { class: "send", type: "button", "aria-label": "Send now", title: "Send now", data: { testid: place.thread ? "thread-send" : "send" }, onclick: () => submit() }, icon("send", 17));
  const tool = (label, face, onclick, testid) => h("button", { class: "tool", type: "button", title: label, "aria-label": label, data: { testid }, onclick }, face);
  const root = h("div", { class: "composer" },
    h("div", { class: "composer-box" },
      h("div", { class: "format-bar" }, MARKS.map(([name, label, open, close]) => tool(label, glyph(name), () => wrap(open, close)))),
      area,
      h("div", { class: "composer-bar" },
        tool("Shortcuts", icon("plus", 18), (e) => shortcuts(e.currentTarget, place), "shortcuts"),
        tool("Emoji", icon("smile"), (e) => pickEmoji(e.currentTarget, (name) => insert(emojiOf(name))), "emoji"),
        tool("Mention someone", h("span", { class: "at" }, "@"), () => insert("@")),
        tool("Run a command", h("span", { class: "at" }, "/"), () => { area.value = "/"; area.focus(); changed(); }),
        h("span", { class: "grow" }), go)));
  const offer = completion(area, root);
  let busy = false;

  function changed() {
    store.drafts.set(draftKey, area.value);
    area.style.height = "auto";
    if (area.scrollHeight) area.style.height = `${Math.min(area.scrollHeight, innerHeight * 0.45)}px`;
    go.disabled = !area.value.trim();
    offer.refresh();
  }

  function insert(text) {
    area.focus();
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    changed();
  }

  function wrap(open, close) {
    const { selectionStart: from, selectionEnd: to, value } = area;
    area.focus();
    area.setRangeText(open + value.slice(from, to) + close, from, to, "end");
    if (from === to) area.setSelectionRange(from + open.length, from + open.length);
    changed();
  }

  async function submit() {
    const typed = area.value;
    if (!typed.trim() || busy) return;
    busy = true;
    offer.close();
    area.value = "";
    changed();
    root.classList.add("busy");
    const sent = await send(place.id, typed, place.thread);
    root.classList.remove("busy");
    busy = false;
    if (!sent && !area.value) { area.value = typed; changed(); offer.close(); }
  }

  area.addEventListener("input", changed);
  area.addEventListener("click", () => offer.refresh());
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (offer.key(event)) { event.preventDefault(); event.stopPropagation(); return; }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); submit(); }
    const format = (event.metaKey || event.ctrlKey) && MARKS.find(([name]) => name === event.key.toLowerCase());
    if (format) { event.preventDefault(); wrap(format[2], format[3]); }
  });
  go.disabled = !area.value.trim();
  requestAnimationFrame(() => { if (area.isConnected && area.value) { changed(); offer.close(); } });
  root.focusText = () => area.focus();
  return root;
}

function shortcuts(anchor, place) {
  const app = person(store.bot.user_id);
  const all = store.shortcuts.filter((x) => x.type === "global");
  menu(anchor, [{ heading: "Shortcuts" }, ...(all.length
    ? all.map((x) => ({ label: x.name, hint: x.description || displayName(app), icon: avatar(app, 28), data: { callbackId: x.callback_id }, run: () => shortcut(x.callback_id, null, place.id) }))
    : [{ label: "No app has a shortcut here" }])], { label: "Shortcuts" });
}

const GLYPHS = { code: "M7 5 2.5 10 7 15M13 5l4.500 5L13 15", pre: "M3 4h14v12H3zM7.500 8 5.500 10l2 2M12.500 8l2 2-2 2", quote: "M3.500 4v12M7.500 6h9M7.500 10h9M7.500 14h6" };

function glyph(name) {
  if (!GLYPHS[name]) return h("span", { class: `glyph glyph-${name}` }, { b: "B", i: "I", s: "S" }[name]);
  return s("svg", { viewBox: "0 0 20 20", width: 16, height: 16, fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }, s("path", { d: GLYPHS[name] }));
}

/** What stands in the composer's place where nobody can write. */
export function closedComposer(c, actions) {
  const text = c.is_archived ? "You are viewing an archived channel" : "You are viewing";
  return h("div", { class: "closed-composer" }, h("p", null, text, " ", h("b", null, `#${c.name}`)),
    c.is_archived ? null : h("button", { class: "button primary", type: "button", data: { testid: "join" }, onclick: () => actions.join(c.id) }, "Join channel"));
}

