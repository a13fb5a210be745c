// One message: who, when, what; blocks, files, reactions, the thread bar and the hover toolbar.

import { h, icon, replace } from "./h.js";
import { store, channel, displayName, isReply, dropMessage, person } from "./store.js";
import { mrkdwn, plain, emojiNode, plainString } from "./mrkdwn.js";
import { author, avatar, tags } from "./people.js";
import { fullTime, ofTs, shortTime, timeOf, ago } from "./time.js";
import { emojiOf, PICKER, QUICK } from "./emoji.js";
import { Form } from "./blocks/form.js";
import { renderMessageBlocks } from "./blocks/index.js";
import { act, goto, react, shortcut } from "./actions.js";
import { menu, popover } from "./popover.js";
import { files } from "./files.js";

/** Makes the node of a message; `node.update(message, {follows})` draws it again. `place`: {id, thread} — where it is shown. */
export function messageNode(message, place) {
  const form = new Form();
  form.conversation = place.id;
  const parts = { gutter: h("div", { class: "gutter" }), head: h("div", { class: "msg-head" }), text: h("div", { class: "msg-text" }), body: h("div", { class: "msg-body" }), error: h("div", { class: "action-error", role: "alert", hidden: true }), files: h("div"), reactions: h("div"), thread: h("div") };
  const note = h("div", { class: "msg-note" });
  const node = h("article", { class: "msg", data: { ts: message.ts, testid: message.is_ephemeral ? "ephemeral" : "message" } },
    note, parts.gutter, h("div", { class: "msg-main" }, parts.head, parts.text, parts.body, parts.error, parts.files, parts.reactions, parts.thread));
  let current = message;
  const container = () => ({ type: "message", channel: place.id, message_ts: current.ts, ...(current.thread_ts ? { thread_ts: current.thread_ts } : {}), ...(current.is_ephemeral ? { is_ephemeral: true } : {}) });
  const ctx = {
    surface: "message", form, get container() { return container(); },
    act: (element, block, fields, anchor) => { parts.error.hidden = true; return act({ container: container(), form, onerror: ctx.onerror }, element, block, fields, anchor); },
    onerror: (text) => { replace(parts.error, icon("warn", 16), text); parts.error.hidden = false; },
  };
  let bar = null;
  const tools = () => { if (!bar && !current.is_ephemeral) node.append(bar = toolbar(() => current, place)); };
  node.addEventListener("pointerenter", tools);
  node.addEventListener("focusin", tools);

  node.update = (next, { follows }) => {
    current = next;
    const who = author(next);
    const date = ofTs(next.ts);
    const pinned = channel(place.id)?.pins?.includes(next.ts);
    node.classList.toggle("follows", follows && !pinned);
    node.classList.toggle("ephemeral", Boolean(next.is_ephemeral));
    node.classList.toggle("pinned", Boolean(pinned));
    node.setAttribute("aria-label", `${displayName(who)}, ${fullTime(date)}`);
    replace(note, next.is_ephemeral ? [icon("eye", 14), "Only visible to you"] : pinned ? [icon("pin", 14), "Pinned"] : next.subtype === "thread_broadcast" && !place.thread ? broadcastNote(place, next) : null);
    const stamp = (text) => h("a", { class: "stamp", href: isReply(next) ? `#/${place.id}/${next.thread_ts}` : `#/${place.id}/at/${next.ts}`, title: fullTime(date) }, h("time", { datetime: date.toISOString() }, text));
    replace(parts.gutter, follows && !pinned ? stamp(shortTime(date)) : avatar(who));
    replace(parts.head, follows && !pinned ? null : [h("button", { class: "name", type: "button", dir: "auto", onclick: (e) => profile(e.currentTarget, who) }, displayName(who)), tags(who), stamp(timeOf(date))]);
    const blocks = next.blocks?.length > 0;
    const text = !blocks && (next.text || !next.attachments?.length) ? next.text ?? "" : "";
    replace(parts.text, text ? [mrkdwn(text), next.edited ? h("span", { class: "edited", title: next.edited.ts ? fullTime(ofTs(next.edited.ts)) : null }, "(edited)") : null] : null);
    renderMessageBlocks(parts.body, next, ctx);
    replace(parts.files, files(next.files));
    replace(parts.reactions, reactions(next, place));
    replace(parts.thread, next.is_local || next.is_ephemeral ? dismiss(next, place) : !place.thread && next.reply_count ? threadBar(next, place) : null);
  };
  return node;
}

const broadcastNote = (place, m) => [icon("thread", 14), h("a", { href: `#/${place.id}/${m.thread_ts}` }, "replied to a thread")];

