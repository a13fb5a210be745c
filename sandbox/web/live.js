// The event stream: what happens in the workspace, as it happens.

import { events } from "./api.js";
import { store, channel, channelMessages, dropMessage, emit, isReply, markRead, putMessage, setChannel, setViews } from "./store.js";
import { loadMessages, loadState, loadViews } from "./actions.js";

/** Resolves when the stream is open (or is slow to open), so that nothing the first calls cause is missed. */
export function listen() {
  let lost = false;
  let opened;
  const open = new Promise((resolve) => { opened = resolve; setTimeout(resolve, 2000); });
  const end = events(store.as, {
    onevent: (event) => HANDLE[event.type]?.(event),
    onopen: async () => {
      if (lost) await refresh();
      lost = false;
      setOnline(true);
      opened();
    },
    onlost: () => { lost = true; setOnline(false); },
  });
  addEventListener("pagehide", end);
  return open;
}

function setOnline(online) {
  if (store.online === online) return;
  store.online = online;
  emit("link");
}

async function refresh() {
  await Promise.all([loadState(), loadViews()]);
  const { channel: id, thread } = store.route;
  if (id) await Promise.all([loadMessages(id), thread ? loadMessages(id, thread) : null]);
}

const idOf = (c) => (typeof c === "string" ? c : c?.id);

function arrived({ channel: where, message }) {
  const id = idOf(where) ?? message.channel;
  const known = channelMessages(id).has(message.ts);
  putMessage(id, message);
  const c = channel(id);
  if (!c) { loadState(); return; }
  c.last_ts = message.ts;
  const looking = store.route.channel === id && (store.route.page === "channel" || store.route.tab === "messages") && !document.hidden;
  if (looking) return markRead(id);
  if (known || message.user === store.as || isReply(message)) return;
  c.unread = (c.unread ?? 0) + 1;
  if (c.is_im || JSON.stringify([message.text, message.blocks]).match(new RegExp(`<@${store.as}>|<!(here|channel|everyone)>|"user_id":"${store.as}"`))) c.mentions = (c.mentions ?? 0) + 1;
  emit("state");
}

const HANDLE = {
  message: arrived,
  ephemeral: ({ channel: where, message }) => putMessage(idOf(where), { ...message, is_ephemeral: true }),
  message_changed: ({ channel: where, message }) => putMessage(idOf(where), message),
  message_deleted: ({ channel: where, message, ts }) => dropMessage(idOf(where), ts ?? message?.deleted_ts ?? message?.ts),
  reaction: ({ channel: where, message, ts, reactions }) => {
    const before = channelMessages(idOf(where)).get(message?.ts ?? ts);
    if (message) putMessage(idOf(where), message);
    else if (before && reactions) putMessage(idOf(where), { ...before, reactions });
  },
  view_opened: ({ view }) => setViews([...store.views.filter((v) => v.id !== view.id), view]),
  view_updated: ({ view }) => (store.views.some((v) => v.id === view.id) ? setViews(store.views.map((v) => (v.id === view.id ? view : v))) : loadViews()),
  view_closed: ({ view }) => setViews(store.views.filter((v) => v.id !== view.id)),
  home: ({ view }) => { store.home = view; emit("home"); },
  channel: ({ channel: c }) => (typeof c === "object" ? setChannel(c) : loadState()),
  bot: ({ connected }) => { store.bot = { ...store.bot, connected }; emit("state"); },
};

