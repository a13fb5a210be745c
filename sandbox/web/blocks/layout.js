// The blocks that arrange text, pictures and elements: section, header, context, actions, divider, image, video, file.

import { h, icon } from "../h.js";
import { textObject, plain, plainString, link } from "../mrkdwn.js";
import { element } from "./elements.js";
import { httpUrl, picture } from "./picture.js";
import { emojiOf } from "../emoji.js";

export function section(block, ctx) {
  const fields = (block.fields ?? []).map((f) => h("div", { class: "field" }, textObject(f)));
  return h("div", { class: ["b-section", block.accessory && "has-accessory"] },
    h("div", { class: "b-section-main" },
      block.text ? clamp(h("div", { class: "b-text" }, textObject(block.text)), block) : null,
      fields.length ? h("div", { class: "fields" }, fields) : null),
    block.accessory ? h("div", { class: `accessory accessory-${block.accessory.type}` }, element(block.accessory, block, ctx)) : null);
}

/** Long texts fold behind "Show more", as in Slack, unless the app says expand. */
function clamp(node, block) {
  const text = block.text.text ?? "";
  if (block.expand || (text.length < 700 && text.split("\n").length <= 12)) return node;
  node.classList.add("clamped");
  const more = h("button", { class: "link-button", type: "button", onclick: () => { node.classList.toggle("clamped"); more.textContent = node.classList.contains("clamped") ? "Show more" : "Show less"; } }, "Show more");
  return h("div", null, node, more);
}

export const header = (block) => h("h3", { class: "b-header" }, textObject(block.text));

export const divider = () => h("hr", { class: "b-divider" });

export function context(block) {
  return h("div", { class: "b-context" }, (block.elements ?? []).map((e) => (e.type === "image" ? picture(e, { class: "context-img", title: e.alt_text }) : h("div", { class: "context-text" }, textObject(e)))));
}

export const actions = (block, ctx) => h("div", { class: "b-actions" }, (block.elements ?? []).map((e) => element(e, block, ctx)));

export function image(block) {
  return h("figure", { class: "b-image" }, block.title ? h("figcaption", null, textObject(block.title)) : null, picture(block));
}

export function video(block) {
  const url = httpUrl(block.title_url ?? block.video_url);
  const face = h("span", { class: "video-face" }, picture({ image_url: block.thumbnail_url, alt_text: block.alt_text }), h("span", { class: "video-play", "aria-hidden": "true" }, "▶\uFE0E"));
  return h("div", { class: "b-video" },
    h("div", { class: "video-title" }, url ? link(url, textObject(block.title)) : textObject(block.title)),
    block.author_name ? h("small", null, [block.author_name, block.provider_name].filter(Boolean).join(" · ")) : null,
    block.description ? h("div", null, textObject(block.description)) : null,
    url ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer", "aria-label": `Play ${plainString(block.title)}` }, face) : face);
}

export const file = (block) => h("div", { class: "b-file" }, icon("file"), plain(block.file?.name ?? block.external_id ?? "File"));

/** Small buttons under an answer: thumbs up and down, or icons. */
export function contextActions(block, ctx) {
  const small = (e, button, label, face) => h("button", { class: "icon-button", type: "button", title: label, "aria-label": label, data: { actionId: e.action_id, blockId: block.block_id },
    onclick: (event) => ctx.act(e, block, { type: e.type, value: button.value, text: button.text }, event.currentTarget) }, face);
  return h("div", { class: "b-context-actions" }, (block.elements ?? []).map((e) => (e.type === "feedback_buttons"
    ? [[e.positive_button, "+1"], [e.negative_button, "-1"]].map(([b, emoji]) => small(e, b, b.accessibility_label ?? plainString(b.text), emojiOf(emoji)))
    : small(e, e, e.accessibility_label ?? plainString(e.text), e.icon === "trash" ? emojiOf("wastebasket") : "•"))));
}
