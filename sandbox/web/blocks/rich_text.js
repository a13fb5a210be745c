// rich_text: sections, nested lists, quotes and preformatted text, as Slack's own editor writes them.

import { h } from "../h.js";
import { channelLink, emojiNode, link, mention, plainNodes, timeNode, userMention } from "../mrkdwn.js";
import { emojiOf } from "../emoji.js";

export function richText(block) {
  const out = [];
  const parts = block.elements ?? [];
  for (let i = 0; i < parts.length; i++) {
    if (parts[i].type !== "rich_text_list") { out.push(part(parts[i])); continue; }
    const run = [];
    while (parts[i]?.type === "rich_text_list") run.push(parts[i++]);
    i--;
    out.push(...lists(run));
  }
  return out;
}

function part(p) {
  const inside = (p.elements ?? []).flatMap(inline);
  if (p.type === "rich_text_preformatted") return h("pre", { dir: "auto" }, (p.elements ?? []).map((e) => (e.type === "link" ? inline(e) : e.text ?? "")));
  if (p.type === "rich_text_quote") return h("blockquote", { dir: "auto" }, inside);
  return h("div", { class: "rich-section", dir: "auto" }, inside);
}

/** Neighbouring lists with rising indent make one nested list. */
function lists(run) {
  const top = [];
  const stack = []; // {indent, node}
  for (const list of run) {
    const indent = list.indent ?? 0;
    while (stack.length && stack.at(-1).indent > indent) stack.pop();
    let host = stack.at(-1);
    if (!host || host.indent < indent || host.style !== list.style) {
      const node = h(list.style === "ordered" ? "ol" : "ul", { class: `list-${indent % 3}`, start: list.offset ? list.offset + 1 : null, dir: "auto" });
      if (host && host.indent === indent) stack.pop();
      const parent = stack.at(-1)?.node.lastElementChild;
      if (parent) parent.append(node);
      else top.push(node);
      host = { indent, node, style: list.style };
      stack.push(host);
    }
    for (const item of list.elements ?? []) host.node.append(h("li", null, (item.elements ?? []).flatMap(inline)));
  }
  return top;
}

function inline(e) {
  const styled = (node) => style(node, e.style ?? {});
  switch (e.type) {
    case "text": return styled(withBreaks(e.text));
    case "link": return styled(link(e.url ?? "", e.text || undefined));
    case "user": return styled(userMention(e.user_id));
    case "channel": return styled(channelLink(e.channel_id));
    case "usergroup": return styled(mention("@group", { title: e.usergroup_id }));
    case "team": return styled(mention("@team"));
    case "broadcast": return styled(mention(`@${e.range}`, { mine: true }));
    case "emoji": return emojiNode(e.unicode ? String.fromCodePoint(...e.unicode.split("-").map((c) => parseInt(c, 16))) : emojiOf(e.name) ?? `:${e.name}:`, `:${e.name}:`);
    case "date": return styled(timeNode(new Date(e.timestamp * 1000), e.format ?? "{date_short_pretty} {time}", e.url));
    case "color": return h("span", { class: "color-value" }, h("i", { style: { background: /^#[0-9a-f]{3,8}$/i.test(e.value) ? e.value : "transparent" } }), e.value);
    default: return h("span", { class: "b-unknown-inline" }, e.text ?? `[${e.type}]`);
  }
}

const withBreaks = (text) => h("span", null, plainNodes(text, false));

function style(node, { bold, italic, strike, underline, code, highlight, client_highlight: found }) {
  let out = node;
  if (code) out = h("code", null, out);
  if (strike) out = h("s", null, out);
  if (underline) out = h("u", null, out);
  if (italic) out = h("i", null, out);
  if (bold) out = h("b", null, out);
  if (highlight || found) out = h("mark", null, out);
  return out;
}
