// The input block: label, element, hint, and the error under it.

import { h } from "../h.js";
import { textObject } from "../mrkdwn.js";
import { element } from "./elements.js";

let serial = 0;

export function inputBlock(block, ctx) {
  const labelId = `label-${++serial}`;
  const input = { optional: Boolean(block.optional), dispatch: Boolean(block.dispatch_action), labelId };
  const field = element(block.element, block, ctx, input);
  const focus = () => (field.matches("input, textarea, select, button, [tabindex]") ? field : field.querySelector("input, textarea, button"))?.focus();
  return h("div", { class: "b-input", data: { inputBlock: block.block_id } },
    h("label", { class: "b-label", id: labelId, onclick: focus }, textObject(block.label), block.optional ? h("span", { class: "optional" }, " (optional)") : null),
    field,
    h("div", { class: "field-error", role: "alert", data: { errorFor: block.block_id }, hidden: true }),
    block.hint ? h("div", { class: "b-hint" }, textObject(block.hint)) : null);
}

/** Shows {block_id: text} under the fields of `host`; returns the first field with an error. */
export function showErrors(host, errors) {
  let first = null;
  for (const el of host.querySelectorAll("[data-error-for]")) {
    const text = errors[el.dataset.errorFor];
    el.hidden = !text;
    el.textContent = text ?? "";
    const block = el.closest(".b-input");
    block.classList.toggle("invalid", Boolean(text));
    const field = block.querySelector("[data-action-id]");
    if (text) field?.setAttribute("aria-invalid", "true"); else field?.removeAttribute("aria-invalid");
    if (text) first ??= field;
  }
  return first;
}
