// A list of messages that follows the store: day dividers, grouping, the "New" line, and a scroll position that stays put.

import { h, icon } from "./h.js";
import { on, store, channel, channelMessages, isReply } from "./store.js";
import { messageNode } from "./message.js";
import { dayKey, dayLabel, ofTs } from "./time.js";

const GROUP_SECONDS = 300;

/** `place`: {id, thread?}. `top`: a node shown above the first message. */
export function messageList(place, top) {
  const items = h("div", { class: "items", role: "log", "aria-live": "polite", "aria-relevant": "additions" });
  const jump = h("button", { class: "jump", type: "button", hidden: true, onclick: () => toEnd() }, icon("down", 14), "New messages");
  const scroller = h("div", { class: "scroller", tabindex: "0", "aria-label": "Messages" }, h("div", { class: "spring" }), top, items);
  const root = h("div", { class: "list" }, scroller, jump);
  const nodes = new Map(); // key -> node
  const drawn = new Map(); // key -> the wish it was drawn from
  let stuck = true;

  const toEnd = () => { stuck = true; jump.hidden = true; scroller.scrollTop = scroller.scrollHeight; };
  scroller.addEventListener("scroll", () => {
    stuck = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
    if (stuck) jump.hidden = true;
  }, { passive: true });
  const observer = new ResizeObserver(() => { if (stuck) scroller.scrollTop = scroller.scrollHeight; });
  observer.observe(items);
  observer.observe(scroller);

  function wanted() {
    const all = [...channelMessages(place.id).values()].sort((a, b) => (a.ts < b.ts ? -1 : 1));
    const shown = place.thread
      ? all.filter((m) => m.ts === place.thread || m.thread_ts === place.thread)
      : all.filter((m) => !isReply(m) || m.subtype === "thread_broadcast" || m.reply_broadcast);
    const pins = new Set(channel(place.id)?.pins);
    const out = [];
    let last = null;
    for (const m of shown) {
      const date = ofTs(m.ts);
      const day = dayKey(date);
      const newDay = !last || last.day !== day;
      if (newDay && !place.thread) out.push({ key: `day ${day}`, json: dayLabel(date), make: () => divider(dayLabel(date)) });
      const fresh = !place.thread && store.newSince.get(place.id) === m.ts;
      if (fresh) out.push({ key: "new", json: "", make: () => h("div", { class: "divider divider-new" }, h("span", null, "New")) });
      const follows = Boolean(!newDay && !fresh && last.user === m.user && last.username === m.username && Boolean(last.is_ephemeral) === Boolean(m.is_ephemeral)
        && m.ts - last.ts < GROUP_SECONDS && last.ts !== place.thread && m.subtype !== "thread_broadcast");
      out.push({ key: `m ${m.ts}`, message: m, follows, json: `${follows} ${pins.has(m.ts)}` });
      if (place.thread && m.ts === place.thread && m.reply_count) out.push({ key: "replies", json: String(m.reply_count), make: () => h("div", { class: "divider divider-replies" }, h("span", null, `${m.reply_count} ${m.reply_count === 1 ? "reply" : "replies"}`)) });
      last = { day, ...m };
    }
    return out;
  }

  function update() {
    const want = wanted();
    const anchor = stuck ? null : firstVisible();
    const grown = want.at(-1)?.key !== [...nodes.keys()].at(-1) && nodes.size > 0;
    const last = want.at(-1)?.message;
    if (grown && last?.user === store.as) stuck = true; // what I say myself I want to see
    const keep = new Set(want.map((w) => w.key));
    for (const [key, node] of nodes) if (!keep.has(key)) { node.remove(); nodes.delete(key); drawn.delete(key); }
    want.forEach((w, i) => {
      let node = nodes.get(w.key);
      const was = drawn.get(w.key);
      const same = was?.json === w.json && was.message === w.message;
      if (!node || (w.make && !same)) {
        node?.remove();
        node = w.make ? w.make() : messageNode(w.message, place);
      }
      if (w.message && !same) node.update(w.message, w);
      drawn.set(w.key, w);
      nodes.delete(w.key);
      nodes.set(w.key, node);
      if (items.children[i] !== node) items.insertBefore(node, items.children[i] ?? null);
    });
    if (stuck) toEnd();
    else {
      if (anchor?.node.isConnected) scroller.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
      if (grown) jump.hidden = false;
    }
  }

  function firstVisible() {
    const edge = scroller.getBoundingClientRect().top;
    const node = [...items.children].find((n) => n.getBoundingClientRect().bottom > edge);
    return node && { node, top: node.getBoundingClientRect().top };
  }

  let due = null; // a burst of events is one drawing
  const soon = () => { due ??= setTimeout(() => { due = null; update(); }, 16); };
  const offs = [on("messages", (id) => { if (id === place.id) soon(); }), on("state", soon), on("reveal", (ts) => root.reveal(ts))];
  root.destroy = () => { offs.forEach((off) => off()); observer.disconnect(); clearTimeout(due); };
  root.reveal = (ts) => {
    update();
    const node = nodes.get(`m ${ts}`);
    if (!node) return;
    stuck = false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("flash");
    setTimeout(() => node.classList.remove("flash"), 1800);
  };
  update();
  return root;
}

const divider = (text) => h("div", { class: "divider", role: "separator" }, h("span", null, text));
