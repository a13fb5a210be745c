// The newer framed blocks: alert, card, carousel, container, plan and task_card.

import { h } from "../h.js";
import { textObject } from "../mrkdwn.js";
import { element } from "./elements.js";
import { picture } from "./picture.js";
import { richText } from "./rich_text.js";

const MARK = { default: "💬", info: "ℹ️", warning: "⚠️", error: "⛔", success: "✅" };

export function alert(block) {
  const level = MARK[block.level] ? block.level : "default";
  return h("div", { class: `b-alert alert-${level}`, role: level === "error" ? "alert" : "status" }, h("span", { class: "emoji", "aria-hidden": "true" }, MARK[level]), textObject(block.text));
}

export function card(block, ctx) {
  return h("div", { class: "b-card" },
    block.hero_image ? h("div", { class: "card-hero" }, picture(block.hero_image)) : null,
    h("div", { class: "card-head" }, block.icon ? picture(block.icon, { class: "context-img" }) : null,
      h("div", null, block.title ? h("div", { class: "card-title" }, textObject(block.title)) : null, block.subtitle ? h("small", null, textObject(block.subtitle)) : null)),
    block.body ? h("div", null, textObject(block.body)) : null,
    block.subtext ? h("small", null, textObject(block.subtext)) : null,
    block.actions?.length ? h("div", { class: "b-actions" }, block.actions.map((e) => element(e, block, ctx))) : null);
}

export const carousel = (block, ctx) => h("div", { class: "b-carousel", tabindex: "0", role: "list" }, (block.elements ?? []).map((c) => h("div", { role: "listitem" }, card({ block_id: block.block_id, ...c }, ctx))));

export function container(block, ctx) {
  const children = (block.child_blocks ?? block.blocks ?? []).map((b, i) => h("div", { class: `block block-${b.type}` }, ctx.drawBlock({ block_id: `${block.block_id}-${i}`, ...b }, ctx)));
  const title = [block.icon ? picture(block.icon, { class: "context-img" }) : null, h("span", { class: "card-title" }, textObject(block.title)), block.subtitle ? h("small", null, textObject(block.subtitle)) : null];
  if (!block.is_collapsible) return h("div", { class: "b-card b-container" }, h("div", { class: "card-head" }, title), children);
  return h("details", { class: "b-card b-container", open: !block.default_collapsed }, h("summary", { class: "card-head" }, title), children);
}

const STATUS = { pending: "○", in_progress: "◐", complete: "✓", error: "✕" };

export function taskCard(block) {
  const status = STATUS[block.status] ? block.status : "pending";
  return h("details", { class: `b-task task-${status}` }, h("summary", null, h("span", { class: "task-mark", title: status }, STATUS[status]), block.title ?? ""),
    block.details ? richText(block.details) : null, block.output ? richText(block.output) : null);
}

export const plan = (block) => h("div", { class: "b-card" }, h("div", { class: "card-title" }, textObject(block.title)), (block.tasks ?? []).map(taskCard));
