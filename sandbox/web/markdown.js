// Standard Markdown, for the `markdown` block: headings, lists, quotes, code, tables, links, emphasis.

import { h } from "./h.js";
import { link, plainNodes } from "./mrkdwn.js";

export function markdown(text) {
  return h("div", { class: "markdown", dir: "auto" }, blocks(String(text ?? "").replace(/\r\n?/g, "\n").split("\n")));
}

const LIST = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;

function blocks(lines) {
  const out = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const heading = line.match(/^(#{1,6})\s+(.*?)\s*#*$/);
    const fence = line.match(/^\s*(```|~~~)/);
    if (!line.trim()) i++;
    else if (fence) {
      const end = lines.findIndex((l, at) => at > i && l.trim().startsWith(fence[1]));
      const last = end < 0 ? lines.length : end;
      out.push(h("pre", null, lines.slice(i + 1, last).join("\n")));
      i = last + 1;
    } else if (heading) { out.push(h(`h${Math.min(6, heading[1].length + 2)}`, { class: `md-h${heading[1].length}` }, spans(heading[2]))); i++; }
    else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) { out.push(h("hr")); i++; }
    else if (/^\s*>/.test(line)) {
      const part = take(lines, i, (l) => /^\s*>/.test(l));
      out.push(h("blockquote", null, blocks(part.map((l) => l.replace(/^\s*> ?/, "")))));
      i += part.length;
    } else if (LIST.test(line)) {
      const part = take(lines, i, (l) => LIST.test(l) || /^\s+\S/.test(l));
      out.push(list(part));
      i += part.length;
    } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] ?? "")) {
      const part = take(lines, i, (l) => l.includes("|"));
      out.push(table(part));
      i += part.length;
    } else {
      const part = take(lines, i, (l, at) => l.trim() && (at === i || !/^(#{1,6}\s|\s*>|\s*(```|~~~))/.test(l) && !LIST.test(l)));
      out.push(h("p", null, part.flatMap((l, at) => [at ? h("br") : null, spans(l)])));
      i += part.length;
    }
  }
  return out;
}

function take(lines, from, wanted) {
  let to = from;
  while (to < lines.length && wanted(lines[to], to)) to++;
  return lines.slice(from, Math.max(to, from + 1));
}

function list(lines) {
  const first = lines[0].match(LIST);
  const depth = first[1].length;
  const items = [];
  for (const line of lines) {
    const found = line.match(LIST);
    if (found && found[1].length <= depth) items.push([found[3]]);
    else items.at(-1).push(line);
  }
  const ordered = /\d/.test(first[2]);
  return h(ordered ? "ol" : "ul", { start: ordered ? parseInt(first[2], 10) : null },
    items.map(([text, ...rest]) => {
      const task = text.match(/^\[([ xX])\]\s+(.*)$/);
      const box = task && h("input", { type: "checkbox", disabled: true, checked: task[1] !== " " });
      return h("li", null, box, spans(task ? task[2] : text), blocks(rest));
    }));
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((c) => c.trim().replace(/\\\|/g, "|"));
  const [head, rule, ...body] = lines.map(cells);
  const align = rule.map((r) => (/^:.*:$/.test(r) ? "center" : r.endsWith(":") ? "right" : "left"));
  const row = (tag, line) => h("tr", null, line.map((c, i) => h(tag, { style: { "text-align": align[i] ?? "left" } }, spans(c))));
  return h("div", { class: "table-wrap" }, h("table", { class: "table" }, h("thead", null, row("th", head)), h("tbody", null, body.map((l) => row("td", l)))));
}

const SPAN = /(`+)(.+?)\1|!?\[([^\]]*)\]\(([^)\s]+)[^)]*\)|\*\*(.+?)\*\*|__(.+?)__|~~(.+?)~~|\*(?!\s)([^*]+?)\*|(?<![\w])_(?!\s)([^_]+?)_(?![\w])|(https?:\/\/[^\s<>]*[^\s<>.,;:!?)\]'"])/;

function spans(text) {
  const found = text.match(SPAN);
  if (!found) return plainNodes(text.replace(/\\([\\`*_{}[\]()#+\-.!|~>])/g, "$1"));
  const [whole, , code, label, href, bold, bold2, strike, italic, italic2, url] = found;
  const node = code !== undefined ? h("code", null, code)
    : href ? link(href, label || undefined)
      : bold ?? bold2 ? h("b", null, spans(bold ?? bold2))
        : strike ? h("s", null, spans(strike))
          : italic ?? italic2 ? h("i", null, spans(italic ?? italic2)) : link(url);
  return [...plainNodes(text.slice(0, found.index)), node, ...[spans(text.slice(found.index + whole.length))].flat()];
}
