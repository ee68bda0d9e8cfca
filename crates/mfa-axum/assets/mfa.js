// [Copy] without leaving the page. Where the clipboard is missing or refuses, the button posts its form as it would
// without this script, and the answer shows the text in a field.
(() => {
  "use strict";
  for (const field of document.querySelectorAll("input[readonly][autofocus]")) field.select();
  if (!navigator.clipboard || !navigator.clipboard.writeText) return;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const done = document.getElementById(button.dataset.done);
    if (!source || !done) continue;
    let isRefused = false;
    button.addEventListener("click", (event) => {
      if (isRefused) return;
      event.preventDefault();
      navigator.clipboard.writeText(source.textContent.trim()).then(
        () => { done.textContent = button.dataset.copied; },
        () => { isRefused = true; button.click(); },
      );
    });
  }
})();
