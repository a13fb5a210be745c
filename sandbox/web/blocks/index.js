// Block Kit: which function draws which block, and keyed re-drawing that leaves unchanged blocks (and the focus in them) alone.

import { h } from "../h.js";
import { attachments } from "./attachments.js";
import * as layout from "./layout.js";
import * as data from "./data.js";
import * as cards from "./cards.js";
import { inputBlock } from "./input.js";
import { richText } from "./rich_text.js";
import { dataVisualization } from "../charts.js";

const DRAW = {
  section: layout.section, header: layout.header, context: layout.context, actions: layout.actions, divider: layout.divider, image: layout.image,
  video: layout.video, file: layout.file, context_actions: layout.contextActions, input: inputBlock,
  rich_text: (block) => h("div", { class: "b-rich" }, richText(block)),
  markdown: data.markdownBlock, table: data.table, data_table: data.dataTable, data_visualization: dataVisualization,
  alert: cards.alert, card: cards.card, carousel: cards.carousel, container: cards.container, plan: cards.plan, task_card: cards.taskCard,
};

export function drawBlock(block, ctx) {
  const draw = DRAW[block?.type];
  if (!draw) return unknown(block?.type);
  try {
    return draw(block, ctx);
  } catch (error) {
    console.warn("block not drawn", block, error);
    return unknown(`${block.type} (malformed)`);
  }
}

const unknown = (type) => h("div", { class: "b-unknown" }, "This block is not shown here: ", h("code", null, String(type ?? "no type")));

const drawn = new WeakMap(); // host -> [{json, node}]

/**
 * Draws `blocks` into `host`, keeping the nodes of those that did not change.
 * ctx: {surface, container, form, act(element, block, fields, anchor), drawBlock}
 */
export function renderBlocks(host, blocks, ctx) {
  const before = drawn.get(host) ?? [];
  const focus = focusIn(host);
  const now = named(blocks).map((block) => {
    const json = JSON.stringify(block);
    const at = before.findIndex((b) => b.json === json);
    if (at >= 0) return before.splice(at, 1)[0];
    const node = h("div", { class: `block block-${block.type}`, data: { blockType: block.type } }, drawBlock(block, { ...ctx, drawBlock }));
    return { json, node };
  });
  for (const { node } of before) node.remove();
  now.forEach(({ node }, i) => { if (host.children[i] !== node) host.insertBefore(node, host.children[i] ?? null); });
  drawn.set(host, now);
  refocus(host, focus);
  return host;
}

const named = (blocks) => (blocks ?? []).map((b, i) => (b?.block_id ? b : { ...b, block_id: `block-${i}` }));
const flat = (blocks) => named(blocks).flatMap((b) => [b, ...flat(b.child_blocks)]);

/** The blocks of a view; values of fields that are gone are forgotten. */
export function renderView(host, view, ctx) {
  renderBlocks(host, view.blocks, ctx);
  ctx.form.prune(flat(view.blocks));
}

/** The body of a message: its blocks and its attachments. */
export function renderMessageBlocks(host, message, ctx) {
  const main = host.querySelector(":scope > .blocks") ?? host.appendChild(h("div", { class: "blocks" }));
  const extra = host.querySelector(":scope > .attachments") ?? host.appendChild(h("div", { class: "attachments" }));
  renderBlocks(main, message.blocks, ctx);
  const json = JSON.stringify(message.attachments ?? []);
  if (extra.dataset.of !== json) {
    extra.dataset.of = json;
    extra.replaceChildren(...attachments(message.attachments ?? [], ctx, renderBlocks));
  }
  ctx.form.prune([message, ...(message.attachments ?? [])].flatMap((part) => flat(part.blocks)));
}

function focusIn(host) {
  const el = document.activeElement;
  if (!el || !host.contains(el) || !el.dataset?.actionId) return null;
  const text = "selectionStart" in el ? [el.selectionStart, el.selectionEnd] : null;
  return { block: el.dataset.blockId, action: el.dataset.actionId, text, el };
}

function refocus(host, focus) {
  if (!focus || focus.el.isConnected) return;
  const same = [...host.querySelectorAll("[data-action-id]")].find((el) => el.dataset.actionId === focus.action && (!focus.block || el.dataset.blockId === focus.block));
  same?.focus({ preventScroll: true });
  if (same && focus.text?.[0] != null) { try { same.setSelectionRange(...focus.text); } catch { /* not a text field */ } }
}
