// The browser's passkey dialog: its answer goes into the form's hidden field, and the form is sent.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// For browsers without the JSON methods of WebAuthn Level 3.
function read(kind, json) {
  const native = kind === "get" ? "parseRequestOptionsFromJSON" : "parseCreationOptionsFromJSON";
  if (PublicKeyCredential[native]) return PublicKeyCredential[native](json);
  const ids = (list) => (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  const options = { ...json, challenge: bytes(json.challenge) };
  if (kind === "get") return { ...options, allowCredentials: ids(json.allowCredentials) };
  return { ...options, user: { ...json.user, id: bytes(json.user.id) }, excludeCredentials: ids(json.excludeCredentials) };
}

function written(credential) {
  if (credential.toJSON) return credential.toJSON();
  const { response } = credential;
  const fields = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) fields[name] = text(response[name]);
  }
  if (response.getTransports) fields.transports = response.getTransports();
  const { id, type, authenticatorAttachment } = credential;
  return { id, rawId: id, type, authenticatorAttachment, response: fields, clientExtensionResults: {} };
}

const SAYS = { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "known" };

function serve(form) {
  const kind = form.dataset.passkey;
  const button = form.querySelector("[data-start]");
  const say = (when) => {
    for (const each of form.querySelectorAll("[data-when]")) each.hidden = each.dataset.when !== when;
  };
  let waiting = null;

  async function ask(mediation) {
    waiting?.abort();
    waiting = new AbortController();
    const publicKey = read(kind, JSON.parse(form.dataset.options));
    const options = { publicKey, signal: waiting.signal, ...(mediation && { mediation }) };
    const credential = await navigator.credentials[kind](options);
    form.elements.passkey.value = JSON.stringify(written(credential));
    form.requestSubmit();
  }

  form.addEventListener("submit", async (event) => {
    if (form.elements.passkey.value) return;
    event.preventDefault();
    event.stopPropagation();
    say(null);
    form.setAttribute("aria-busy", "true");
    try {
      await ask();
    } catch (error) {
      say(kind === "get" && error.name === "InvalidStateError" ? "failed" : (SAYS[error.name] ?? "failed"));
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
  window.addEventListener("pageshow", () => (form.elements.passkey.value = ""));

  button.hidden = false;
  if ("autofill" in form.dataset) {
    PublicKeyCredential.isConditionalMediationAvailable?.()
      .then((there) => there && ask("conditional"))
      .catch(() => {}); // nobody asked for it: the button still works
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (window.PublicKeyCredential) serve(form);
  else form.querySelector("[data-when=unsupported]").hidden = false;
}
