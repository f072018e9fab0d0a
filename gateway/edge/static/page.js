// What makes any page a little better, and none depend on.

const language = document.documentElement.lang;

for (const time of document.querySelectorAll("time[data-show]")) {
  const style = time.dataset.show === "date" ? { dateStyle: "medium" } : { timeStyle: "short" };
  const moment = new Date(time.dateTime);
  time.textContent = new Intl.DateTimeFormat(language, style).format(moment);
  time.title = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" }).format(moment);
}

for (const button of document.querySelectorAll("button.reveal")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
}

// One press, one request; a page brought back by the Back button may send again.
const sent = new Set();
document.addEventListener("submit", (event) => {
  if (sent.has(event.target)) event.preventDefault();
  else if (!event.defaultPrevented) sent.add(event.target);
});
window.addEventListener("pageshow", () => sent.clear());
