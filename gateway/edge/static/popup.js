// In a window that a page's call opened (stepup.js): tells that page that somebody is here, and how it ended.

const CHANNEL = "gateway-stepup";
const found = new RegExp(`^#${CHANNEL}=([0-9a-f]{32})$`).exec(location.hash);
let token = found?.[1];

try {
  if (token) sessionStorage.setItem(CHANNEL, token);
  else token = sessionStorage.getItem(CHANNEL);
} catch {
  // this page still tells, the next one will not
}

if (token) {
  const outcome = document.querySelector("[data-outcome]");
  const channel = new BroadcastChannel(CHANNEL);
  const here = outcome?.dataset.outcome ?? "here";
  let say = here;
  const tell = () => channel.postMessage({ token, say });

  channel.onmessage = ({ data }) => {
    if (data?.token !== token) return;
    if (data.say === "there?") tell();
    if (data.say !== "over") return;
    channel.close();
    sessionStorage.removeItem(CHANNEL);
    if (outcome) {
      for (const each of outcome.parentElement.children) each.hidden = each !== outcome && each.tagName !== "H1";
    }
    window.close();
  };
  // While a form is on its way the page may be gone, and the next one not there yet.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    say = "sent";
    tell();
  });
  window.addEventListener("pageshow", () => (say = here));
  for (const each of document.querySelectorAll("[data-alone]")) each.hidden = true;
  for (const each of document.querySelectorAll("[data-popup]")) each.hidden = false;
  tell();
}
