// Forms that say data-method are sent by fetch. Whatever the answer is but a success, the plain form has the last word.
for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let done = false;
    try {
      done = (await fetch(form.action, { method: form.dataset.method })).ok;
    } catch {
      // no network, no answer: the browser will say so
    }
    if (done) location.reload();
    else form.submit();
  });
}
