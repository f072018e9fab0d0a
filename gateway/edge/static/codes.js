// Recovery codes: copy, download, print.

const tools = document.querySelector("[data-tools]");
const codes = [...document.querySelectorAll(".codes code")].map((each) => each.textContent).join("\n") + "\n";

tools.querySelector("[data-copy]").addEventListener("click", async () => {
  await navigator.clipboard.writeText(codes);
  document.querySelector("[data-copied]").hidden = false;
});
tools.querySelector("[data-download]").href = "data:text/plain;charset=utf-8," + encodeURIComponent(codes);
tools.querySelector("[data-print]").addEventListener("click", () => window.print());
tools.querySelector("[data-copy]").hidden = !navigator.clipboard;
tools.hidden = false;
