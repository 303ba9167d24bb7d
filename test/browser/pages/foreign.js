// What a foreign page tries against a broker on the same machine: every way a browser has to send something to another
// origin or to read from it. The page loads this file; the test calls `attempt` and looks at what it brings back.
//
// An attempt resolves with every text that the page could read of the answer ("" when nothing came), and never rejects.

/** A produce request as a person would write it; the topic exists. */
const RECORDS = JSON.stringify({ records: [{ value: "planted" }] });
/** A request of the protocol: header length, header. */
const frame = (header) => {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(4 + json.length);
  new DataView(bytes.buffer).setUint32(0, json.length);
  bytes.set(json, 4);
  return bytes;
};
const HELLO = { id: 0, api: "hello", client: "page", versions: [1], clientInstanceId: "page", connectionSeq: 1 };
const CREATE = { id: 1, api: "createTopics", topics: [{ topic: "planted" }] };
const JOIN = { groupId: "planted", memberId: "page", memberEpoch: 0, seq: 1, subscription: ["secrets"], owned: [] };

const JSON_TYPE = { "content-type": "application/json" };
const TEXT_TYPE = { "content-type": "text/plain" };
const FRAME_TYPE = { "content-type": "application/vnd.brooklet" };

const SECRETS = "/v1/topics/secrets/records";
const READ = "/v1/topics/secrets/partitions/0/records?offset=0";
const STREAM = "/v1/topics/secrets/stream?from=earliest";

const read = async (url, init) => {
  const response = await fetch(url, init);
  return `${await response.text()}${[...response.headers].join()}`;
};

/** An element that loads a URL; what a page learns of it. */
const load = (element, attribute, url) =>
  new Promise((resolve) => {
    element.onload = () => resolve(`${element.tagName} loaded`);
    element.onerror = () => resolve("");
    element[attribute] = url;
    document.body.append(element);
  });
const make = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);

/** A frame always tells that it has loaded something, be it the refusal; what counts is what the page may read in it. */
const framed = async (send) => {
  const name = `frame-${Math.random()}`;
  const iframe = make("iframe", { name });
  // The empty document that a frame begins with loads too, before anything was sent.
  const loaded = () => new Promise((resolve) => iframe.addEventListener("load", resolve, { once: true }));
  const first = loaded();
  document.body.append(iframe);
  await first;
  const answered = loaded();
  send(name, iframe);
  await answered;
  try {
    return iframe.contentDocument?.documentElement.textContent ?? "";
  } catch {
    return "";
  }
};

const form = (action, enctype, name, value, method = "post") =>
  framed((target) => {
    const element = make("form", { action, enctype, method, target });
    element.append(make("input", { name, value }));
    document.body.append(element);
    element.submit();
  });

const socket = (url, protocols) =>
  new Promise((resolve) => {
    const got = [];
    const websocket = new WebSocket(url, protocols);
    websocket.binaryType = "arraybuffer";
    websocket.onopen = () => {
      got.push("open");
      websocket.send(frame(HELLO));
      websocket.send(frame(CREATE));
    };
    websocket.onmessage = ({ data }) => {
      got.push(new TextDecoder().decode(data));
      if (got.length > 2) websocket.close();
    };
    websocket.onclose = ({ reason }) => resolve(`${got.join()}${reason}`);
  });

const events = (url, init) =>
  new Promise((resolve) => {
    const source = new EventSource(url, init);
    const end = (got) => {
      source.close();
      resolve(got);
    };
    source.onmessage = ({ data }) => end(data);
    source.onerror = () => end("");
  });

const xhr = (url) =>
  new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.onloadend = () => resolve(request.responseText + request.getAllResponseHeaders());
    request.open("GET", url);
    request.send();
  });

const worker = (script) =>
  new Promise((resolve) => {
    const instance = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    const end = (got) => {
      instance.terminate();
      resolve(got);
    };
    instance.onmessage = ({ data }) => end(data);
    instance.onerror = () => end("");
  });

const beacon = async (url, type) => {
  navigator.sendBeacon(url, new Blob([RECORDS], { type }));
  return "";
};