const dismiss = (m, place) => (m.is_local ? h("button", { class: "link-button dismiss", type: "button", onclick: () => dropMessage(place.id, m.ts) }, "Dismiss message") : null);

function reactions(message, place) {
  const all = message.reactions ?? [];
  if (!all.length) return null;
  const names = (r) => `${(r.users ?? []).map((u) => (u === store.as ? "You" : displayName(person(u)))).join(", ")} reacted with :${r.name}:`;
  return h("div", { class: "reactions" }, all.map((r) => h("button", { class: ["reaction", r.users?.includes(store.as) && "mine"], type: "button", title: names(r), "aria-label": `${r.name}, ${r.count}`, "aria-pressed": String(Boolean(r.users?.includes(store.as))), onclick: () => react(place.id, message, r.name) },
    h("span", { class: "emoji" }, emojiOf(r.name) ?? `:${r.name}:`), h("span", null, r.count ?? r.users?.length ?? 1))),
  h("button", { class: "reaction add", type: "button", "aria-label": "Add reaction", onclick: (e) => pickEmoji(e.currentTarget, (name) => react(place.id, message, name)) }, icon("smile", 16)));
}

function threadBar(message, place) {
  const all = [...(store.messages.get(place.id)?.values() ?? [])].filter((m) => m.thread_ts === message.ts && isReply(m));
  const users = [...new Set(message.reply_users ?? all.map((m) => m.user))].slice(0, 4);
  const n = message.reply_count;
  return h("button", { class: "thread-bar", type: "button", data: { testid: "thread-link" }, onclick: () => goto(place.id, message.ts) },
    users.map((u) => avatar(person(u) ?? { id: u }, 24)), h("span", { class: "replies" }, `${n} ${n === 1 ? "reply" : "replies"}`),
    h("span", { class: "last-reply" }, message.latest_reply ? `Last reply ${ago(ofTs(message.latest_reply))}` : ""), h("span", { class: "view-thread" }, "View thread"));
}

export function pickEmoji(anchor, picked) {
  let close;
  const grid = h("div", { class: "emoji-grid" }, PICKER.map((name) => h("button", { type: "button", title: `:${name}:`, "aria-label": name.replace(/_/g, " "), onclick: () => { close(); picked(name); } }, emojiNode(emojiOf(name)))));
  close = popover(anchor, grid, { label: "Pick a reaction", align: "end" });
  grid.querySelector("button").focus();
}

function toolbar(current, place) {
  const button = (label, face, onclick, testid) => h("button", { class: "icon-button", type: "button", title: label, "aria-label": label, data: { testid }, onclick }, face);
  const pick = (name) => react(place.id, current(), name);
  return h("div", { class: "toolbar", role: "toolbar", "aria-label": "Message actions" },
    QUICK.map((name) => button(`React with ${name.replace(/_/g, " ")}`, emojiNode(emojiOf(name)), () => pick(name))),
    button("Find another reaction", icon("smile"), (e) => pickEmoji(e.currentTarget, pick), "react"),
    place.thread ? null : button("Reply in thread", icon("thread"), () => goto(place.id, isReply(current()) ? current().thread_ts : current().ts), "reply"),
    button("More actions", icon("more"), (e) => more(e.currentTarget, current(), place), "more-actions"));
}

function more(anchor, message, place) {
  const app = store.people.get(store.bot.user_id);
  const own = store.shortcuts.filter((x) => x.type === "message");
  menu(anchor, [
    place.thread ? null : { label: "Reply in thread", icon: icon("thread"), run: () => goto(place.id, message.ts) },
    { label: "Copy text", icon: icon("file"), run: () => navigator.clipboard?.writeText(message.text ?? "") },
    own.length ? "-" : null,
    own.length ? { heading: "Message shortcuts" } : null,
    ...own.map((x) => ({ label: x.name, hint: displayName(app), icon: avatar(app, 20), data: { callbackId: x.callback_id }, run: () => shortcut(x.callback_id, message, place.id) })),
  ].filter(Boolean), { label: "More actions", align: "end" });
}

function profile(anchor, who) {
  const local = who.tz ? new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit", timeZone: who.tz }).format(new Date()) : null;
  popover(anchor, h("div", { class: "profile", tabindex: "0" }, avatar(who, 72), h("div", null, h("b", { dir: "auto" }, displayName(who)), " ", tags(who), who.title ? h("div", null, plain(who.title)) : null,
    local ? h("div", { class: "muted" }, `${local} local time`) : null, h("div", { class: "muted" }, plainString(who.name ? `@${who.name}` : "")))), { label: displayName(who) });
}
