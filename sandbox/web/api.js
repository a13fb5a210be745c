// Calls to the sandbox server. Every answer is an object with `ok`; a failed request becomes `{ok: false, error}` and never throws.

async function request(path, options) {
  try {
    const response = await fetch(path, options);
    const body = await response.json();
    return { ok: response.ok, ...body };
  } catch {
    return { ok: false, error: "connection_lost", message: "The workspace does not answer. Is it still running?" };
  }
}

export function get(path, params = {}) {
  return request(`/sandbox/${path}?${new URLSearchParams(params)}`);
}

export function post(path, body) {
  return request(`/sandbox/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Opens the event stream and opens it again whenever it is lost; `onopen` is called each time. Returns a function that ends it. */
export function events(as, { onevent, onopen, onlost }) {
  let source;
  let timer;
  const open = () => {
    source = new EventSource(`/sandbox/events?${new URLSearchParams({ as })}`);
    source.onopen = onopen;
    source.onmessage = (event) => onevent(JSON.parse(event.data));
    source.onerror = () => {
      onlost();
      source.close(); // the browser's own retry gives up on some errors
      clearTimeout(timer);
      timer = setTimeout(open, 1500);
    };
  };
  open();
  return () => { clearTimeout(timer); source.close(); };
}