/** By name; `at` is `http://host:port` of the broker. */
export const attempts = {
  "fetch of the topics": (at) => read(`${at}/v1/topics`),
  "fetch of the records": (at) => read(`${at}${READ}`),
  "fetch of the metrics": (at) => read(`${at}/metrics`),
  "fetch without cors": (at) => read(`${at}${READ}`, { mode: "no-cors" }),
  "fetch with credentials": (at) => read(`${at}${READ}`, { credentials: "include" }),
  "simple post": (at) => read(`${at}${SECRETS}`, { method: "POST", headers: TEXT_TYPE, body: RECORDS }),
  "preflighted post": (at) => read(`${at}${SECRETS}`, { method: "POST", headers: JSON_TYPE, body: RECORDS }),
  "post without cors": (at) =>
    read(`${at}${SECRETS}`, { method: "POST", mode: "no-cors", headers: TEXT_TYPE, body: RECORDS }),
  "post without a type": (at) =>
    read(`${at}${SECRETS}`, { method: "POST", mode: "no-cors", body: new TextEncoder().encode(RECORDS) }),
  "post that outlives the page": (at) =>
    read(`${at}${SECRETS}`, { method: "POST", mode: "no-cors", keepalive: true, body: RECORDS }),
  "post of a frame": (at) =>
    read(`${at}/v1/createTopics`, { method: "POST", headers: FRAME_TYPE, body: frame(CREATE) }),
  "post that joins a group": (at) =>
    read(`${at}/v1/groupHeartbeat`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(JOIN) }),
  "delete of a topic": (at) => read(`${at}/v1/topics/secrets`, { method: "DELETE" }),
  "redirected post": (at) =>
    read(`/redirect?to=${encodeURIComponent(`${at}${SECRETS}`)}`, {
      method: "POST",
      headers: TEXT_TYPE,
      body: RECORDS,
    }),
  "redirected post without cors": (at) =>
    read(`/redirect?to=${encodeURIComponent(`${at}${SECRETS}`)}`, { method: "POST", mode: "no-cors", body: RECORDS }),
  XMLHttpRequest: (at) => xhr(`${at}${READ}`),
  "form as text": (at) => form(`${at}${SECRETS}`, "text/plain", '{"records":[{"value":"', 'planted"}]}'),
  "form urlencoded": (at) => form(`${at}${SECRETS}`, "application/x-www-form-urlencoded", "records", RECORDS),
  "form multipart": (at) => form(`${at}${SECRETS}`, "multipart/form-data", "records", RECORDS),
  "form that gets": (at) => form(`${at}/v1/topics`, "", "x", "y", "get"),
  iframe: (at) => framed((_name, iframe) => Object.assign(iframe, { src: `${at}${READ}` })),
  image: (at) => load(make("img"), "src", `${at}${READ}`),
  script: (at) => load(make("script"), "src", `${at}${READ}`),
  "module script": (at) => load(make("script", { type: "module" }), "src", `${at}${READ}`),
  "import()": (at) => import(`${at}${READ}`).then(() => "imported"),
  stylesheet: (at) => load(make("link", { rel: "stylesheet" }), "href", `${at}${READ}`),
  object: (at) => load(make("object"), "data", `${at}${READ}`),
  audio: (at) =>
    new Promise((resolve) => {
      const audio = make("audio", { onloadeddata: () => resolve("sound"), onerror: () => resolve("") });
      audio.src = `${at}${READ}`;
    }),
  "script in a worker": (at) => worker(`importScripts("${at}${READ}"); postMessage("imported")`),
  "fetch in a worker": (at) =>
    worker(`fetch("${at}${READ}").then((r) => r.text()).then(postMessage, () => postMessage(""))`),
  WebSocket: (at) => socket(`${at.replace("http", "ws")}/v1/ws`, ["brooklet.v1"]),
  "WebSocket without a subprotocol": (at) => socket(`${at.replace("http", "ws")}/v1/ws`, []),
  EventSource: (at) => events(`${at}${STREAM}`),
  "EventSource with credentials": (at) => events(`${at}${STREAM}`, { withCredentials: true }),
  "beacon as text": (at) => beacon(`${at}${SECRETS}`, "text/plain"),
  "beacon as json": (at) => beacon(`${at}${SECRETS}`, "application/json"),
};

/** Everything that one attempt could read; a failure reads nothing. */
export const attempt = (name, at) => attempts[name](at).catch(() => "");

/** All of them: name and what it brought. */
export const attemptAll = async (at) =>
  Object.fromEntries(await Promise.all(Object.keys(attempts).map(async (name) => [name, await attempt(name, at)])));
