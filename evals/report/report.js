"use strict";
(() => {
  const all = (where, what) => [...where.querySelectorAll(what)];
  const cases = all(document, "[data-case]");

  // —— what is shown
  const form = document.getElementById("filter");
  const shown = form.querySelector("output");
  const texts = new Map();
  const fits = (one, want) => {
    const data = one.dataset;
    if (want.state === "known" ? !("known" in data) : want.state === "broken" ? data.since !== "broken" : want.state && data.state !== want.state) return false;
    if (want.scenario && data.scenario !== want.scenario) return false;
    if (want.scorer && !data.scorers.split("|").includes(want.scorer)) return false;
    if (!want.text) return true;
    if (!texts.has(one)) texts.set(one, (one.dataset.case + one.textContent).toLowerCase());
    return texts.get(one).includes(want.text);
  };
  const filter = () => {
    const want = Object.fromEntries(new FormData(form));
    want.text = want.text.trim().toLowerCase();
    let count = 0;
    for (const one of cases) {
      one.hidden = !fits(one, want);
      count += !one.hidden;
    }
    const any = Object.values(want).some(Boolean);
    shown.textContent = any ? shown.dataset.words.replace("#", count) : "";
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("[data-clear]").addEventListener("click", () => {
    form.reset();
    filter();
  });
  form.querySelector("[data-open]").addEventListener("click", () => {
    const folds = all(document, "#failing .case:not([hidden]) > details");
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
  });
  for (const cell of all(document, "svg a[data-scorer]")) {
    cell.addEventListener("click", () => {
      form.reset();
      form.elements.scenario.value = cell.dataset.scenario;
      form.elements.scorer.value = cell.dataset.scorer;
      filter();
    });
  }
  const reveal = () => {
    const one = /^#case-\d+$/.test(location.hash) && document.querySelector(location.hash);
    if (!one) return;
    one.hidden = false;
    (one.matches("details") ? one : one.querySelector("details")).open = true;
    one.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // —— on paper everything that explains a failing case is open
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all(document, "details.print:not([open])");
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closed) fold.open = false;
  });

  // —— reviews: kept in this browser until they are saved
  const bar = document.getElementById("bar");
  const told = bar.querySelector("output");
  const template = document.getElementById("review").content.firstElementChild;
  const { run, rubric } = document.documentElement.dataset;
  const place = `youli-reviews:${run}:${rubric}`;
  let kept = { reviewer: "", reviews: {} };
  try {
    const read = JSON.parse(localStorage.getItem(place));
    if (read && typeof read.reviews === "object" && read.reviews) kept = { reviewer: String(read.reviewer || ""), reviews: read.reviews };
  } catch {
    // no storage here, or something else in it: begin anew
  }
  const keep = () => {
    try {
      localStorage.setItem(place, JSON.stringify(kept));
    } catch {
      // no storage here: the reviews live until the page is closed
    }
  };
  const say = (text) => {
    const count = Object.keys(kept.reviews).length;
    told.textContent = [bar.dataset.words.replace("#", count), text || (count ? bar.dataset.kept : "")].filter(Boolean).join(" · ");
  };
  const lacks = (one) => one.action !== "agree" && !one.reason.trim();

  // controls of one score or appeal: a choice, and a reason where the choice needs one
  const attach = (host, about, controls, choices) => {
    const { scorer, criterion = "" } = host.dataset;
    const key = JSON.stringify([about.case, Number(about.repeat), scorer, criterion]);
    const reason = controls.querySelector("textarea");
    const paint = () => {
      const mine = kept.reviews[key];
      for (const one of choices) {
        one.button.setAttribute("aria-pressed", String(!!mine && mine.action === one.action && mine.status === one.status));
      }
      reason.hidden = !mine || mine.action === "agree";
      reason.classList.toggle("wanted", !!mine && lacks(mine));
      if (mine && reason.value !== mine.reason) reason.value = mine.reason;
    };
    for (const one of choices) {
      one.button.addEventListener("click", () => {
        const mine = kept.reviews[key];
        const again = mine && mine.action === one.action && mine.status === one.status;
        if (again) delete kept.reviews[key];
        else kept.reviews[key] = { case: about.case, repeat: Number(about.repeat), scorer, criterion, action: one.action, status: one.status, reason: one.action === "agree" ? "" : reason.value };
        keep();
        paint();
        say();
        if (!again && !reason.hidden) reason.focus();
      });
    }
    reason.addEventListener("input", () => {
      if (!kept.reviews[key]) return;
      kept.reviews[key].reason = reason.value;
      reason.classList.toggle("wanted", lacks(kept.reviews[key]));
      keep();
    });
    host.append(controls);
    paint();
  };
  const dress = (score) => {
    if (score.querySelector(".review")) return;
    const status = ["failed", "unscored", "passed"].find((one) => score.classList.contains(one));
    const about = score.closest("[data-case]").dataset;
    const controls = template.cloneNode(true);
    const other = status === "failed" ? "passed" : "failed";
    const choices = all(controls, "button").map((button) => {
      const label = button.dataset[status];
      if (label) button.textContent = label;
      const action = button.dataset.action;
      if (status !== "unscored") return { button, action, status: action === "agree" ? status : other };
      if (action === "agree") button.remove();
      return { button, action: "override", status: action === "override" ? "passed" : "failed" };
    });
    attach(score, about, controls, choices);
  };
  const decide = (appeal) => {
    const controls = document.getElementById("decide").content.firstElementChild.cloneNode(true);
    const choices = all(controls, "button").map((button) => ({ button, action: button.dataset.action, status: null }));
    attach(appeal, { case: appeal.dataset.of, repeat: appeal.dataset.repeat }, controls, choices);
  };
  const dressAll = (where) => all(where, ".score").forEach(dress);
  const start = () => {
    document.body.classList.add("reviewing");
    if (!document.querySelector(".appeal .review")) all(document, ".appeal").forEach(decide);
    for (const one of cases) {
      const fold = one.matches("details") ? one : one.querySelector("details");
      if (fold.open) dressAll(fold);
      fold.addEventListener("toggle", () => fold.open && dressAll(fold));
    }
    say();
  };
  const name = bar.querySelector("input");
  name.value = kept.reviewer;
  name.addEventListener("input", () => {
    kept.reviewer = name.value;
    keep();
  });
  bar.hidden = false;
  bar.querySelector("[data-start]").addEventListener("click", start);
  if (Object.keys(kept.reviews).length) start();

  bar.querySelector("[data-save]").addEventListener("click", () => {
    const reviews = Object.values(kept.reviews);
    const missing = reviews.filter(lacks);
    if (!kept.reviewer.trim()) {
      say(bar.dataset.nobody);
      name.focus();
      return;
    }
    if (missing.length || !reviews.length) {
      say(missing.length ? bar.dataset.missing.replace("#", missing.length) : "");
      return;
    }
    const file = { run, rubric, reviewer: kept.reviewer.trim(), blind: false, reviews };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
    link.download = "reviews.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(bar.dataset.saved);
  });
})();
