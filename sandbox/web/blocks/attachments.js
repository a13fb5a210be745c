// Secondary attachments: the colour bar at the left, with blocks or the older fields beside it.

import { h } from "../h.js";
import { link, mrkdwn, plain } from "../mrkdwn.js";
import { fillDate } from "../time.js";
import { picture } from "./picture.js";

const NAMED = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };

const colour = (value) => NAMED[value] ?? (/^#?[0-9a-f]{3,8}$/i.test(value ?? "") ? `#${value.replace("#", "")}` : "#ddd");

export function attachments(list, ctx, renderBlocks) {
  return list.map((a) => h("div", { class: "attachment" },
    a.pretext ? h("div", { class: "attachment-pretext" }, mrkdwn(a.pretext)) : null,
    h("div", { class: "attachment-row" },
      h("span", { class: "attachment-bar", style: { background: colour(a.color) } }),
      h("div", { class: "attachment-body" },
        a.blocks ? renderBlocks(h("div", { class: "blocks" }), a.blocks, ctx) : legacy(a)),
      a.thumb_url ? picture({ image_url: a.thumb_url, alt_text: "" }, { class: "attachment-thumb" }) : null)));
}

function legacy(a) {
  return [
    a.author_name ? h("div", { class: "attachment-author" }, a.author_link ? link(a.author_link, a.author_name) : plain(a.author_name)) : null,
    a.title ? h("div", { class: "attachment-title" }, a.title_link ? link(a.title_link, plain(a.title)) : plain(a.title)) : null,
    a.text ? mrkdwn(a.text) : null,
    a.fields?.length ? h("div", { class: "attachment-fields" }, a.fields.map((f) => h("div", { class: f.short ? "short" : "long" }, h("b", null, plain(f.title ?? "")), mrkdwn(f.value ?? "")))) : null,
    a.image_url ? picture({ image_url: a.image_url, alt_text: a.title ?? "" }) : null,
    a.footer || a.ts ? h("div", { class: "attachment-footer" }, [a.footer, a.ts ? fillDate(new Date(a.ts * 1000), "{date_short_pretty} {time}") : null].filter(Boolean).join(" | ")) : null,
  ];
}
