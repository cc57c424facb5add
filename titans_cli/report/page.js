"use strict";
// The page is whole without this: it opens the quote that a link leads to, and says what lies under the pointer.
const reveal = () => {
  let target = null;
  try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return; }
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target && target.tagName === "DETAILS") { target.scrollIntoView({ block: "center" }); target.querySelector("summary").focus({ preventScroll: true }); }
};
addEventListener("hashchange", reveal);
addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link && link.hash === location.hash) reveal();
});
addEventListener("beforeprint", () => { for (const quote of document.querySelectorAll("details.quote")) quote.open = true; });
for (const figure of document.querySelectorAll("figure")) {
  const says = figure.querySelector(".says");
  if (!says) continue;
  const rest = says.textContent;
  figure.addEventListener("pointerover", (event) => { says.textContent = event.target.dataset.say || rest; });
  figure.addEventListener("pointerleave", () => { says.textContent = rest; });
}
reveal();
