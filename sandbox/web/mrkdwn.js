// Slack's mrkdwn and plain_text as DOM nodes. Foreign text reaches the page only through text nodes.

import { h } from "./h.js";
import { store, displayName } from "./store.js";
import { emojiOf, EMOJI_RE, ONLY_EMOJI } from "./emoji.js";
import { fillDate } from "./time.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
export const unescape = (text) => text.replace(/&(?:amp|lt|gt);/g, (e) => ENTITIES[e]);

/** A mrkdwn string. `verbatim`: nothing bare is linked. `mentions`: bare @here and #names become mentions (a text object without verbatim). */
export function mrkdwn(text, { verbatim = false, mentions = false } = {}) {
  const options = { verbatim, mentions };
  const out = [];
  String(text ?? "").split(/(```[\s\S]+?```)/).forEach((part) => {
    if (/^```[\s\S]+```$/.test(part)) out.push(pre(part.slice(3, -3).replace(/^\n/, "").replace(/\n$/, "")));
    else if (part) out.push(...lines(part.replace(/^\n/, out.length ? "" : "\n"), options));
  });
  return h("div", { class: ["mrkdwn", ONLY_EMOJI.test(text ?? "") && "jumbo"], dir: "auto" }, out);
}

/** A text object: {type, text, verbatim?}. */
export function textObject(object) {
  if (!object) return null;
  if (typeof object === "string") return plain(object);
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: Boolean(object.verbatim), mentions: !object.verbatim });
  return plain(object.text, object.emoji !== false);
}

/** plain_text: only emoji and line breaks mean anything. */
export function plain(text, emoji = true) {
  return h("span", { class: "plain", dir: "auto" }, plainNodes(text, emoji));
}

