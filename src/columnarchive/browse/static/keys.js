// Keys for reviewing: j and k go to the next and previous change, e marks it as reviewed.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const cards = [...document.querySelectorAll("article.change")];
  const at = cards.findIndex((card) => card.contains(document.activeElement));
  if (event.key === "j" || event.key === "k") {
    const next = cards[event.key === "j" ? Math.min(at + 1, cards.length - 1) : Math.max(at - 1, 0)];
    if (next) next.focus();
    if (next) next.scrollIntoView({ block: "nearest" });
  } else if (event.key === "e") {
    const place = at >= 0 ? cards[at] : document;
    const button = place.querySelector("form.review button[value=reviewed]");
    if (button && (at >= 0 || !cards.length)) button.click();
  }
});
