// Put first into an app's pages. When the gateway refuses a call of theirs until its owner confirms, it opens the confirm
// page in a small window and then repeats the very call: the page's own code sees only the answer, or, when nobody
// confirms, the 401. Whatever else fetch and XMLHttpRequest do, they go on doing.

(() => {
  "use strict";

  const { XMLHttpRequest: NativeXHR, fetch: nativeFetch, Request: NativeRequest, BroadcastChannel } = window;
  const { apply, construct, defineProperty, getOwnPropertyDescriptor: described } = Reflect;
  const CHANNEL = "gateway-stepup";
  const HERE = location.origin;
  const MOST = 3; // confirmations of one call's own, before its 401 is handed on after all
  const LATE = 30000; // milliseconds in which a window that is still loading is told that it is not needed
  const EVERY = 500; // milliseconds between two looks whether the window is still there
  const openWindow = window.open.bind(window);
  const mark = Symbol.for(CHANNEL);

  const is = (value, ...kinds) => kinds.includes(Object.prototype.toString.call(value).slice(8, -1)); // of any window's

  if (window[mark] || window.origin === "null" || !BroadcastChannel || !nativeFetch) return;
  defineProperty(window, mark, { value: true });
  if (document.currentScript) document.currentScript.remove(); // the document is as the app wrote it

  // The confirm page that a refusal names; null if it is none that somebody could lift here, or if it is about another
  // call than this one: where a redirect leads is not what would be repeated.
  function refusal(status, said, method) {
    if (status !== 401 || !/\berror="insufficient_user_authentication"/.test(said || "")) return null;
    const named = /\bmethod="([^"]+)", confirm_url="([^"]+)"/.exec(said);
    try {
      if (named[1] !== method.toUpperCase()) return null;
      const url = new URL(named[2], HERE);
      return url.origin === HERE && url.pathname.startsWith("/.gateway/confirm/") ? url.href : null;
    } catch (error) {
      return null;
    }
  }

  // Asking the person. Calls that are refused while they are being asked wait for the same answer.

  const WORDS = {
    en: ["Confirm access", "This waits until you confirm it in another window.", "Open the window", "Cancel"],
    de: ["Zugriff bestätigen", "Das wartet, bis Sie es in einem anderen Fenster bestätigen.", "Fenster öffnen", "Abbrechen"],
    fr: ["Confirmer l’accès", "L’action attend votre confirmation dans une autre fenêtre.", "Ouvrir la fenêtre", "Annuler"],
    es: ["Confirmar el acceso", "Esto espera a que lo confirmes en otra ventana.", "Abrir la ventana", "Cancelar"],
    ar: ["تأكيد الوصول", "ينتظر هذا الإجراء تأكيدك في نافذة أخرى.", "فتح النافذة", "إلغاء"],
  };
  const STYLE = `
    dialog { box-sizing: border-box; inline-size: min(26rem, calc(100vw - 2rem)); padding: 1.5rem; color: #1a1f27;
      background: #fff; border: 1px solid #818b99; border-radius: 14px; font: 16px/1.5 system-ui, sans-serif;
      text-align: start; color-scheme: light; }
    dialog::backdrop { background: rgb(20 30 50 / 45%); }
    h2 { margin: 0 0 .5rem; font-size: 1.25rem; line-height: 1.25; }
    p { margin: 0 0 1.25rem; }
    div { display: flex; flex-wrap: wrap; gap: .75rem; }
    a, button { box-sizing: border-box; min-block-size: 44px; padding: .5rem 1rem; border: 1px solid #2457c5;
      border-radius: 10px; font: inherit; cursor: pointer; text-decoration: none; }
    a { background: #2457c5; color: #fff; }
    button { background: #fff; color: #1a1f27; border-color: #818b99; }
    a:focus-visible, button:focus-visible { outline: 3px solid #2457c5; outline-offset: 2px; }
    @media (prefers-color-scheme: dark) {
      dialog, button { background: #171b22; color: #e7eaef; color-scheme: dark; }
      a { background: #8fb4ff; border-color: #8fb4ff; color: #0c1730; }
      a:focus-visible, button:focus-visible { outline-color: #8fb4ff; }
    }`;
  let round = null;
  let declined = false;

  // Somebody who cancelled is left in peace by calls that a page repeats by itself, until they do something again.
  for (const type of ["pointerdown", "keydown"]) {
    addEventListener(type, (event) => event.isTrusted && (declined = false), { capture: true, passive: true });
  }

  // `settle(confirmed, own)` is called once, `own` if it was that very page; the function given back leaves before.
  function ask(url, settle) {
    if (!round && declined) {
      setTimeout(settle, 0, false, false);
      return () => {};
    }
    if (!round) round = begin(url);
    const mine = round;
    mine.waiting.set(settle, url);
    return () => {
      mine.waiting.delete(settle);
      if (!mine.waiting.size) mine.end(false);
    };
  }

  function begin(url) {
    const token = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const waiting = new Map();
    const channel = new BroadcastChannel(CHANNEL);
    const address = `${url}#${CHANNEL}=${token}`;
    let popup = null;
    let seen = false; // a page of the gateway's is there
    let sent = false; // and what was typed there is on its way
    let severed = true; // its window says `closed` although it is open, for its pages keep to themselves (COOP)
    let silent = 0;
    let dialog = null; // takes it away

    const tell = (say) => channel.postMessage({ token, say });
    const show = () => {
      const shown = openWindow(address, CHANNEL, "popup,width=480,height=720");
      popup = shown || popup;
      silent = 0;
      return shown;
    };

    function end(confirmed) {
      if (round !== mine) return;
      round = null;
      declined = !confirmed && waiting.size > 0;
      clearInterval(timer);
      removeEventListener("focus", returned);
      removeEventListener("pagehide", left);
      tell("over");
      channel.onmessage = ({ data }) => data && data.token === token && tell("over"); // its page may not have been there yet
      setTimeout(() => channel.close(), LATE);
      if (dialog) dialog();
      for (const [settle, its] of waiting) settle(confirmed, its === url);
    }

    function look() {
      const closed = popup && popup.closed;
      if (!seen && !closed) return;
      const gone = seen && closed && !severed; // or severed a moment ago: its page may have spoken before that is known here
      silent += 1;
      if (silent > (sent ? (gone ? 20 : 120) : gone ? 2 : seen ? 5 : 20)) end(false);
      else tell("there?");
    }

    channel.onmessage = ({ data }) => {
      if (!data || data.token !== token) return;
      seen = true;
      sent = data.say === "sent";
      silent = 0;
      severed = !popup || popup.closed;
      if (data.say === "confirmed") end(true);
      else if (data.say === "cancelled") end(false);
    };

    const offer = () => {
      if (round === mine && !dialog) dialog = offered(address, show, () => end(false));
    };
    const returned = () => setTimeout(offer, 8 * EVERY); // to a page that waits, its window out of sight
    const left = () => tell("over");
    const timer = setInterval(look, EVERY);
    addEventListener("focus", returned);
    addEventListener("pagehide", left);
    const mine = { waiting, end };
    if (!show()) setTimeout(offer);
    return mine;
  }

  // Says in the page itself that something waits. A small or hidden frame cannot, so the outermost page that is ours does.
  function offered(address, show, cancel) {
    let home = window;
    try {
      while (home.parent !== home && home.parent.document) home = home.parent;
    } catch (error) {
      // the next one belongs to others
    }
    const page = home.document;
    const make = (name, text, ...children) => {
      const made = page.createElement(name);
      if (text) made.textContent = text;
      made.append(...children);
      return made;
    };
    const language = [page.documentElement.lang, ...navigator.languages]
      .map((tag) => tag.toLowerCase().split("-")[0])
      .find((tag) => Object.prototype.hasOwnProperty.call(WORDS, tag)) || "en";
    const [title, text, open, stop] = WORDS[language];

    const link = make("a", open);
    link.href = address;
    link.target = "_blank";
    link.addEventListener("click", (event) => show() && event.preventDefault());
    const button = make("button", stop);
    button.type = "button";
    button.addEventListener("click", cancel);
    const heading = make("h2", title);
    heading.id = "title";
    const dialog = make("dialog", "", heading, make("p", text), make("div", "", link, button));
    dialog.lang = language;
    dialog.dir = language === "ar" ? "rtl" : "ltr";
    dialog.setAttribute("aria-labelledby", "title");
    dialog.addEventListener("close", cancel);

    const host = make(CHANNEL);
    host.style.setProperty("all", "initial", "important");
    for (const type of ["click", "keydown", "keyup", "keypress", "focusin", "mousedown", "pointerdown"]) {
      host.addEventListener(type, (event) => event.stopPropagation());
    }
    const root = host.attachShadow({ mode: "open" });
    try {
      const sheet = new home.CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } catch (error) {
      // plain, then
    }
    root.append(dialog);
    page.documentElement.append(host);
    dialog.showModal();
    return () => {
      dialog.close(); // gives the focus back
      host.remove();
    };
  }

  // fetch

  const clone = NativeRequest.prototype.clone;

  // The call as it is now, whatever the page does with its parts later; null if it cannot or must not be repeated.
  function kept(input, init) {
    try {
      const given = input instanceof NativeRequest || is(input, "Request");
      const url = given ? input.url : new URL(input, document.baseURI).href;
      const { body, headers, keepalive } = init || {};
      const once = headers && headers[Symbol.iterator] && typeof headers.next === "function"; // can be read only once
      const held = keepalive || (given && input.keepalive); // it outlives its page, so nothing may wait in it
      if (!url.startsWith(HERE + "/") || held || once || is(body, "ReadableStream")) return null;
      const request = new NativeRequest(given ? apply(clone, input, []) : url, init);
      return request.credentials === "omit" ? null : request; // nobody's, whoever confirms
    } catch (error) {
      return null; // the call itself will say what is wrong
    }
  }

  function asked(url, signal) {
    return new Promise((resolve, reject) => {
      let leave = () => {};
      const stop = () => {
        leave();
        reject(signal.reason || new DOMException("The operation was aborted.", "AbortError"));
      };
      if (signal.aborted) {
        stop();
        return;
      }
      signal.addEventListener("abort", stop, { once: true });
      leave = ask(url, (confirmed, own) => {
        signal.removeEventListener("abort", stop);
        resolve({ confirmed, own });
      });
    });
  }

  async function answered(response, request) {
    for (let own = 0; own < MOST; ) {
      const plain = response.type === "basic" && !response.redirected;
      const url = plain && refusal(response.status, response.headers.get("www-authenticate"), request.method);
      if (!url) return response;
      const outcome = await asked(url, request.signal);
      if (!outcome.confirmed) return response;
      if (outcome.own) own += 1;
      if (response.body) response.body.cancel().catch(() => {});
      response = await apply(nativeFetch, window, [apply(clone, request, [])]);
    }
    return response;
  }

  window.fetch = new Proxy(nativeFetch, {
    apply(target, self, args) {
      const request = kept(args[0], args[1]);
      const answer = apply(target, self, args);
      return request ? answer.then((response) => (response.status === 401 ? answered(response, request) : response)) : answer;
    },
  });

  // XMLHttpRequest. A call is repeated by another object, out of sight; `stand` is what the page's own object then shows
  // in its place. The events of the one that answers (`source`) are dispatched again on the page's own.

  const proto = NativeXHR.prototype;
  const native = {};
  for (const name of ["open", "send", "abort", "setRequestHeader", "getResponseHeader"]) native[name] = proto[name];
  for (const name of ["overrideMimeType", "getAllResponseHeaders"]) native[name] = proto[name];
  const attribute = {};
  for (const name of ["readyState", "status", "statusText", "response", "responseText", "responseXML", "responseURL"]) {
    attribute[name] = described(proto, name);
  }
  for (const name of ["responseType", "timeout", "withCredentials"]) attribute[name] = described(proto, name);
  const { addEventListener: listen, dispatchEvent: dispatch } = EventTarget.prototype;
  const get = (xhr, name) => apply(attribute[name].get, xhr, []);
  const set = (xhr, name, value) => apply(attribute[name].set, xhr, [value]);
  const call = (xhr, name, ...args) => apply(native[name], xhr, args);
  const EVENTS = ["readystatechange", "progress", "load", "error", "abort", "timeout", "loadend"];
  const records = new WeakMap();

  function copied(event) {
    if (event.type === "readystatechange") return new Event(event.type);
    const { lengthComputable, loaded, total } = event;
    return new ProgressEvent(event.type, { lengthComputable, loaded, total });
  }

  class Record {
    constructor(xhr) {
      this.xhr = xhr;
      this.forget();
    }

    // As before any call.
    forget() {
      if (this.leave) this.leave();
      this.call = null; // [method, address, true, …] of one that may be repeated
      this.headers = [];
      this.mime = [];
      this.body = null;
      this.own = 0;
      this.source = this.xhr;
      this.stand = null;
      this.state = null; // readyState, where it is not that of `stand`
      this.held = null; // events kept back: null when none are
      this.leave = null;
    }

    // What an event of `source` means. Gives whether the page's own object may let it through.
    heard(source, event) {
      if (source !== this.source) return false;
      const { type } = event;
      const state = get(source, "readyState");
      if (!this.held && type === "readystatechange" && state === 2 && this.call) {
        const url = this.refused(source);
        if (url) this.wait(url);
        else this.body = null;
      }
      if (this.held) this.held.push([copied(event), state]);
      else if (source !== this.xhr) this.tell(copied(event));
      return !this.held;
    }

    // Gives whether the call goes on after it. One that its own `load` began anew has ended all the same.
    tell(event) {
      const { source } = this;
      apply(dispatch, this.xhr, [event]);
      if (source !== this.source && event.type === "load") apply(dispatch, this.xhr, [new ProgressEvent("loadend")]);
      return source === this.source;
    }

    refused(source) {
      const redirected = get(source, "responseURL") !== this.call[1].split("#")[0];
      if (redirected || this.own >= MOST) return null;
      const said = call(source, "getResponseHeader", "www-authenticate");
      return refusal(get(source, "status"), said, this.call[0]);
    }

    wait(url) {
      const shown = this.stand || this.xhr;
      const next = new NativeXHR();
      this.held = [];
      call(next, "open", ...this.call);
      for (const [name, value] of this.headers) call(next, "setRequestHeader", name, value);
      for (const type of this.mime) call(next, "overrideMimeType", type);
      for (const name of ["responseType", "timeout"]) set(next, name, get(shown, name));
      set(next, "withCredentials", get(this.xhr, "withCredentials"));
      this.stand = next;
      this.leave = ask(url, (confirmed, own) => {
        this.leave = null;
        if (own) this.own += 1;
        if (confirmed) this.repeat(next);
        else this.handOn();
      });
    }

    repeat(next) {
      const before = this.source;
      this.held = null;
      this.source = next;
      if (before !== this.xhr) call(before, "abort");
      for (const type of EVENTS) apply(listen, next, [type, (event) => this.heard(next, event)]);
      call(next, "send", this.body);
    }

    handOn() {
      const { held, source } = this;
      this.held = null;
      this.stand = source === this.xhr ? null : source;
      for (const [event, state] of held) {
        this.state = state;
        if (!this.tell(event) || this.state !== state) return; // a listener began anew, or gave up
      }
      this.state = null;
    }

    // While it is held it looks as if it were on its way (XHR standard, the request error steps); at its end it is quiet.
    abort() {
      const { source, state, xhr } = this;
      if (this.leave) this.leave();
      this.leave = this.held = this.call = this.state = null;
      this.source = this.stand = new NativeXHR();
      call(source, "abort");
      if (state === 4) return;
      this.state = 4;
      for (const type of ["readystatechange", "abort", "loadend"]) {
        apply(dispatch, xhr, [copied({ type, lengthComputable: false, loaded: 0, total: 0 })]);
        if (this.source !== this.stand) return; // a listener began anew
      }
      this.state = null;
    }
  }

  const Watched = new Proxy(NativeXHR, {
    construct(target, args, made) {
      const xhr = construct(target, args, made);
      const record = new Record(xhr);
      records.set(xhr, record);
      for (const type of EVENTS) {
        const heard = (event) => event.isTrusted && !record.heard(xhr, event) && event.stopImmediatePropagation();
        apply(listen, xhr, [type, heard]);
      }
      return xhr;
    },
  });
  defineProperty(proto, "constructor", { ...described(proto, "constructor"), value: Watched });
  window.XMLHttpRequest = Watched;

  // Puts `does(record, xhr, args, run)` before a method; `run` is the method itself, on the object given or the page's.
  function before(name, does) {
    proto[name] = new Proxy(native[name], {
      apply(target, self, args) {
        const record = records.get(self);
        const run = (on = self) => apply(target, on, args);
        return record ? does(record, self, args, run) : run();
      },
    });
  }

  before("open", (record, xhr, args, run) => {
    const stand = record.stand;
    if (stand) {
      run(new NativeXHR()); // throws what it would, with nothing changed
      const opened = (record.state || get(stand, "readyState")) === 1;
      record.forget();
      call(stand, "abort");
      record.source = opened ? null : xhr; // no event: it was open, for all that the page could see
    } else record.forget();
    run();
    record.source = xhr;
    if (stand) for (const name of ["responseType", "timeout"]) set(xhr, name, get(stand, name));
    const [method, address, asynchronous, ...rest] = args;
    const url = new URL(address, document.baseURI).href;
    if ((args.length < 3 || asynchronous) && url.startsWith(HERE + "/")) record.call = [String(method), url, true, ...rest];
  });

  before("setRequestHeader", (record, xhr, args, run) => {
    run();
    record.headers.push(args.map(String));
  });

  before("overrideMimeType", (record, xhr, args, run) => {
    run(record.stand || xhr);
    record.mime = [String(args[0])];
  });

  before("send", (record, xhr, args, run) => {
    if (!record.call || record.stand) return run();
    const body = sent(args[0]);
    run();
    record.body = body;
  });

  before("abort", (record, xhr, args, run) => {
    if (record.held || record.state) record.abort();
    else run(record.stand || xhr);
  });

  // A body as it is now.
  function sent(body) {
    if (body === undefined || body === null) return null;
    if (typeof body === "string" || is(body, "Blob", "File")) return body;
    if (is(body, "FormData")) {
      const copy = new FormData();
      for (const [name, value] of body) copy.append(name, value);
      return copy;
    }
    if (is(body, "URLSearchParams")) return new URLSearchParams(String(body));
    if (is(body, "ArrayBuffer")) return body.slice(0);
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
    if (body.nodeType === 9) return body.cloneNode(true); // a document
    return String(body);
  }

  for (const name of ["getResponseHeader", "getAllResponseHeaders"]) {
    before(name, (record, xhr, args, run) => run(record.stand || xhr));
  }

  for (const name of Object.keys(attribute)) {
    if (name === "withCredentials") continue;
    const shown = (target, self, args) => {
      const record = records.get(self);
      if (name === "readyState" && record && record.state !== null) return record.state;
      return apply(target, (record && record.stand) || self, args);
    };
    const { get: reads, set: writes } = attribute[name];
    defineProperty(proto, name, {
      ...attribute[name],
      get: new Proxy(reads, { apply: shown }),
      ...(writes && { set: new Proxy(writes, { apply: shown }) }),
    });
  }
})();