export function plainNodes(text, emoji = true) {
  return String(text ?? "").split(/(\n|:[a-z0-9_+'-]+:)/).flatMap((part) => {
    if (part === "\n") return h("br");
    const found = emoji && /^:.+:$/.test(part) && emojiOf(part.slice(1, -1));
    return found ? emojiNode(found, part) : withEmoji(part);
  });
}

/** The text alone, for labels and titles. */
export function plainString(object) {
  const text = typeof object === "string" ? object : object?.text ?? "";
  return text.replace(/:([a-z0-9_+'-]+):/g, (whole, name) => emojiOf(name) ?? whole);
}

export function emojiNode(char, title) {
  return h("span", { class: "emoji", title, role: "img", "aria-label": title?.replace(/:/g, "").replace(/_/g, " ") }, char);
}

function withEmoji(text) {
  const out = [];
  let last = 0;
  for (const found of text.matchAll(EMOJI_RE)) {
    if (found.index > last) out.push(text.slice(last, found.index));
    out.push(h("span", { class: "emoji" }, found[0]));
    last = found.index + found[0].length;
  }
  if (last < text.length) out.push(text.slice(last));
  return out;
}

function pre(text) {
  return h("pre", null, text.split(/(<[^<>\n]+>)/).map((part) => ((/^<.+>$/.test(part) && bracket(part.slice(1, -1), {})) || unescape(part))));
}

function lines(text, options) {
  const out = [];
  let quote = null;
  let para = [];
  const flush = () => { if (para.length) out.push(h("span", { class: "para" }, inline(para.join("\n"), options))); para = []; };
  const endQuote = () => { if (quote) out.push(h("blockquote", { dir: "auto" }, inline(quote.join("\n"), options))); quote = null; };
  const all = text.split("\n");
  for (let i = 0; i < all.length; i++) {
    if (/^(&gt;|>){3}/.test(all[i])) {
      flush();
      quote = [all[i].replace(/^(&gt;|>){3} ?/, ""), ...all.slice(i + 1)];
      break;
    }
    const quoted = all[i].match(/^(?:&gt;|>) ?(.*)$/);
    if (quoted) { flush(); (quote ??= []).push(quoted[1]); }
    else { endQuote(); para.push(all[i]); }
  }
  flush();
  endQuote();
  return out;
}

const STYLE = { "*": "b", _: "i", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;

function inline(text, options) {
  const out = [];
  let buffer = "";
  const flush = () => { if (buffer) out.push(...withEmoji(unescape(buffer))); buffer = ""; };
  const push = (node) => { flush(); out.push(node); };
  for (let i = 0; i < text.length;) {
    const c = text[i];
    const before = text[i - 1] ?? " ";
    if (c === "\n") { push(h("br")); i++; continue; }
    if (c === "`") {
      const end = text.indexOf("`", i + 1);
      const inner = end > 0 ? text.slice(i + 1, end) : "";
      if (inner && !inner.includes("\n")) { push(h("code", null, code(inner))); i = end + 1; continue; }
    }
    if (c === "<") {
      const end = text.indexOf(">", i + 1);
      const node = end > 0 && !/[\n<]/.test(text.slice(i + 1, end)) ? bracket(text.slice(i + 1, end), options) : null;
      if (node) { push(node); i = end + 1; continue; }
    }
    if (STYLE[c] && !WORD.test(before) && before !== c) {
      const end = closing(text, i, c);
      if (end > 0) { push(h(STYLE[c], null, inline(text.slice(i + 1, end), options))); i = end + 1; continue; }
    }
    if (c === ":") {
      const found = text.slice(i).match(/^:([a-z0-9_+'-]+)(::skin-tone-\d)?:/);
      const char = found && emojiOf(found[1]);
      if (char) { push(emojiNode(char, `:${found[1]}:`)); i += found[0].length; continue; }
    }
    if (c === "h" && !options.verbatim && !WORD.test(before)) {
      const found = text.slice(i).match(/^https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)\]}'"*_~`]/);
      if (found) { push(link(unescape(found[0]))); i += found[0].length; continue; }
    }
    if ((c === "@" || c === "#") && options.mentions && !WORD.test(before)) {
      const node = bareMention(text.slice(i));
      if (node) { push(node[0]); i += node[1]; continue; }
    }
    buffer += c;
    i++;
  }
  flush();
  return out;
}

function code(inner) {
  return inner.split(/(<[^<>]+>)/).map((part) => ((/^<.+>$/.test(part) && bracket(part.slice(1, -1), {})) || unescape(part)));
}

/** Where a style opened at `start` ends, or -1. It neither crosses a line nor ends inside code or <…>. */
function closing(text, start, mark) {
  if (!text[start + 1] || /\s/.test(text[start + 1]) || text[start + 1] === mark) return -1;
  for (let i = start + 1; i < text.length && text[i] !== "\n"; i++) {
    if (text[i] === "`" || text[i] === "<") {
      const end = text.indexOf(text[i] === "<" ? ">" : "`", i + 1);
      if (end > 0) i = end;
    } else if (text[i] === mark && i > start + 1 && !/\s/.test(text[i - 1]) && !WORD.test(text[i + 1] ?? " ") && text[i + 1] !== mark) return i;
  }
  return -1;
}

function bareMention(rest) {
  const broadcast = rest.match(/^@(here|channel|everyone)(?![\w-])/);
  if (broadcast) return [mention(`@${broadcast[1]}`, { mine: true }), broadcast[0].length];
  const name = rest.match(/^#([\p{Ll}\p{N}_-]{1,80})/u);
  const found = name && [...store.channels.values()].find((c) => c.name === name[1] && !c.is_im);
  return found ? [channelLink(found.id), name[0].length] : null;
}

/** What stands between < and >: a mention, a date or a link. Anything else is null, that is, plain text. */
function bracket(inner, options) {
  const [head, ...rest] = inner.split("|");
  const label = rest.join("|");
  if (/^@[UW][A-Z0-9]*$/.test(head)) return userMention(head.slice(1), label);
  if (/^#[CGD][A-Z0-9]*$/.test(head)) return channelLink(head.slice(1), label);
  if (/^!(here|channel|everyone)$/.test(head)) return mention(`@${head.slice(1)}`, { mine: true });
  if (head.startsWith("!subteam^")) return mention(unescape(label) || "@group");
  if (head.startsWith("!date^")) return dateNode(head, label);
  if (head.startsWith("!")) return h("span", null, `<${unescape(label || head.slice(1))}>`);
  if (/^(https?:\/\/|mailto:|tel:|slack:)/i.test(head)) return link(unescape(head), label ? inline(label, { ...options, verbatim: true, mentions: false }) : undefined);
  return null;
}

function dateNode(head, fallback) {
  const [, ts, template, url] = head.split("^");
  const date = new Date(Number(ts) * 1000);
  if (!template || Number.isNaN(date.getTime())) return h("span", null, unescape(fallback));
  return timeNode(date, template, url);
}

export function timeNode(date, template, url) {
  const text = unescape(fillDate(date, template));
  const node = h("time", { datetime: date.toISOString(), title: date.toString(), data: { format: template.includes("{ago}") ? template : null } }, text);
  return url && /^https?:/.test(url) ? link(unescape(url), node) : node;
}

export function mention(text, { mine = false, user, title } = {}) {
  return h("span", { class: ["mention", mine && "mention-me"], data: { user }, title }, text);
}

export function userMention(id, label) {
  const p = store.people.get(id);
  return mention(`@${p ? displayName(p) : unescape(label || "") || id}`, { mine: id === store.as, user: id, title: p?.title });
}

export function channelLink(id, label) {
  const c = store.channels.get(id);
  const name = c?.name ?? unescape(label || "");
  if (!c && !name) return h("span", { class: "mention" }, "#private-channel");
  return h("a", { class: "mention channel-mention", href: `#/${id}` }, `#${name}`);
}

export function link(href, label) {
  const here = permalink(href);
  if (here) return h("a", { class: "link", href: here }, label ?? href);
  const safe = /^(https?|mailto|tel|slack):/i.test(href);
  const text = label ?? href.replace(/^(mailto|tel):/, "");
  return safe ? h("a", { class: "link", href, target: "_blank", rel: "noopener noreferrer", title: label ? href : null }, text) : h("span", null, text);
}

/** Where in this page a message's permalink leads, or null when it is no permalink of this workspace. */
export function permalink(href) {
  const found = href.startsWith(`${location.origin}/archives/`) && href.match(/\/archives\/(\w+)\/p(\d{10})(\d{6})(?:\?.*?thread_ts=([\d.]+))?/);
  if (!found) return null;
  const [, id, seconds, rest, thread] = found;
  return thread ? `#/${id}/${thread}` : `#/${id}/at/${seconds}.${rest}`;
}
