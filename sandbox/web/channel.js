// The main pane for a channel or a direct message: header, bookmarks, messages, composer.

import { h, icon, replace } from "./h.js";
import { on, store, channel, channelMessages, displayName, person } from "./store.js";
import { messageList } from "./list.js";
import { composer, closedComposer } from "./composer.js";
import { avatar, author, tags } from "./people.js";
import { mrkdwn, link, plain } from "./mrkdwn.js";
import { popover } from "./popover.js";
import { emojiOf } from "./emoji.js";
import { invite, join } from "./actions.js";
import { fullTime, ofTs } from "./time.js";

const titleOf = (c) => (c.is_im ? displayName(person(c.user)) : c.name);

/** `bare`: without its own header, as inside App Home. */
export function channelPane(id, { bare = false } = {}) {
  const head = h("div", { class: "pane-top" });
  const list = messageList({ id }, intro(channel(id)));
  const foot = h("div", { class: "pane-foot" });
  const root = h("section", { class: "pane", "aria-label": titleOf(channel(id)) }, head, list, foot);
  let shown = "";
  const draw = () => {
    const c = channel(id);
    if (!c) return;
    if (!bare) replace(head, header(c, list), bookmarks(c, list));
    const writable = !c.is_archived && (c.is_im || c.is_member !== false);
    const next = `${writable} ${c.is_archived} ${titleOf(c)}`;
    if (next === shown) return;
    shown = next;
    replace(foot, writable ? composer({ id }, { placeholder: `Message ${c.is_im ? "" : "#"}${titleOf(c)}` }) : closedComposer(c, { join }));
  };
  const off = on("state", draw);
  root.destroy = () => { off(); list.destroy(); };
  root.focusText = () => foot.querySelector(".composer")?.focusText?.();
  draw();
  return root;
}

function header(c, list) {
  const pins = c.pins ?? [];
  const members = c.members ?? [];
  return h("header", { class: "channel-head" },
    h("button", { class: "icon-button menu-button", type: "button", "aria-label": "Show the sidebar", onclick: () => document.body.classList.toggle("side-open") }, icon("menu")),
    h("h2", { dir: "auto" }, c.is_im ? avatar(person(c.user), 24) : icon(c.is_private ? "lock" : "hash", 18), titleOf(c), c.is_im ? tags(person(c.user) ?? {}) : null),
    h("div", { class: "topic", title: c.topic || null }, c.topic ? mrkdwn(c.topic) : null),
    pins.length ? h("button", { class: "head-button", type: "button", data: { testid: "pins" }, onclick: (e) => showPins(e.currentTarget, c, list) }, icon("pin", 15), pins.length, h("span", { class: "head-word" }, "pinned")) : null,
    c.is_im ? null : h("button", { class: "head-button members", type: "button", "aria-label": `${members.length} members`, data: { testid: "members" }, onclick: (e) => showMembers(e.currentTarget, c) },
      members.slice(0, 3).map((u) => avatar(person(u) ?? { id: u }, 20)), h("span", null, members.length)));
}

function bookmarks(c) {
  if (!c.bookmarks?.length) return null;
  return h("div", { class: "bookmarks", "aria-label": "Bookmarks" }, c.bookmarks.map((b) => {
    const emoji = b.emoji && emojiOf(b.emoji.replace(/:/g, ""));
    return h("span", { class: "bookmark" }, emoji ? h("span", { class: "emoji" }, emoji) : icon("file", 14), link(b.link ?? "", plain(b.title ?? b.link)));
  }));
}

function showPins(anchor, c, list) {
  let close;
  const rows = [...c.pins].reverse().map((ts) => {
    const m = channelMessages(c.id).get(ts);
    const text = (m?.text ?? "A message").slice(0, 220);
    return h("button", { class: "pin-row", type: "button", onclick: () => { close(); list.reveal(ts); } }, h("b", null, m ? displayName(author(m)) : "Pinned"), h("small", null, ` ${fullTime(ofTs(ts))}`), h("div", null, mrkdwn(text)));
  });
  close = popover(anchor, h("div", { class: "pins-list" }, h("div", { class: "menu-heading" }, "Pinned in this channel"), rows), { label: "Pinned messages", align: "end", width: 380 });
}

function showMembers(anchor, c) {
  let close;
  const row = (id, extra) => { const p = person(id) ?? { id }; return h("div", { class: "member-row" }, avatar(p, 28), h("span", { dir: "auto" }, h("b", null, displayName(p)), " ", tags(p), p.title ? h("small", null, p.title) : null), extra); };
  const outside = [...store.people.values()].filter((p) => !c.members?.includes(p.id) && !p.deleted);
  const add = (p) => h("button", { class: "button small", type: "button", onclick: async () => { close(); await invite(c.id, p.id); } }, "Add");
  close = popover(anchor, h("div", { class: "members-list", tabindex: "0" }, h("div", { class: "menu-heading" }, `${c.members?.length ?? 0} members of #${c.name}`), (c.members ?? []).map((id) => row(id)),
    outside.length && c.is_member !== false && !c.is_archived ? [h("div", { class: "menu-heading" }, "Add people"), outside.map((p) => row(p.id, add(p)))] : null), { label: "Members", align: "end", width: 340 });
}

function intro(c) {
  if (!c) return null;
  if (c.is_im) {
    const p = person(c.user);
    return h("div", { class: "intro" }, avatar(p, 72), h("h3", { dir: "auto" }, displayName(p)), h("p", null, "This conversation is just between the two of you."));
  }
  return h("div", { class: "intro" }, h("h3", null, icon(c.is_private ? "lock" : "hash", 24), ` ${c.name}`), h("p", null, "This is the very beginning of the ", h("b", null, `#${c.name}`), " channel."));
}
