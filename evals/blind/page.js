"use strict";
(() => {
  const main = document.getElementById("cases");
  const name = document.getElementById("reviewer");
  const told = document.getElementById("progress");
  const say = told.dataset;
  const key = "youli-" + main.dataset.sheet;
  const fields = [...main.querySelectorAll("fieldset")];
  const chosen = (field) => field.querySelector("input[type=radio]:checked");
  const why = (field) => field.querySelector(".why input");
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, word) => (word in values ? values[word] : whole));
  let kept = true;

  const restore = () => {
    try {
      const before = JSON.parse(localStorage.getItem(key) || "{}");
      name.value = before.reviewer || "";
      for (const field of fields) {
        const radios = [...field.querySelectorAll("input[type=radio]")];
        const [said, reason] = (before.said || {})[radios[0].name] || [];
        const mine = radios.find((radio) => radio.value === said);
        if (mine) mine.checked = true;
        why(field).value = reason || "";
      }
    } catch {
      kept = false;
    }
  };

  const keep = () => {
    const said = {};
    for (const field of fields) {
      const mine = chosen(field);
      if (mine) said[mine.name] = [mine.value, why(field).value];
    }
    try {
      localStorage.setItem(key, JSON.stringify({ reviewer: name.value, said }));
    } catch {
      kept = false;
    }
  };

  const show = (message) => {
    for (const field of fields) field.classList.toggle("said", Boolean(chosen(field)));
    for (const article of main.querySelectorAll("article")) {
      const inside = [...article.querySelectorAll("fieldset")];
      const left = inside.filter((field) => !chosen(field)).length;
      article.classList.toggle("done", left === 0);
      article.querySelector("[data-left]").textContent = left ? fill(say.left, { n: left }) : say.done;
    }
    const done = fields.filter(chosen).length;
    const text = message || fill(say.text, { done, total: fields.length });
    told.textContent = kept ? text : text + " " + say.kept;
  };

  const rows = () =>
    fields.filter(chosen).map((field) => {
      const article = field.closest("article");
      return {
        case: article.dataset.case,
        repeat: Number(article.dataset.repeat),
        scorer: field.dataset.scorer,
        criterion: field.dataset.criterion,
        action: "blind",
        status: chosen(field).value || null,
        reason: why(field).value.trim(),
      };
    });

  const save = () => {
    const reviews = rows();
    if (!name.value.trim()) {
      name.focus();
      return show(say.name);
    }
    if (!reviews.length) return show(say.none);
    const { run, rubric, sheet } = main.dataset;
    const whole = { run, rubric, reviewer: name.value.trim(), blind: true, sheet, reviews };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(whole, null, 1)], { type: "application/json" }));
    link.download = "reviews.json";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    return show(fill(say.saved, { n: reviews.length, left: fields.length - reviews.length }));
  };

  const next = () => {
    const open = fields.find((field) => !chosen(field));
    if (!open) return show();
    open.scrollIntoView({ block: "center" });
    return open.querySelector("input").focus();
  };

  const clear = () => {
    if (!window.confirm(say.sure)) return;
    for (const field of fields) {
      const mine = chosen(field);
      if (mine) mine.checked = false;
      why(field).value = "";
    }
    keep();
    show();
  };

  document.addEventListener("input", () => {
    keep();
    show();
  });
  document.getElementById("save").addEventListener("click", save);
  document.getElementById("next").addEventListener("click", next);
  document.getElementById("clear").addEventListener("click", clear);
  restore();
  show();
})();
