// What people have put into the fields of one message or view, in the shape Slack sends: values[block_id][action_id].

const EMPTY = {
  plain_text_input: ["value", null], number_input: ["value", null], email_text_input: ["value", null], url_text_input: ["value", null],
  rich_text_input: ["rich_text_value", null],
  static_select: ["selected_option", null], external_select: ["selected_option", null], radio_buttons: ["selected_option", null],
  multi_static_select: ["selected_options", []], multi_external_select: ["selected_options", []], checkboxes: ["selected_options", []],
  users_select: ["selected_user", null], multi_users_select: ["selected_users", []],
  conversations_select: ["selected_conversation", null], multi_conversations_select: ["selected_conversations", []],
  channels_select: ["selected_channel", null], multi_channels_select: ["selected_channels", []],
  datepicker: ["selected_date", null], timepicker: ["selected_time", null], datetimepicker: ["selected_date_time", null],
  file_input: ["files", []],
};

const INITIAL = {
  value: "initial_value", rich_text_value: "initial_value", selected_option: "initial_option", selected_options: "initial_options",
  selected_user: "initial_user", selected_users: "initial_users", selected_conversation: "initial_conversation", selected_conversations: "initial_conversations",
  selected_channel: "initial_channel", selected_channels: "initial_channels", selected_date: "initial_date", selected_time: "initial_time",
  selected_date_time: "initial_date_time",
};

export const isStateful = (type) => type in EMPTY;
export const fieldOf = (type) => EMPTY[type][0];

const blank = (value) => value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);

export class Form {
  fields = new Map(); // "block action" -> {block, element, value, optional, input}

  /** Makes an element known and gives its value: what was put in before, else its initial value. */
  register(block, element, { input = false, optional = true } = {}) {
    const key = `${block.block_id}\n${element.action_id}`;
    const known = this.fields.get(key);
    const [field, empty] = EMPTY[element.type];
    let value = known && known.element.type === element.type ? known.value : element[INITIAL[field]] ?? empty;
    if (element.type === "conversations_select" && !value && element.default_to_current_conversation) value = this.conversation ?? null;
    if (field === "value" && typeof value === "number") value = String(value);
    this.fields.set(key, { block, element, value, optional, input });
    return value;
  }

  set(block, element, value) {
    const known = this.fields.get(`${block.block_id}\n${element.action_id}`);
    if (known) known.value = value === "" ? null : value;
  }

  get(block, element) {
    return this.fields.get(`${block.block_id}\n${element.action_id}`)?.value;
  }

  /** Forgets fields whose blocks are gone. */
  prune(blocks) {
    const ids = new Set(blocks.map((b) => b.block_id));
    for (const [key, { block }] of this.fields) if (!ids.has(block.block_id)) this.fields.delete(key);
  }

  /** {values: {block_id: {action_id: {type, …}}}} */
  state() {
    const values = {};
    for (const { block, element, value } of this.fields.values()) {
      (values[block.block_id] ??= {})[element.action_id] = { type: element.type, [fieldOf(element.type)]: blank(value) ? EMPTY[element.type][1] : value };
    }
    return { values };
  }

  /** What Slack's client refuses before it asks the app: {block_id: text}. */
  check() {
    const errors = {};
    for (const { block, element, value, optional, input } of this.fields.values()) {
      if (!input) continue;
      if (blank(value)) { if (!optional) errors[block.block_id] = "Please complete this required field."; continue; }
      const problem = wrong(element, value);
      if (problem) errors[block.block_id] = problem;
    }
    return errors;
  }
}

function wrong(element, value) {
  const { type } = element;
  if (type === "plain_text_input") {
    if (element.min_length && value.length < element.min_length) return `Please enter at least ${element.min_length} characters.`;
    if (element.max_length && value.length > element.max_length) return `Please enter no more than ${element.max_length} characters.`;
  }
  if (type === "number_input") {
    if (!/^-?\d+(\.\d+)?$/.test(value)) return "Please enter a number.";
    if (!element.is_decimal_allowed && value.includes(".")) return "Please enter a whole number.";
    if (element.min_value != null && Number(value) < Number(element.min_value)) return `Please enter a number of at least ${element.min_value}.`;
    if (element.max_value != null && Number(value) > Number(element.max_value)) return `Please enter a number of at most ${element.max_value}.`;
  }
  if (type === "email_text_input" && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value)) return "Please enter a valid email address.";
  if (type === "url_text_input" && !/^https?:\/\/[^\s]+$/.test(value)) return "Please enter a valid URL.";
  return null;
}
