// The interactive elements: buttons, overflow menus, pickers, checkboxes, radio buttons, text fields; selects have their own file.

import { h, icon } from "../h.js";
import { plainString, textObject } from "../mrkdwn.js";
import { confirmed, menu } from "../popover.js";
import { picture } from "./picture.js";
import { select } from "./select.js";
import { fieldOf, isStateful } from "./form.js";

const DRAW = {
  button, workflow_button: button, overflow, checkboxes: choices, radio_buttons: choices, datepicker: picker, timepicker: picker, datetimepicker: picker,
  plain_text_input: textInput, email_text_input: textInput, url_text_input: textInput, number_input: textInput, rich_text_input: textInput,
  image: (e) => picture(e, { class: "accessory-img" }), file_input: () => h("div", { class: "b-unknown" }, "Files cannot be added here."),
};

/** Draws an element. `input` says how it sits in an input block: {optional, dispatch}; outside one every change is an action. */
export function element(e, block, ctx, input) {
  const draw = /_select$/.test(e.type) ? select : DRAW[e.type];
  if (!draw) return h("span", { class: "b-unknown-inline" }, `[${e.type}]`);
  const value = isStateful(e.type) ? ctx.form.register(block, e, { input: Boolean(input), optional: input?.optional ?? true }) : undefined;
  const at = { block, ctx, value, input, ids: { blockId: block.block_id, actionId: e.action_id } };
  at.change = (next) => change(e, at, next);
  return draw(e, at);
}

/** Takes a new value and tells the app if this element speaks at once. Resolves to false when the person did not confirm. */
async function change(e, { block, ctx, input }, next) {
  const before = ctx.form.get(block, e);
  ctx.form.set(block, e, next);
  if (input && !input.dispatch) return true;
  if (!(await confirmed(e.confirm))) { ctx.form.set(block, e, before); return false; }
  ctx.act(e, block, { type: e.type, [fieldOf(e.type)]: next === "" ? null : next });
  return true;
}

function button(e, { block, ctx, ids }) {
  const label = textObject(e.text);
  const props = { class: ["button", e.style], data: { ...ids, value: e.value }, "aria-label": e.accessibility_label };
  const act = (el) => ctx.act(e, block, { type: e.type, value: e.value, text: e.text }, el);
  if (/^https?:\/\//i.test(e.url ?? "")) {
    return h("a", { ...props, href: e.url, target: "_blank", rel: "noopener noreferrer", onclick: (event) => act(event.currentTarget) }, label);
  }
  return h("button", { ...props, type: "button", onclick: async (event) => {
    const el = event.currentTarget;
    if (await confirmed(e.confirm)) await act(el);
  } }, label, h("span", { class: "spinner", "aria-hidden": "true" }));
}

function overflow(e, { block, ctx, ids }) {
  return h("button", { class: "button overflow", type: "button", "aria-label": "More options", "aria-haspopup": "menu", data: ids, onclick: (event) => {
    const el = event.currentTarget;
    menu(el, (e.options ?? []).map((o) => ({
      label: plainString(o.text), hint: plainString(o.description), href: /^https?:\/\//.test(o.url ?? "") ? o.url : null, data: { value: o.value },
      run: async () => { if (await confirmed(e.confirm)) ctx.act(e, block, { type: e.type, selected_option: o }, el); },
    })), { label: "More options", align: "end" });
  } }, icon("dots"));
}

let serial = 0;

function choices(e, { value, change, ids, input }) {
  const many = e.type === "checkboxes";
  const group = `choice-${++serial}`;
  const chosen = new Set((many ? value : value ? [value] : []).map((o) => o.value));
  const box = h("div", { class: "choices", role: many ? "group" : "radiogroup", data: ids, "aria-labelledby": input?.labelId });
  const redraw = () => box.querySelectorAll("input").forEach((el) => { el.checked = chosen.has(el.value); });
  for (const o of e.options ?? []) {
    const text = (t) => (t?.type === "mrkdwn" ? textObject(t) : textObject(t));
    box.append(h("label", { class: "choice" },
      h("input", { type: many ? "checkbox" : "radio", name: group, value: o.value, checked: chosen.has(o.value), onchange: async () => {
        const before = new Set(chosen);
        if (!many) chosen.clear();
        if (many && chosen.has(o.value)) chosen.delete(o.value); else chosen.add(o.value);
        const picked = e.options.filter((x) => chosen.has(x.value));
        if (await change(many ? picked : picked[0])) return;
        chosen.clear();
        before.forEach((v) => chosen.add(v));
        redraw();
      } }),
      h("span", null, text(o.text), o.description ? h("small", null, text(o.description)) : null)));
  }
  return box;
}

const pad = (n) => String(n).padStart(2, "0");
const toLocal = (unix) => { const d = new Date(unix * 1000); return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`; };

function picker(e, { value, change, ids, input }) {
  const type = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[e.type];
  const moment = type === "datetime-local";
  const el = h("input", { class: "field-input picker", type, value: (moment && value ? toLocal(value) : value) ?? "", "aria-label": plainString(e.placeholder) || (input ? null : type), "aria-labelledby": input?.labelId,
    data: ids, onchange: async () => {
      const next = moment ? (el.value ? Math.floor(new Date(el.value) / 1000) : null) : el.value || null;
      if (!(await change(next))) el.value = (moment && value ? toLocal(value) : value) ?? "";
    } });
  return el;
}

function textInput(e, { block, ctx, value, change, ids, input }) {
  const rich = e.type === "rich_text_input";
  const long = e.multiline || rich;
  const kind = { email_text_input: "email", url_text_input: "url" }[e.type] ?? "text";
  const on = e.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const keep = (text) => { const v = rich ? toRich(text) : text; ctx.form.set(block, e, v); return v; };
  const counter = e.max_length ? h("span", { class: "counter", "aria-hidden": "true" }) : null;
  const count = () => { if (counter) { const left = e.max_length - el.value.length; counter.textContent = left; counter.classList.toggle("over", left < 0); counter.hidden = left > Math.max(50, e.max_length * 0.2); } };
  const el = h(long ? "textarea" : "input", {
    class: ["field-input", long && "multiline"], type: long ? null : kind, rows: long ? 4 : null, placeholder: plainString(e.placeholder) || null, dir: "auto", autocomplete: "off",
    inputmode: e.type === "number_input" ? (e.is_decimal_allowed ? "decimal" : "numeric") : null, "aria-labelledby": input?.labelId, data: { ...ids, ...(e.focus_on_load ? { autofocus: "" } : {}) },
    value: rich ? fromRich(value) : value ?? "",
    oninput: () => { const v = keep(el.value); count(); if (input?.dispatch && on.includes("on_character_entered")) change(v); },
    onkeydown: (event) => {
      if (event.key === "Enter" && input?.dispatch && on.includes("on_enter_pressed") && !(long && event.shiftKey)) { event.preventDefault(); change(keep(el.value)); }
    },
  });
  count();
  return counter ? h("div", { class: "with-counter" }, el, counter) : el;
}

const toRich = (text) => (text ? { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] } : null);
const fromRich = (value) => (value?.elements ?? []).map((p) => (p.elements ?? []).map((x) => x.text ?? x.url ?? "").join("")).join("\n");
