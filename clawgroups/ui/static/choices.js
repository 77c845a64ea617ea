// The buttons of a request, from its choices: the likely one first, the harmful one last.

const TITLES = {
  tool: "Every call of this tool by this sub-agent, from now on",
  group: "Every call of this tool in the whole group, from now on",
};

function button(choice, label, look = "", kbd = "", given = {}) {
  return { title: TITLES[given.scope], key: choice.id + (given.scope ?? ""), choice, label, look, kbd, given };
}

/** `all`: every choice, and the first one stands out; else only what fits a closed item. */
export function buttonsOf(request, all) {
  const made = [];
  for (const choice of request.choices) {
    const label = choice.needs ? `${choice.label}…` : choice.label;
    const look = all && made.length === 0 ? "btn-primary" : "";
    if (choice.id === "approve") {
      made.push(button(choice, "Approve once", look, "A", { scope: "once" }));
      if (all) made.push(button(choice, "Always for this tool", "", "", { scope: "tool" }), button(choice, "For the whole group", "", "", { scope: "group" }));
    } else if (choice.id === "deny") made.push(button(choice, "Deny…", "btn-ghost btn-no", "D"));
    else if (choice.id === "reject") made.push(button(choice, label, "btn-ghost btn-no", "D"));
    else if (choice.id === "fail") made.push(button(choice, `${choice.label}…`, "btn-ghost btn-no"));
    else if (choice.id === "answer") all || made.push(button(choice, "Answer", "", "A"));
    else if (made.length === 0) made.push(button(choice, label, look, "A"));
    else if (all) made.push(button(choice, label));
  }
  return made.sort((a, b) => a.look.includes("btn-no") - b.look.includes("btn-no"));
}
